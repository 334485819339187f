// SPDX-License-Identifier: Apache-2.0
//
// A broker that treats a gateway as AWS IoT Core does, for what mosquitto cannot: publishes above a rate are
// discarded without a word, bytes above one are read late, quotas and policies answer with reason codes or
// with a closed connection. Takes publishes and delivers them to nobody. No sockets and no clock: bytes and
// times in, bytes out.
//
// Rules: "AWS IoT Core endpoints and quotas", and "MQTT" and "Device communication protocols" in its
// developer guide. What no page says is chosen here: the rate is a bucket that holds one second's worth, and
// a packet that is too large ends the connection with the standard's own code.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "sim/aws_traffic.hpp"
#include "sim/mqtt5.hpp"

namespace narrowgate::sim {

struct AwsOptions {
    // A connection; 0: no limit.
    double publishes_per_second = 100;
    double bytes_per_second = 512 * 1024;
    std::uint16_t receive_maximum = 100;
    std::uint16_t topic_alias_maximum = 8;
    std::size_t max_payload_bytes = std::size_t{128} * 1024;
    // A shorter keep-alive is taken for the least, none or a longer one for the most.
    seconds least_keep_alive{30};
    seconds most_keep_alive{1200};
    // Between two CONNECTs of one client ID.
    milliseconds connect_interval{1000};
    // Every answer leaves so long after its question: a far broker, without a proxy.
    milliseconds round_trip{0};
    // Topic filters that the client's policy does not allow to publish to; `silent`: who does is not told
    // 0x87, the connection closes.
    std::vector<std::string> denied{};
    bool silent = false;
    // Ends every connection that has stood so long, with a reason or (nothing) without a word.
    std::optional<milliseconds> disconnect_every{};
    std::optional<mqtt5::Reason> disconnect_reason{};
};

struct AwsCounts {
    std::uint64_t connections = 0;
    std::uint64_t connects_too_fast = 0;  // answered 0x97
    std::uint64_t taken_over = 0;
    std::uint64_t publishes = 0;  // all that came
    std::uint64_t taken = 0;
    std::uint64_t discarded = 0;   // above the rate
    std::uint64_t duplicates = 0;  // with the DUP flag
    std::uint64_t aliased = 0;     // topic left off, an alias in its place
    std::uint64_t unanswered = 0;  // taken, and the connection ended before the PUBACK left
    std::uint64_t delayed = 0;     // times that reading was put off, above the bytes
    std::uint64_t early = 0;       // packets before the CONNACK
    std::uint64_t pings = 0;
    std::uint64_t bytes = 0;  // of all packets that came
    std::uint64_t metered_units = 0;
    std::size_t largest_unacknowledged = 0;
    double largest_second = 0;        // publishes in any second of one connection
    double largest_second_bytes = 0;  // likewise
    std::optional<milliseconds> shortest_connect_interval;
    std::map<std::uint8_t, std::uint64_t> answers;      // PUBACKs by reason
    std::map<std::uint8_t, std::uint64_t> disconnects;  // sent, by reason
    std::uint64_t closed = 0;                           // by us without a word
};

// Thread: one.
class AwsBroker {
public:
    using ConnectionId = std::uint64_t;

    // A publish that was taken; valid during the call.
    struct Taken {
        std::uint64_t number = 0;  // 1, 2, 3 …
        WallTime at{};
        std::string_view client;
        std::string_view topic;
        std::string_view content_type;
        ByteView payload;
        bool dup = false;
    };
    // What becomes known of connections and publishes.
    struct Listener {
        // A CONNECT was accepted, that asked for this keep-alive.
        std::function<void(const std::string& client, seconds keep_alive)> connected = [](const std::string&,
                                                                                          seconds) {};
        std::function<void(const Taken&)> taken = [](const Taken&) {};
        // The connection ended before these were answered: who sends them again is right to.
        std::function<void(const std::vector<std::uint64_t>&)> unanswered =
            [](const std::vector<std::uint64_t>&) {};
    };
    struct Output {
        ConnectionId to = 0;
        Bytes bytes;         // perhaps none
        bool close = false;  // afterwards
    };

    AwsBroker(AwsOptions options, Listener listener);

