// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace narrowgate {
namespace {

constexpr std::size_t kMappedPrefixBytes = 12;

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

void map_v4(const in_addr& v4, std::array<std::uint8_t, 16>& ip) {
    ip.fill(0);
    ip[10] = ip[11] = 0xff;
    std::memcpy(ip.data() + kMappedPrefixBytes, &v4, sizeof v4);
}

}  // namespace

bool Address::is_v4() const {
    return std::all_of(ip.begin(), ip.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
           ip[10] == 0xff && ip[11] == 0xff;
}

std::string Address::text() const {
    char buffer[INET6_ADDRSTRLEN];
    if (is_v4()) {
        inet_ntop(AF_INET, ip.data() + kMappedPrefixBytes, buffer, sizeof buffer);
        return fmt::format("{}:{}", buffer, port);
    }
    inet_ntop(AF_INET6, ip.data(), buffer, sizeof buffer);
    return scope == 0 ? fmt::format("[{}]:{}", buffer, port) : fmt::format("[{}%{}]:{}", buffer, scope, port);
}

std::optional<Address> Address::from_text(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = number<std::uint16_t>(text.substr(colon + 1));
    if (!port) return std::nullopt;

    Address address;
    address.port = *port;
    std::string_view host = text.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        if (const auto percent = host.find('%'); percent != std::string_view::npos) {
            const auto scope = number<std::uint32_t>(host.substr(percent + 1));
            if (!scope) return std::nullopt;
            address.scope = *scope;
            host = host.substr(0, percent);
        }
        if (inet_pton(AF_INET6, std::string(host).c_str(), address.ip.data()) != 1) return std::nullopt;
        return address;
    }
    in_addr v4{};
    if (inet_pton(AF_INET, std::string(host).c_str(), &v4) != 1) return std::nullopt;
    map_v4(v4, address.ip);
    return address;
}

std::optional<Address> Address::from_sockaddr(const sockaddr_storage& storage) {
    Address address;
    if (storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &storage, sizeof in);
        map_v4(in.sin_addr, address.ip);
        address.port = ntohs(in.sin_port);
        return address;
    }
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in6{};
        std::memcpy(&in6, &storage, sizeof in6);
        std::memcpy(address.ip.data(), &in6.sin6_addr, address.ip.size());
        address.port = ntohs(in6.sin6_port);
        address.scope = IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) ? in6.sin6_scope_id : 0;
        return address;
    }
    return std::nullopt;
}

unsigned Address::to_sockaddr(sockaddr_storage& out, bool v4_socket) const {
    out = {};
    if (v4_socket) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, ip.data() + kMappedPrefixBytes, sizeof in.sin_addr);
        std::memcpy(&out, &in, sizeof in);
        return sizeof in;
    }
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    in6.sin6_scope_id = scope;
    std::memcpy(&in6.sin6_addr, ip.data(), ip.size());
    std::memcpy(&out, &in6, sizeof in6);
    return sizeof in6;
}

std::uint64_t hash_of(const Path& path, std::uint64_t seed) {
    std::uint64_t hash = seed ^ 0x9e3779b97f4a7c15ULL;
    const auto mix = [&hash](std::uint64_t word) {
        hash ^= word;
        hash *= 0xff51afd7ed558ccdULL;
        hash ^= hash >> 32;
    };
    const auto mix_address = [&mix](const Address& address) {
        std::uint64_t halves[2];
        std::memcpy(halves, address.ip.data(), sizeof halves);
        mix(halves[0]);
        mix(halves[1]);
        mix(std::uint64_t{address.scope} << 16 | address.port);
    };
    mix_address(path.local);
    mix_address(path.remote);
    return hash;
}

}  // namespace narrowgate
