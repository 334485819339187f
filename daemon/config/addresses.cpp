// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/addresses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace narrowgate::daemon {
namespace {

// Of the 16 bytes of an IPv4 address in IPv6 (RFC 4291 section 2.5.5.2).
constexpr std::size_t kMappedPrefixBytes = 12;

bool is_zero(std::span<const std::uint8_t> bytes) {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool is_any_v4(const Address& address) {
    return address.is_v4() && is_zero(std::span(address.ip).subspan(kMappedPrefixBytes));
}

bool is_any_v6(const Address& address) {
    return is_zero(address.ip);
}

}  // namespace

std::vector<Address> addresses_in(const Value::Array& array, const std::string& file, Findings& findings) {
    std::vector<Address> addresses;
    std::vector<Position> places;
    for (const Value& element : array) {
        const auto* text = std::get_if<std::string>(&element.data);
        const auto address = text != nullptr ? Address::from_text(*text) : std::nullopt;
        if (text == nullptr || !address || address->port == 0) {
            const std::string words =
                text != nullptr ? fmt::format("\"{}\"", shown(*text)) : std::string(element.kind());
            findings.add(file, element.position, fmt::format("{} is no address and port", words),
                         "write numbers, not names, such as \"[::]:5684\" or \"192.0.2.1:5684\"");
        } else if (std::ranges::find(addresses, *address) != addresses.end()) {
            findings.add(file, element.position, fmt::format("\"{}\" is listed twice", *text), "remove one");
        } else {
            addresses.push_back(*address);
            places.push_back(element.position);
        }
    }
    // "[::]" serves IPv4 too (IPV6_V6ONLY is off), and no second socket gets its port.
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const bool covered =
            is_any_v4(addresses[i]) && std::ranges::any_of(addresses, [&](const Address& other) {
                return is_any_v6(other) && other.port == addresses[i].port;
            });
        if (!covered) continue;
        findings.add(file, places[i],
                     fmt::format("\"{}\" is part of \"[::]:{}\", which serves IPv4 too", addresses[i].text(),
                                 addresses[i].port),
                     "remove it");
    }
    return addresses;
}

}  // namespace narrowgate::daemon
