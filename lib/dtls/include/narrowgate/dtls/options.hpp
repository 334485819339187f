// SPDX-License-Identifier: Apache-2.0
//
// What can be chosen about the DTLS side of one ingress shard. Each field: default, unit, reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::dtls {

// RFC 4279 section 5.3 asks for at least these; longer ones are not stored and not looked up.
inline constexpr std::size_t kMaxIdentityBytes = 128;
inline constexpr std::size_t kMaxPskBytes = 64;

// Connection IDs that we hand out (RFC 9146 leaves their length to the receiver).
inline constexpr std::size_t kMinCidBytes = 4;
inline constexpr std::size_t kMaxCidBytes = 8;

// Below this the longest flight of ours (ServerHello with every extension) would need fragments that some
// modem stacks do not reassemble; above the other no link of this kind carries a datagram whole.
inline constexpr std::size_t kMinMtuBytes = 256;
inline constexpr std::size_t kMaxMtuBytes = 1280;

struct Options {
    // Bytes of UDP payload that we send at most, record expansion included. 512: what a u-blox SARA-N2
    // takes in one datagram. Never applied to what is received.
    std::size_t mtu = 512;

    // First and longest wait before a flight is sent again (RFC 7925 section 11 asks for 9 s on such links).
    // The waits double; after the longest one the handshake has failed.
    milliseconds handshake_timeout_min = seconds(9);
    milliseconds handshake_timeout_max = seconds(60);

    // kMinCidBytes to kMaxCidBytes. 6: one byte says whose it is, 40 random bits keep collisions away.
    std::size_t cid_bytes = 6;
    // 0 to 15: the high nibble of a CID's first byte, for steering without keys between gateways.
    std::uint8_t node = 0;
    // Below `shards`, which is 1 to 16. The low nibble of a new CID's first byte is drawn among those that
    // ShardMap gives to this shard, all of them: so another number of shards spreads the same sessions.
    std::uint8_t shard = 0;
    std::uint8_t shards = 1;

    // Handshakes at one time; more are shed. About 12 KB each, and each has shown a good cookie.
    std::size_t max_handshakes = 1024;

    // A ClientHello of a new attempt replaces a handshake on the same path only when that one has made no
    // progress for so long: a late duplicate must not end a handshake, a rebooted node must not wait.
    milliseconds displace_after = seconds(2);

    // Of silence while the gateway runs, then a session is forgotten.
    seconds session_lifetime = std::chrono::days(90);

    // Sequence numbers that one commit makes durable ahead of need. Large: a lease costs eight bytes on disk
    // however long it is, and 2^48 numbers last for 8 million restarts at this size.
    std::uint64_t lease_block = std::uint64_t{1} << 15;

    // A client that repeats its last flight is answered at most so often, each session for itself.
    milliseconds repeat_answer_interval = seconds(1);
};

}  // namespace narrowgate::dtls
