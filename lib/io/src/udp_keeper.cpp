// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/udp_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace narrowgate::io {
namespace {

constexpr std::string_view kPrefix = "udp-";

// "udp-0-[..].5684": the manager wants no colon in a name (sd_notify(3), FDNAME=).
std::string name_of(const Address& address, std::size_t number) {
    std::string text = address.text();
    std::ranges::replace(text, ':', '.');
    return fmt::format("{}{}-{}", kPrefix, number, text);
}

std::optional<std::size_t> number_of(std::string_view name) {
    if (!name.starts_with(kPrefix)) return std::nullopt;
    name.remove_prefix(kPrefix.size());
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end == name.data() + name.size() || *end != '-') return std::nullopt;
    return number;
}

}  // namespace

UdpKeeper::UdpKeeper(const ServiceManager& manager, std::vector<KeptDescriptor> descriptors)
    : manager_(manager) {
    for (KeptDescriptor& kept : descriptors) {
        const auto number = number_of(kept.name);
        auto socket = number ? UdpSocket::adopt(std::move(kept.descriptor), kReceiveBufferBytes)
                             : std::optional<UdpSocket>();
        if (socket && name_of(socket->local(), *number) == kept.name) {
            kept_.push_back({.number = *number, .socket = std::move(*socket)});
        } else {
            manager.forget(kept.name);
        }
    }
    std::ranges::sort(kept_, {}, &Kept::number);
}

void UdpKeeper::finish() {
    // From the highest number down, so that none of the others gets another one.
    for (; !kept_.empty(); kept_.pop_back())
        release(kept_.back().socket, kept_.back().number);
}

std::vector<UdpSocket> UdpKeeper::take(const Address& listen) {
    const auto others =
        std::ranges::stable_partition(kept_, [&](const Kept& kept) { return kept.socket.local() == listen; });
    std::vector<Kept> group(std::make_move_iterator(kept_.begin()), std::make_move_iterator(others.begin()));
    kept_.erase(kept_.begin(), others.begin());

    std::size_t known = 0;
    while (known < group.size() && group[known].number == known)
        ++known;
    for (; group.size() > known; group.pop_back())
        release(group.back().socket, group.back().number);
    std::vector<UdpSocket> taken;
    taken.reserve(group.size());
    for (Kept& kept : group)
        taken.push_back(std::move(kept.socket));
    return taken;
}

void UdpKeeper::keep(const std::vector<UdpSocket>& group, std::size_t first) const {
    for (std::size_t number = first; number < group.size(); ++number)
        manager_.keep(name_of(group[number].local(), number), group[number].fd());
}

void UdpKeeper::release(const UdpSocket& socket, std::size_t number) const {
    manager_.forget(name_of(socket.local(), number));
}

}  // namespace narrowgate::io
