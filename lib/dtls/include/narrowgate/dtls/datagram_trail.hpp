// SPDX-License-Identifier: Apache-2.0
//
// The datagrams of one handshake, one after the other: what each held, how large it was, when it came or
// left.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::dtls {

// What was in a datagram: bits, since one can hold a whole flight.
enum class FlightPart : std::uint16_t {
    kClientHello = 1 << 0,
    kServerHello = 1 << 1,
    kServerHelloDone = 1 << 2,
    kClientKeyExchange = 1 << 3,
    kChangeCipherSpec = 1 << 4,
    kFinished = 1 << 5,   // a protected record: nothing else is protected before the end
    kUnfitting = 1 << 6,  // … which does not authenticate with the handshake's keys
    kAlert = 1 << 7,
    kOther = 1 << 8,
};
inline constexpr std::size_t kFlightParts = 9;

struct TracedDatagram {
    using Milliseconds = std::chrono::duration<std::uint32_t, std::milli>;

    Milliseconds at{};        // since the handshake began
    std::uint16_t bytes = 0;  // of UDP payload
    std::uint16_t parts = 0;  // FlightParts
    bool ours = false;
    bool again = false;  // its sender has sent such a part before

    bool holds(FlightPart part) const { return (parts & static_cast<std::uint16_t>(part)) != 0; }
};

// A value of constant size, so that handshakes stay bounded whatever a peer does. Beyond kKept datagrams the
// latest takes the last place: how it began and how it stands now is what explains a stall.
class DatagramTrail {
public:
    static constexpr std::size_t kKept = 32;

    // A record of the peer. Records of one `datagram`, numbered by the endpoint, share an entry.
    void came(FlightPart part, std::uint64_t datagram, std::size_t bytes, milliseconds at);
    // The record of came() did not authenticate.
    void was_unfitting();
    // A datagram of ours. `parts`: FlightParts.
    void left(std::uint16_t parts, std::size_t bytes, milliseconds at);

    std::span<const TracedDatagram> all() const { return std::span(datagrams_).first(size_); }
    // Datagrams that had no place.
    std::uint32_t left_out() const { return left_out_; }

private:
    TracedDatagram& add(bool ours, std::size_t bytes, milliseconds at);
    static void put(TracedDatagram& into, std::uint16_t parts, std::uint16_t& seen);

    std::array<TracedDatagram, kKept> datagrams_{};
    std::uint8_t size_ = 0;
    std::uint32_t left_out_ = 0;
    std::uint64_t last_came_ = 0;  // number of the datagram of the last entry that is not ours
    std::uint16_t seen_theirs_ = 0;
    std::uint16_t seen_ours_ = 0;
};

}  // namespace narrowgate::dtls
