// SPDX-License-Identifier: Apache-2.0
//
// The cipher suites that a ClientHello offers, as far as an explanation needs them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/dtls/record_state.hpp"

namespace narrowgate::dtls {

// IANA numbers. A node offers a few; of a longer list the first kKept are kept, and how many there were.
struct OfferedSuites {
    static constexpr std::size_t kKept = 12;

    std::array<std::uint16_t, kKept> numbers{};
    std::uint8_t kept = 0;
    std::uint16_t offered = 0;
    bool common = false;  // one of them, kept or not, is ours

    // `list`: RFC 5246 section 7.4.1.2, cipher_suites without its length.
    static OfferedSuites read(ByteView list) {
        OfferedSuites suites;
        suites.offered = static_cast<std::uint16_t>(list.size() / 2);
        suites.kept = static_cast<std::uint8_t>(std::min<std::size_t>(suites.offered, kKept));
        ByteReader reader(list);
        for (std::size_t i = 0; i < suites.offered; ++i) {
            const std::uint16_t number = reader.u16();
            if (i < kKept) suites.numbers[i] = number;
            suites.common = suites.common || is_ours(number);
        }
        return suites;
    }

    static bool is_ours(std::uint16_t number) {
        switch (static_cast<CipherSuite>(number)) {
            case CipherSuite::kPskAes128Ccm8:
            case CipherSuite::kPskAes128Ccm:
            case CipherSuite::kPskAes128GcmSha256:
                return true;
        }
        return false;
    }

    std::span<const std::uint16_t> view() const { return std::span(numbers).first(kept); }
};

}  // namespace narrowgate::dtls
