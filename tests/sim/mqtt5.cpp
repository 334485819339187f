// SPDX-License-Identifier: Apache-2.0
#include "sim/mqtt5.hpp"

namespace narrowgate::sim::mqtt5 {
namespace {

// Section 2.2.2.2, table 2-4.
enum Property : std::uint8_t {
    kPayloadFormatIndicator = 1,
    kMessageExpiryInterval = 2,
    kContentType = 3,
    kResponseTopic = 8,
    kCorrelationData = 9,
    kSubscriptionIdentifier = 11,
    kSessionExpiryInterval = 17,
    kServerKeepAlive = 19,
    kAuthenticationMethod = 21,
    kAuthenticationData = 22,
    kRequestProblemInformation = 23,
    kWillDelayInterval = 24,
    kRequestResponseInformation = 25,
    kReceiveMaximum = 33,
    kTopicAliasMaximum = 34,
    kTopicAlias = 35,
    kMaximumQos = 36,
    kUserProperty = 38,
    kMaximumPacketSize = 39,
    kSubscriptionIdentifierAvailable = 41,
};

constexpr std::size_t kMaxLengthBytes = 4;  // section 1.5.5
constexpr unsigned kProtocolLevel = 5;      // section 3.1.2.2

// Section 1.5.5; nothing when it does not end within four bytes.
std::optional<std::uint32_t> take_length(ByteReader& reader) {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 7 * kMaxLengthBytes; shift += 7) {
        const std::uint8_t byte = reader.u8();
        value |= std::uint32_t{byte & 0x7FU} << shift;
        if ((byte & 0x80) == 0) return reader.ok() ? std::optional(value) : std::nullopt;
    }
    return std::nullopt;
}

void put_length(Bytes& out, std::size_t value) {
    do {
        auto byte = static_cast<std::uint8_t>(value & 0x7F);
        value >>= 7;
        if (value != 0) byte |= 0x80;
        out.push_back(byte);
    } while (value != 0);
}

std::string take_text(ByteReader& reader) {
    return std::string(text_of(reader.take_prefixed(2)));
}

// Walks the properties; `take` reads those that it wants and says whether it did. False when they are
// malformed.
template <class Take>
bool read_properties(ByteReader& reader, Take take) {
    const auto size = take_length(reader);
    if (!size) return false;
    ByteReader properties(reader.take(*size));
    while (properties.ok() && properties.remaining() > 0) {
        const std::uint8_t property = properties.u8();
        if (take(property, properties)) continue;
        switch (property) {
            case kPayloadFormatIndicator:
            case kRequestProblemInformation:
            case kRequestResponseInformation:
                properties.skip(1);
                break;
            case kReceiveMaximum:
            case kTopicAliasMaximum:
            case kTopicAlias:
                properties.skip(2);
                break;
            case kMessageExpiryInterval:
            case kSessionExpiryInterval:
            case kWillDelayInterval:
            case kMaximumPacketSize:
                properties.skip(4);
                break;
            case kContentType:
            case kResponseTopic:
            case kCorrelationData:
            case kAuthenticationMethod:
            case kAuthenticationData:
                (void)properties.take_prefixed(2);
                break;
            case kUserProperty:
                (void)properties.take_prefixed(2);
                (void)properties.take_prefixed(2);
                break;
            case kSubscriptionIdentifier:
                if (!take_length(properties)) return false;
                break;
            default:
                return false;
        }
    }
    return reader.ok() && properties.ok();
}

constexpr auto kTakeNone = [](std::uint8_t, ByteReader&) { return false; };

Bytes packet(Type type, ByteView body) {
    Bytes out;
    out.reserve(body.size() + 5);
    out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4));
    put_length(out, body.size());
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

}  // namespace

void PacketStream::append(ByteView bytes) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<Packet> PacketStream::next() {
    if (broken_) return std::nullopt;
    const ByteView waiting = ByteView(buffer_).subspan(begin_);
    ByteReader reader(waiting);
    const std::uint8_t head = reader.u8();
    const auto size = take_length(reader);
    if (!size) {
        if (waiting.size() > kMaxLengthBytes) broken_ = Reason::kMalformedPacket;
        return std::nullopt;
    }
    const std::size_t whole = waiting.size() - reader.remaining() + *size;
    if (whole > max_packet_bytes_) {
        broken_ = Reason::kPacketTooLarge;
        return std::nullopt;
    }
    if (reader.remaining() < *size) return std::nullopt;
    begin_ += whole;
    return Packet{head, reader.take(*size), whole};
}

