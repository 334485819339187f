// SPDX-License-Identifier: Apache-2.0
//
// What was asked lately and what was answered, so that a retransmission gets the same reply and has no
// second effect (RFC 7252 sections 4.2, 4.3 and 4.5).
//
// Every call is O(1), but forget(), which is O(exchanges of that session). Memory: about 160 bytes an
// exchange and the reply; all of it is bounded by ExchangeLimits, oldest first out. An exchange that is
// pushed out early costs its node a reading stored twice, never one lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/coap/numbers.hpp"

namespace narrowgate::coap {

// The number of a DTLS session; unique over the gateway's life and not chosen by the peer.
using SessionId = std::uint64_t;

// A fleet's transmission parameters (RFC 7252 section 4.8), as its nodes are configured. Lifetimes derived
// from them are cut at Exchanges::kLongestLifetime, which an ACK_TIMEOUT of up to two minutes stays below.
struct TransmissionParameters {
    milliseconds ack_timeout{2'000};    // ACK_TIMEOUT; nodes on NB-IoT are better set to 10 s or more
    double ack_random_factor = 1.5;     // ACK_RANDOM_FACTOR
    unsigned max_retransmit = 4;        // MAX_RETRANSMIT; at most 16
    milliseconds max_latency{100'000};  // MAX_LATENCY

    // Derived as in RFC 7252 section 4.8.2; 45 s, 247 s and 145 s with the defaults.
    milliseconds max_transmit_span() const;
    milliseconds exchange_lifetime() const;
    milliseconds non_lifetime() const;
    // How long a message ID of this type must be remembered.
    milliseconds lifetime_of(MessageType type) const;
};

struct ExchangeLimits {
    std::size_t max_exchanges = 1'000'000;
    std::size_t max_exchanges_per_session = 64;
    std::size_t max_reply_bytes = 64 * 1024 * 1024;  // of all replies together
};

// Thread: one; an object of an ingress shard.
class Exchanges {
public:
    enum class Standing : std::uint8_t {
        kNew,                  // now in progress: complete() or abandon() must follow
        kDuplicateAnswered,    // `reply` is what was answered; empty when the answer was silence
        kDuplicateInProgress,  // to be swallowed: its answer is on the way
    };
    struct Begun {
        Standing standing;
        ByteView reply;  // owned by this object, valid until its next call
    };

    // An exchange is never kept longer than this, whatever a stored expiry or a stepped wall clock says.
    static constexpr seconds kLongestLifetime{3'600};

    explicit Exchanges(ExchangeLimits limits = {});
    Exchanges(const Exchanges&) = delete;
    Exchanges& operator=(const Exchanges&) = delete;

    // CON and NON share one space of message IDs (RFC 7252 section 4.4).
    Begun begin(SessionId session, std::uint16_t mid, milliseconds lifetime, Now now);
    // The commit holds: from now on duplicates get `reply`. Does nothing when the exchange is gone.
    void complete(SessionId session, std::uint16_t mid, ByteView reply);
    // The commit failed and nothing was answered: the retransmission is tried anew. Does nothing to an
    // exchange that is already complete.
    void abandon(SessionId session, std::uint16_t mid);
    // Puts back an exchange that a commit before a restart had recorded; one past its `expiry` is ignored.
    void restore(SessionId session, std::uint16_t mid, ByteView reply, WallTime expiry, Now now);
    // The session ended.
    void forget(SessionId session);

    std::size_t size() const { return exchanges_.size(); }
    std::size_t reply_bytes() const { return reply_bytes_; }
    PoolLoad load() const { return {exchanges_.size(), limits_.max_exchanges}; }
    PoolLoad reply_byte_load() const { return {reply_bytes_, limits_.max_reply_bytes}; }
    // Exchanges pushed out by a limit before their time.
    std::uint64_t pushed_out() const { return pushed_out_; }

private:
    struct Key {
        SessionId session = 0;
        std::uint16_t mid = 0;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const;
    };
    struct Exchange;
    // Neighbours in a list from oldest to newest.
    struct Links {
        Exchange* older = nullptr;
        Exchange* newer = nullptr;
    };
    struct Exchange {
        Key key;
        SteadyTime expiry;
        Bytes reply;
        bool in_progress = true;
        Links everywhere;
        Links in_session;
    };
    struct List {
        Exchange* oldest = nullptr;
        Exchange* newest = nullptr;
        std::size_t size = 0;
    };

    static void append(List& list, Links Exchange::* links, Exchange& exchange);
    static void unlink(List& list, Links Exchange::* links, Exchange& exchange);
    Exchange& insert(Key key, SteadyTime expiry);
    void erase(Exchange& exchange);
    void set_reply(Exchange& exchange, ByteView reply);
    void drop_expired(Now now);

    const ExchangeLimits limits_;
    std::unordered_map<Key, Exchange, KeyHash> exchanges_;  // its nodes do not move
    std::unordered_map<SessionId, List> sessions_;
    List all_;
    std::size_t reply_bytes_ = 0;
    std::uint64_t pushed_out_ = 0;
};

}  // namespace narrowgate::coap
