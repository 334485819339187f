// SPDX-License-Identifier: Apache-2.0
//
// A UDP endpoint as a value. IPv4 is held in its IPv4-mapped form (RFC 4291 section 2.5.5.2), so that one
// table and one comparison serve both families.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr_storage;

namespace narrowgate {

struct Address {
    std::array<std::uint8_t, 16> ip{};
    std::uint16_t port = 0;
    std::uint32_t scope = 0;  // interface index of a link-local address, else 0

    auto operator<=>(const Address&) const = default;

    bool is_v4() const;
    // "192.0.2.1:5684", "[2001:db8::1]:5684", "[fe80::1%2]:5684".
    std::string text() const;

    // Reads the form that text() writes. Nothing when it is not that; names are not resolved.
    static std::optional<Address> from_text(std::string_view text);
    // Nothing when the family is neither AF_INET nor AF_INET6.
    static std::optional<Address> from_sockaddr(const sockaddr_storage& storage);
    // Writes a sockaddr_in6 (mapped for IPv4), or a sockaddr_in when `v4_socket`; returns its size.
    unsigned to_sockaddr(sockaddr_storage& out, bool v4_socket) const;
};

// The two ends of an exchange, seen from us: replies leave from the address that was asked.
struct Path {
    Address local;
    Address remote;

    auto operator<=>(const Path&) const = default;
};

// Spreads well for honest peers; tables that strangers can fill must key it (see `seed`).
std::uint64_t hash_of(const Path& path, std::uint64_t seed);

}  // namespace narrowgate
