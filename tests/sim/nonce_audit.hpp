// SPDX-License-Identifier: Apache-2.0
//
// Watches every datagram and asserts that no AEAD nonce is used twice (P3): that no (session, direction,
// epoch, sequence number) is ever seen with two different records. It holds no key and shares no code with
// the gateway; it knows sessions by what any observer sees:
//
//   up    by connection ID and the random of the node's latest ClientHello; without an ID, by the node and
//   that down  by the node and the random of the latest ServerHello before the gateway's last
//   ChangeCipherSpec
//
// A connection ID alone is not enough: when a port changes hands in the midst of a handshake, the ServerHello
// with the ID reaches another node, which makes keys of its own of it before its handshake fails.
// A ServerHello alone begins nothing: an attacker's copy of a ClientHello can cause one. Records of epoch 1
// and above are examined; exact repetitions are fine. Where the explicit nonce (RFC 6655 section 3, RFC 5288
// section 3) is not the record's epoch and number, it is examined as well.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/link.hpp"
#include "sim/recording.hpp"

namespace narrowgate::sim {

struct NonceAuditOptions {
    std::size_t up_cid_bytes = 6;    // of the connection IDs that the gateway gives out
    std::size_t down_cid_bytes = 0;  // of those that nodes ask for
    // What the gateway sends to a port so soon after the port was given to another node may still be meant
    // for the former one: nobody outside can tell, and it is not examined.
    std::chrono::microseconds hand_over = seconds(10);
};

struct NonceCollision {
    std::string session;  // for people
    Direction direction;
    std::uint64_t number;  // epoch and sequence number as on the wire, or the explicit nonce
    WallTime first, second;
};

struct NonceAuditCounts {
    std::uint64_t datagrams = 0;
    std::uint64_t records_up = 0, records_down = 0;    // protected, examined, without repetitions
    std::uint64_t sessions_up = 0, sessions_down = 0;  // with at least one such record
    std::uint64_t repetitions = 0;                     // exact
    std::uint64_t plaintext = 0;                       // records of epoch 0
    std::uint64_t replays = 0;                         // of the attacker; they are copies and not examined
    std::uint64_t unattributable = 0;                  // records during a hand-over, or to a port nobody had
    std::uint64_t unreadable = 0;                      // datagrams that do not end where a record does
    std::uint64_t foreign_nonces = 0;  // records whose explicit nonce is not their epoch and number
    std::uint64_t collisions = 0;
};

// Memory: about 60 bytes a record. Thread: its owner's.
class NonceAudit {
public:
    explicit NonceAudit(const NonceAuditOptions& options = {}) : options_(options) {}

    // In the order of time.
    void examine(const Recorded& recorded);

    const NonceAuditCounts& counts() const { return counts_; }
    // The first of them, at most kMaxCollisions.
    const std::vector<NonceCollision>& collisions() const { return collisions_; }
    static constexpr std::size_t kMaxCollisions = 20;

private:
    struct Record;
    using Random = std::array<std::uint8_t, 32>;
    struct Node {
        Random client{};             // of its latest ClientHello
        Random offered{};            // of the latest ServerHello to it
        std::optional<Random> down;  // of the session that the gateway seals for
    };
    struct Port {
        Address inside;
        std::optional<WallTime> changed;  // hands
    };
    struct Use {
        std::uint32_t session;
        Direction direction;
        std::uint64_t number;
        bool operator==(const Use&) const = default;
    };
    struct UseHash {
        std::size_t operator()(const Use& use) const;
    };
    struct Seen {
        std::uint64_t digest;
        WallTime at;
    };

    void up(const Recorded& recorded);
    void down(const Recorded& recorded);
    void mapped(const Recorded& recorded);
    std::vector<Record> records(ByteView datagram, std::size_t cid_bytes);
    void use(const std::string& session, Direction direction, const Record& record, WallTime at);
    void note(const std::string& session, const Use& use, const Seen& seen);
    std::string session_of(const Record& record, const Address& inside);
    std::uint32_t number_of(const std::string& session, Direction direction);

    const NonceAuditOptions options_;
    std::map<Address, Node> nodes_;
    std::map<std::uint16_t, Port> ports_;
    // The client's random of each connection ID, for nodes that go on from another inside address.
    std::unordered_map<std::string, Random> randoms_;
    std::unordered_map<std::string, std::uint32_t> sessions_;
    std::unordered_map<Use, Seen, UseHash> seen_;
    std::vector<NonceCollision> collisions_;
    NonceAuditCounts counts_;
};

}  // namespace narrowgate::sim
