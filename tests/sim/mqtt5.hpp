// SPDX-License-Identifier: Apache-2.0
//
// MQTT 5 as a server reads and writes it: the packets that a gateway sends, and the answers to them (OASIS
// MQTT Version 5.0). Written from the standard, with nothing of the gateway's own MQTT.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim::mqtt5 {

// Section 2.4; those that AWS IoT Core knows.
enum class Reason : std::uint8_t {
    kSuccess = 0x00,
    kUnspecified = 0x80,
    kMalformedPacket = 0x81,
    kProtocolError = 0x82,
    kUnsupportedVersion = 0x84,
    kClientIdNotValid = 0x85,
    kNotAuthorized = 0x87,
    kServerShuttingDown = 0x8B,
    kKeepAliveTimeout = 0x8D,
    kSessionTakenOver = 0x8E,
    kTopicFilterInvalid = 0x8F,
    kTopicNameInvalid = 0x90,
    kPacketIdentifierInUse = 0x91,
    kReceiveMaximumExceeded = 0x93,
    kTopicAliasInvalid = 0x94,
    kPacketTooLarge = 0x95,
    kQuotaExceeded = 0x97,
    kQosNotSupported = 0x9B,
};

// Section 2.1.2.
enum class Type : std::uint8_t {
    kConnect = 1,
    kConnack = 2,
    kPublish = 3,
    kPuback = 4,
    kSubscribe = 8,
    kSuback = 9,
    kUnsubscribe = 10,
    kUnsuback = 11,
    kPingreq = 12,
    kPingresp = 13,
    kDisconnect = 14,
};

struct Connect {
    unsigned protocol_level = 0;  // 5 is MQTT 5; below 5 nothing else is filled in
    std::string client_id;
    seconds keep_alive{0};
    bool clean_start = false;
    seconds session_expiry{0};
    unsigned will_qos = 0;
};

struct Publish {
    std::string topic;  // empty when the alias stands for it
    unsigned qos = 0;
    bool dup = false;
    bool retain = false;
    std::uint16_t packet_id = 0;  // of QoS 1 and 2
    std::optional<std::uint16_t> alias;
    std::string content_type;
    ByteView payload;  // of the packet's bytes
};

struct Subscribe {  // or an UNSUBSCRIBE
    std::uint16_t packet_id = 0;
    std::size_t filters = 0;
};

// A whole packet: its fixed header's first byte, and what follows the Remaining Length.
struct Packet {
    std::uint8_t head = 0;
    ByteView body;
    std::size_t bytes = 0;  // all of it, header included

    Type type() const { return static_cast<Type>(head >> 4); }
};

// Cuts a stream into packets, however it comes in pieces.
class PacketStream {
public:
    explicit PacketStream(std::size_t max_packet_bytes) : max_packet_bytes_(max_packet_bytes) {}

    void append(ByteView bytes);
    // The next packet when it is there as a whole; valid until the next append().
    std::optional<Packet> next();
    // Why there will be no further packet: kMalformedPacket or kPacketTooLarge; else nothing.
    std::optional<Reason> broken() const { return broken_; }

private:
    const std::size_t max_packet_bytes_;
    Bytes buffer_;
    std::size_t begin_ = 0;
    std::optional<Reason> broken_;
};

// Nothing when the body is malformed.
std::optional<Connect> read_connect(ByteView body);
std::optional<Publish> read_publish(const Packet& packet);
std::optional<Subscribe> read_subscribe(ByteView body, bool unsubscribe);

struct Connack {
    Reason reason = Reason::kSuccess;
    // The properties of a success (section 3.2.2.3).
    std::uint16_t receive_maximum = 0;
    std::uint16_t topic_alias_maximum = 0;
    std::uint32_t maximum_packet_size = 0;
    std::optional<seconds> server_keep_alive;
};
Bytes write_connack(const Connack& connack);
Bytes write_puback(std::uint16_t packet_id, Reason reason);
// SUBACK or UNSUBACK with the same code for each filter.
Bytes write_suback(const Subscribe& subscribe, Reason reason, bool unsubscribe);
Bytes write_pingresp();
Bytes write_disconnect(Reason reason);

}  // namespace narrowgate::sim::mqtt5
