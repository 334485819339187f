// SPDX-License-Identifier: Apache-2.0
//
// One MQTT 5 connection with QoS 1 publishes, over TLS with a client certificate. It never reconnects, stores
// or repeats by itself: whoever owns it decides when to try again and what to send again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "narrowgate/base/error.hpp"
#include "narrowgate/mqtt/diagnosis.hpp"
#include "narrowgate/mqtt/dialer.hpp"
#include "narrowgate/mqtt/options.hpp"
#include "narrowgate/mqtt/reason_code.hpp"
#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

struct Publish {
    std::string topic;         // UTF-8, no wildcard (MQTT 5 section 4.7)
    std::string payload;       // bytes
    std::string content_type;  // MQTT 5 section 3.3.2.3.9; left out when empty
    // MQTT 5 section 3.3.2.3.4; 0: none. It means `topic` from now on on this connection; when that is empty,
    // it is the topic that it meant before. At most ServerLimits::topic_alias_maximum.
    std::uint16_t topic_alias = 0;
};

// What the broker allows on this connection (CONNACK properties, MQTT 5 section 3.2.2.3).
struct ServerLimits {
    std::uint16_t receive_maximum = 65'535;
    std::optional<std::uint32_t> maximum_packet_size;  // bytes of a whole packet
    std::uint16_t topic_alias_maximum = 0;             // 0 also after the broker has refused an alias
    std::optional<seconds> keep_alive;                 // the broker's wish in place of ours
    std::uint8_t maximum_qos = 2;                      // of what the broker takes
};

// A wish to receive what others publish.
struct Subscription {
    std::string filter;  // MQTT 5 section 4.7; may hold wildcards
    int qos = 1;         // 0 or 1, at most; what arrives is as its sender published it
};

// What somebody published under a filter we subscribed to: it may be anything.
struct Message {
    // Larger ones are dropped, and those that come while so many wait for the owner: nobody who may publish
    // to us can fill our memory. dropped_messages() counts them.
    static constexpr std::size_t kMaxBytes = 8192;  // topic and payload
    static constexpr std::size_t kMaxUnread = 256;

    std::string topic;
    std::string payload;
};

struct Event {
    enum class Kind : std::uint8_t {
        kConnected,      // limits
        kConnectFailed,  // error: what and where, and the cure; the attempt is over
        kPublished,      // token, code: the broker's PUBACK, good or bad
        kSubscribed,     // token, code: the broker's SUBACK, good (the QoS granted) or bad
        kMessage,        // message
        kLost,  // error: the attempt is over; publishes without kPublished may or may not have arrived
    };

    Kind kind{};
    // As connect() returned it. Of an attempt that was given up, late events may still be on their way.
    std::uint64_t attempt = 0;
    std::uint64_t token = 0;
    // Of kConnectFailed that of the CONNACK, of kLost that of the broker's DISCONNECT; kSuccess where it sent
    // none.
    ReasonCode code = ReasonCode::kSuccess;
    ServerLimits limits;
    Error error;
    // Owned by the event: when its last copy goes, the next message may come.
    std::shared_ptr<const Message> message;
};

// Thread: its owner's. Events come from other threads (the library's and the dialer's): `post` must hand them
// over to the owner's loop and return at once; it must not call the connection.
class Connection {
public:
    using Post = std::function<void(Event&&)>;

    // Files and options are checked at each connect(), not here. Fails when no loopback port can be had.
    static Expected<std::unique_ptr<Connection>> open(ConnectionOptions options, Post post,
                                                      const DialerOptions& dialer = {});
    // Ends at once, without DISCONNECT where that would take waiting. `post` is not called afterwards.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Starts an attempt and returns its number; kConnected or kConnectFailed follows, later kLost, each at
    // most once. An attempt before it is given up. Sessions are clean: the broker keeps nothing between
    // attempts. A broker that takes QoS 0 alone is refused (kQosNotSupported). What it has said of its
    // keep-alive is kept from then on, for the library does not do it within a connection.
    std::uint64_t connect();

    // Sends with QoS 1; kPublished with `token` follows, or kLost without it. False when there is no
    // connection to send on (kLost is on its way) or the window of kPahoMaxInflight is full: the caller keeps
    // its own.
    bool publish(std::uint64_t token, const Publish& message);

    // Asks for the messages of one filter; kSubscribed with `token` follows, or kLost without it. Holds for
    // this attempt alone: sessions are clean. False when there is no connection.
    bool subscribe(std::uint64_t token, const Subscription& subscription);
    // Messages since open() that were too large or too many. Thread: any.
    std::uint64_t dropped_messages() const;

    // Says DISCONNECT and closes, waiting at most `timeout` for it to be written. No event follows.
    void disconnect(milliseconds timeout);

    // Used at the next connect().
    void set_options(ConnectionOptions options);

    // Of the present or last attempt. Thread: any.
    ConnectionTrace trace() const;
    // The same, and the last good and the last bad one. An attempt that ends is here before its event is
    // posted. Thread: any.
    Traces traces() const;

private:
    class Impl;
    explicit Connection(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate::mqtt
