// SPDX-License-Identifier: Apache-2.0
//
// Which shard a datagram is for, told from its record headers and its path alone: no keys, no tables. The
// kernel's socket filter knows the first half of the rule; what it steers wrongly is handed over.
#pragma once

#include <cstdint>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/siphash.hpp"

namespace narrowgate::dtls {

// The low nibble of a CID's first byte names a shard, so there are no more.
inline constexpr std::uint8_t kMaxShards = 16;

// Where the first byte of a CID is in a record of type tls12_cid (RFC 9146 section 4): behind type 1,
// version 2, epoch 2 and sequence number 6.
inline constexpr std::size_t kCidOffset = 11;

// Immutable. Thread: any.
class ShardMap {
public:
    // `shards`: 1 to kMaxShards. `key`: 16 bytes, random for each boot. Aborts when either is not.
    ShardMap(std::uint8_t shards, ByteView key);

    std::uint8_t shards() const { return shards_; }

    // A datagram with a record of type tls12_cid goes by the low nibble of that record's byte kCidOffset,
    // modulo shards: the first or, where a client repeats its last flight from another address, one behind
    // plain records. All else, a ClientHello too, goes by SipHash-2-4 of its path: so a handshake, the CID
    // that it hands out and the session that comes of it stay in one shard.
    std::uint8_t owner_of(ByteView datagram, const Path& path) const;

    // Whose a session of the journal is: `cid` as in SessionRecord, empty for one bound to `path`.
    std::uint8_t owner_of_session(ByteView cid, const Path& path) const;

private:
    std::uint8_t owner_of_cid(std::uint8_t first_byte) const;
    std::uint8_t owner_of_path(const Path& path) const;

    std::uint8_t shards_;
    SipHash hash_;
};

}  // namespace narrowgate::dtls
