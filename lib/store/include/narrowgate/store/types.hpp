// SPDX-License-Identifier: Apache-2.0
//
// The names by which the store and its callers speak of things.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace narrowgate::store {

using SessionId = std::uint64_t;      // random, chosen by who opens the session
using CredentialId = std::uint64_t;   // given by the store, never twice
using ReadingNumber = std::uint64_t;  // 1, 2, 3 … over the store's whole life; 0 is no reading
using UpstreamId = std::uint8_t;      // 0 … kMaxUpstreams - 1
using UpstreamMask = std::uint64_t;   // bit `1 << id` set: the reading is for that upstream
using SinkId = std::uint32_t;

inline constexpr std::size_t kMaxUpstreams = 64;   // bits of UpstreamMask
inline constexpr std::size_t kMaxNameBytes = 255;  // of a device, fleet, resource or upstream

constexpr UpstreamMask mask_of(UpstreamId id) {
    return UpstreamMask{1} << id;
}

// Made at random with the store; part of every reading's id, so that two gateways never name one alike.
struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    bool operator==(const Uuid&) const = default;
    // "8-4-4-4-12" in lower-case hexadecimal (RFC 9562 section 4).
    std::string text() const;
    // Nothing when it is not 32 hexadecimal digits, hyphens apart.
    static std::optional<Uuid> from_text(std::string_view text);
};

// The id of a reading: "<uuid>-<number>", the same on every redelivery.
std::string reading_id(const Uuid& store, ReadingNumber number);

}  // namespace narrowgate::store