std::optional<Connect> read_connect(ByteView body) {
    Connect connect;
    ByteReader reader(body);
    if (take_text(reader) != "MQTT") return std::nullopt;
    connect.protocol_level = reader.u8();
    if (reader.ok() && connect.protocol_level != kProtocolLevel) return connect;
    const std::uint8_t flags = reader.u8();
    connect.clean_start = (flags & 0x02) != 0;
    const bool has_will = (flags & 0x04) != 0;
    connect.will_qos = (flags >> 3) & 0x03;
    connect.keep_alive = seconds(reader.u16());
    const bool good = read_properties(reader, [&](std::uint8_t property, ByteReader& properties) {
        if (property != kSessionExpiryInterval) return false;
        connect.session_expiry = seconds(properties.u32());
        return true;
    });
    if (!good) return std::nullopt;
    connect.client_id = take_text(reader);
    if (has_will) {
        if (!read_properties(reader, kTakeNone)) return std::nullopt;
        (void)reader.take_prefixed(2);
        (void)reader.take_prefixed(2);
    }
    for (const unsigned has : {0x80U, 0x40U}) {  // user name and password
        if ((flags & has) != 0) (void)reader.take_prefixed(2);
    }
    if (!reader.finished()) return std::nullopt;
    return connect;
}

std::optional<Publish> read_publish(const Packet& packet) {
    Publish publish;
    publish.retain = (packet.head & 0x01) != 0;
    publish.qos = (packet.head >> 1) & 0x03;
    publish.dup = (packet.head & 0x08) != 0;
    ByteReader reader(packet.body);
    publish.topic = take_text(reader);
    if (publish.qos > 0) publish.packet_id = reader.u16();
    const bool good = read_properties(reader, [&](std::uint8_t property, ByteReader& properties) {
        if (property == kTopicAlias) {
            publish.alias = properties.u16();
        } else if (property == kContentType) {
            publish.content_type = take_text(properties);
        } else {
            return false;
        }
        return true;
    });
    // Section 3.3.1.2: not both bits; section 2.2.1: a packet identifier is not 0.
    if (!good || publish.qos > 2 || (publish.qos > 0 && publish.packet_id == 0)) return std::nullopt;
    publish.payload = reader.rest();
    return publish;
}

std::optional<Subscribe> read_subscribe(ByteView body, bool unsubscribe) {
    Subscribe subscribe;
    ByteReader reader(body);
    subscribe.packet_id = reader.u16();
    if (!read_properties(reader, kTakeNone)) return std::nullopt;
    for (; reader.ok() && reader.remaining() > 0; ++subscribe.filters) {
        (void)reader.take_prefixed(2);
        if (!unsubscribe) reader.skip(1);
    }
    if (!reader.ok() || subscribe.filters == 0) return std::nullopt;
    return subscribe;
}

Bytes write_connack(const Connack& connack) {
    Bytes properties;
    if (connack.reason == Reason::kSuccess) {
        ByteWriter writer(properties);
        writer.u8(kReceiveMaximum).u16(connack.receive_maximum);
        writer.u8(kMaximumQos).u8(1);
        writer.u8(kTopicAliasMaximum).u16(connack.topic_alias_maximum);
        writer.u8(kMaximumPacketSize).u32(connack.maximum_packet_size);
        writer.u8(kSubscriptionIdentifierAvailable).u8(0);
        if (connack.server_keep_alive) {
            writer.u8(kServerKeepAlive).u16(static_cast<std::uint16_t>(connack.server_keep_alive->count()));
        }
    }
    Bytes body{0, static_cast<std::uint8_t>(connack.reason)};
    put_length(body, properties.size());
    body.insert(body.end(), properties.begin(), properties.end());
    return packet(Type::kConnack, body);
}

Bytes write_puback(std::uint16_t packet_id, Reason reason) {
    Bytes body;
    ByteWriter writer(body);
    writer.u16(packet_id);
    // Section 3.4.2.1: a success may leave its code off.
    if (reason != Reason::kSuccess) writer.u8(static_cast<std::uint8_t>(reason));
    return packet(Type::kPuback, body);
}

Bytes write_suback(const Subscribe& subscribe, Reason reason, bool unsubscribe) {
    Bytes body;
    ByteWriter(body).u16(subscribe.packet_id).u8(0);
    body.insert(body.end(), subscribe.filters, static_cast<std::uint8_t>(reason));
    return packet(unsubscribe ? Type::kUnsuback : Type::kSuback, body);
}

Bytes write_pingresp() {
    return packet(Type::kPingresp, {});
}

Bytes write_disconnect(Reason reason) {
    return packet(Type::kDisconnect, Bytes{static_cast<std::uint8_t>(reason), 0});
}

}  // namespace narrowgate::sim::mqtt5
