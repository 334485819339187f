// SPDX-License-Identifier: Apache-2.0
//
// A node as NB-IoT sees one: one DTLS session that it keeps for as long as it can, readings that wait in a
// queue, one confirmable POST at a time, and nothing forgotten before the gateway has acknowledged it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "sim/coap_client.hpp"
#include "sim/dtls_session.hpp"

namespace narrowgate::sim {

// What IPv4 and UDP add to each datagram (RFC 791 section 3.1 without options, RFC 768).
inline constexpr std::size_t kIpUdpHeaderBytes = 20 + 8;

struct NodeOptions {
    DtlsOptions dtls;
    CoapOptions coap;
    std::string resource = "telemetry";
    // Wait before a failed handshake is tried anew, and before a reading that was given up is sent again.
    seconds retry_after{5};
    // A reading that was given up means that the gateway knows the session no more: shake hands anew.
    bool reconnects = false;
};

struct Traffic {
    std::uint64_t datagrams = 0;
    std::uint64_t udp_payload_bytes = 0;

    std::uint64_t bytes_on_air() const { return udp_payload_bytes + datagrams * kIpUdpHeaderBytes; }
};

struct NodeCounts {
    std::uint64_t handshakes_started = 0;
    std::uint64_t handshakes = 0;  // completed
    std::uint64_t handshakes_failed = 0;
    std::uint64_t sent = 0;  // readings that were put on the air at least once
    std::uint64_t acked = 0;
    std::uint64_t refused = 0;          // answered by an error for good: not sent again
    std::uint64_t deferred = 0;         // answered by 4.29 or 5.03: sent again after Max-Age
    std::uint64_t given_up = 0;         // exchanges that ended without an answer: the reading is sent again
    std::uint64_t retransmissions = 0;  // of CoAP messages
    // Of handshakes, and of all that came after them.
    Traffic handshake_up, handshake_down;
    Traffic reading_up, reading_down;
};

struct NodeEvent {
    enum class Kind : std::uint8_t { kEstablished, kSent, kAcked, kRefused, kGivenUp };
    Kind kind;
    std::uint64_t sequence = 0;  // of the reading; 0 for kEstablished
    std::uint8_t code = 0;       // CoAP response code of kAcked and kRefused
    SteadyTime at;
};

// Sans-I/O: datagrams and time in, datagrams, events and the next deadline out. Thread: its owner's.
class NodeClient {
public:
    NodeClient(const NodeOptions& options, std::uint64_t seed);

    void connect(Now now);
    // Takes one reading of the sensors into the queue.
    void measure(Now now);

    void receive(ByteView datagram, Now now);
    void advance(Now now);
    std::optional<SteadyTime> next_deadline() const;

    // Datagrams to put on the air and events since the last call, in order.
    std::optional<Bytes> next_datagram();
    std::vector<NodeEvent> take_events() { return std::exchange(events_, {}); }

    // Readings that are neither acknowledged nor refused.
    std::size_t waiting() const { return queue_.size(); }
    bool established() const { return dtls_.state() == DtlsSession::State::kEstablished; }
    bool has_connection_id() const { return established() && dtls_.has_connection_id(); }
    const std::string& identity() const { return identity_; }
    const NodeCounts& counts() const { return counts_; }

private:
    struct Measured {
        std::uint64_t sequence;
        SteadyTime at;
        double temperature_celsius;
        std::uint64_t volume_litres;
        bool sent = false;
    };

    void settle(Now now);
    void send_next(Now now);
    void take_response(const CoapResponse& response, Now now);
    void note(NodeEvent::Kind kind, std::uint64_t sequence, std::uint8_t code, Now now);

    const std::string identity_;
    const std::string resource_;
    const seconds retry_after_;
    const bool reconnects_;

    std::mt19937_64 random_;
    DtlsSession dtls_;
    CoapClient coap_;
    DtlsSession::State last_state_ = DtlsSession::State::kIdle;
    std::deque<Measured> queue_;  // the first is the one in the exchange, if there is one
    std::optional<SteadyTime> not_before_;
    std::uint64_t last_sequence_ = 0;
    std::uint64_t litres_ = 0;
    std::vector<NodeEvent> events_;
    NodeCounts counts_;
};

}  // namespace narrowgate::sim