    ConnectionId opened(SteadyTime now);
    void received(ConnectionId id, ByteView bytes, const Now& now);
    void gone(ConnectionId id);
    // When the connection may be read next; at or before now: at once.
    SteadyTime readable_at(ConnectionId id) const;

    // What is to be sent by now, one at a time.
    std::optional<Output> take(SteadyTime now);
    // Ends what has been silent for too long, and whose time is over. Call it at deadline() and before
    // take().
    void turn(SteadyTime now);
    std::optional<SteadyTime> deadline() const;

    // --- Commands
    // All connections, with a reason or without a word.
    void disconnect_all(std::optional<mqtt5::Reason> reason, SteadyTime now);
    // Publishes are answered with this code and not taken.
    void refuse(mqtt5::Reason reason, SteadyTime until);
    // The next CONNECT is answered with this code, whether MQTT 5 knows it there or not.
    void refuse_next_connect(mqtt5::Reason reason) { refusing_connect_ = reason; }
    // The next `count` publishes are taken and not answered; then their connection is cut.
    void lose_answers(std::size_t count) { answers_to_lose_ = count; }
    // Neither reads nor writes.
    void stall(SteadyTime until) { stalled_until_ = until; }
    void deny(std::string filter) { options_.denied.push_back(std::move(filter)); }
    void allow_all() { options_.denied.clear(); }

    const AwsCounts& counts() const { return counts_; }

private:
    struct Connection {
        Connection(const AwsOptions& options, SteadyTime now);

        mqtt5::PacketStream stream;
        std::string client;  // empty before its CONNECT
        bool welcomed = false;
        seconds keep_alive{0};
        SteadyTime heard;
        std::optional<SteadyTime> ends;
        std::map<std::uint16_t, std::string> aliases;
        std::map<std::uint16_t, std::uint64_t> unanswered;  // numbers of publishes by packet identifier
        Allowance publishes;
        Allowance bytes;
        BusiestSecond publish_rate;
        BusiestSecond byte_rate;
        SteadyTime readable_at{};
    };
    struct Pending {
        SteadyTime at;
        Output output;
        bool welcomes = false;
        std::uint16_t answers = 0;  // packet identifier; 0: none
    };
    using Connections = std::map<ConnectionId, Connection>;

    // Each false when the connection is over.
    bool handle(ConnectionId id, Connection& connection, const mqtt5::Packet& packet, const Now& now);
    bool on_connect(ConnectionId id, Connection& connection, ByteView body, SteadyTime now);
    bool on_publish(ConnectionId id, Connection& connection, const mqtt5::Packet& packet, const Now& now);
    bool take_publish(ConnectionId id, Connection& connection, const mqtt5::Publish& publish, const Now& now);
    // The topic that it is for; nothing when its alias is none.
    static std::optional<std::string> topic_of(Connection& connection, const mqtt5::Publish& publish,
                                               std::uint16_t alias_maximum);
    // Why it is not taken.
    std::optional<mqtt5::Reason> refusal_of(const mqtt5::Publish& publish, std::string_view topic,
                                            SteadyTime now) const;
    bool is_denied(std::string_view topic) const;
    void answer(ConnectionId id, std::uint16_t packet_id, mqtt5::Reason reason, SteadyTime now);
    Pending& put(ConnectionId id, Bytes bytes, SteadyTime now);
    bool refuse_connect(ConnectionId id, mqtt5::Reason reason, SteadyTime now);
    // Both end it; they return false.
    bool end(ConnectionId id, mqtt5::Reason reason, SteadyTime now);
    bool cut(ConnectionId id);
    void forget(Connections::iterator connection);

    AwsOptions options_;
    const Listener listener_;
    Connections connections_;
    std::map<std::string, ConnectionId> clients_;
    std::map<std::string, SteadyTime> last_connects_;
    std::deque<Output> cuts_;      // not delayed
    std::deque<Pending> pending_;  // in the order of time: all wait alike
    ConnectionId next_id_ = 1;
    std::size_t answers_to_lose_ = 0;
    std::optional<mqtt5::Reason> refusing_;
    SteadyTime refusing_until_{};
    std::optional<mqtt5::Reason> refusing_connect_;
    SteadyTime stalled_until_{};
    AwsCounts counts_;
};

}  // namespace narrowgate::sim
