// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/datagram_trail.hpp"

#include <algorithm>
#include <limits>

namespace narrowgate::dtls {
namespace {

// What tells that a flight is sent again; the other parts come along with these.
constexpr std::uint16_t kTelling = static_cast<std::uint16_t>(FlightPart::kClientHello) |
                                   static_cast<std::uint16_t>(FlightPart::kServerHello) |
                                   static_cast<std::uint16_t>(FlightPart::kClientKeyExchange) |
                                   static_cast<std::uint16_t>(FlightPart::kFinished);

template <class Narrow>
Narrow clamped(std::uint64_t value) {
    return static_cast<Narrow>(std::min<std::uint64_t>(value, std::numeric_limits<Narrow>::max()));
}

}  // namespace

TracedDatagram& DatagramTrail::add(bool ours, std::size_t bytes, milliseconds at) {
    if (size_ < kKept) {
        ++size_;
    } else {
        ++left_out_;
    }
    TracedDatagram& added = datagrams_[size_ - 1u];
    const auto since = static_cast<std::uint64_t>(std::max<milliseconds::rep>(0, at.count()));
    added = {.at = TracedDatagram::Milliseconds(clamped<std::uint32_t>(since)),
             .bytes = clamped<std::uint16_t>(bytes),
             .parts = 0,
             .ours = ours,
             .again = false};
    return added;
}

void DatagramTrail::put(TracedDatagram& into, std::uint16_t parts, std::uint16_t& seen) {
    if ((parts & seen & kTelling) != 0) into.again = true;
    into.parts = static_cast<std::uint16_t>(into.parts | parts);
    seen = static_cast<std::uint16_t>(seen | parts);
}

void DatagramTrail::came(FlightPart part, std::uint64_t datagram, std::size_t bytes, milliseconds at) {
    const bool same = size_ > 0 && !datagrams_[size_ - 1u].ours && last_came_ == datagram;
    TracedDatagram& entry = same ? datagrams_[size_ - 1u] : add(false, bytes, at);
    last_came_ = datagram;
    put(entry, static_cast<std::uint16_t>(part), seen_theirs_);
}

void DatagramTrail::was_unfitting() {
    if (size_ == 0 || datagrams_[size_ - 1u].ours) return;
    auto& parts = datagrams_[size_ - 1u].parts;
    parts = static_cast<std::uint16_t>(parts | static_cast<std::uint16_t>(FlightPart::kUnfitting));
}

void DatagramTrail::left(std::uint16_t parts, std::size_t bytes, milliseconds at) {
    put(add(true, bytes, at), parts, seen_ours_);
}

}  // namespace narrowgate::dtls
