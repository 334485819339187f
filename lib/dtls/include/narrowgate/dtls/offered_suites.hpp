// SPDX-License-Identifier: Apache-2.0
//
// The cipher suites that a ClientHello offers, as far as an explanation needs them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::dtls {

// IANA numbers. A node offers a few; of a longer list the first kKept are kept, and how many there were.
struct OfferedSuites {
    static constexpr std::size_t kKept = 12;

    std::array<std::uint16_t, kKept> numbers{};
    std::uint8_t kept = 0;
    std::uint16_t offered = 0;

    // `list`: RFC 5246 section 7.4.1.2, cipher_suites without its length.
    static OfferedSuites read(ByteView list) {
        OfferedSuites suites;
        suites.offered = static_cast<std::uint16_t>(list.size() / 2);
        suites.kept = static_cast<std::uint8_t>(std::min<std::size_t>(suites.offered, kKept));
        ByteReader reader(list);
        for (std::size_t i = 0; i < suites.kept; ++i)
            suites.numbers[i] = reader.u16();
        return suites;
    }

    std::span<const std::uint16_t> view() const { return std::span(numbers).first(kept); }
};

}  // namespace narrowgate::dtls
