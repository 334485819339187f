// SPDX-License-Identifier: Apache-2.0
#include "sim/mqtt5.hpp"

#include <gtest/gtest.h>

namespace narrowgate::sim::mqtt5 {
namespace {

constexpr std::size_t kMaxBytes = 1024;

// MQTT 5 section 3.1, level 5, clean start, keep-alive 45 s, session expiry 60 s, client ID "gw-1".
const Bytes kConnect{0x10, 0x16, 0, 4, 'M', 'Q', 'T', 'T', 5,   0x02, 0,   45,
                     5,    0x11, 0, 0, 0,   60,  0,   4,   'g', 'w',  '-', '1'};
// Section 3.3, QoS 1, DUP, topic "a/b", packet identifier 7, topic alias 2, content type "t", payload "hi".
const Bytes kPublish{0x3a, 0x11, 0, 3, 'a', '/', 'b', 0, 7, 7, 0x23, 0, 2, 3, 0, 1, 't', 'h', 'i'};

Bytes body_of(const Bytes& packet) {
    return {packet.begin() + 2, packet.end()};
}

TEST(PacketStreamTest, CutsPacketsHoweverTheyComeInPieces) {
    Bytes bytes = kConnect;
    bytes.insert(bytes.end(), {0xc0, 0x00});  // PINGREQ
    PacketStream stream(kMaxBytes);
    std::vector<Type> types;
    for (const std::uint8_t byte : bytes) {
        stream.append({&byte, 1});
        while (const auto packet = stream.next())
            types.push_back(packet->type());
    }
    EXPECT_EQ(types, (std::vector{Type::kConnect, Type::kPingreq}));
    EXPECT_FALSE(stream.broken());
}

TEST(PacketStreamTest, HandsOutSeveralPacketsOfOnePiece) {
    PacketStream stream(kMaxBytes);
    stream.append(Bytes{0xc0, 0x00, 0xc0, 0x00, 0xc0});
    EXPECT_TRUE(stream.next());
    EXPECT_TRUE(stream.next());
    EXPECT_FALSE(stream.next());
    stream.append(Bytes{0x00});
    EXPECT_TRUE(stream.next());
}

TEST(PacketStreamTest, RefusesAPacketThatIsTooLargeByItsHeaderAlone) {
    PacketStream stream(kMaxBytes);
    stream.append(Bytes{0x30, 0x80, 0x09});  // 1152 bytes
    EXPECT_FALSE(stream.next());
    EXPECT_EQ(stream.broken(), Reason::kPacketTooLarge);
}

TEST(PacketStreamTest, RefusesALengthOfFiveBytes) {
    PacketStream stream(kMaxBytes);
    stream.append(Bytes{0x30, 0x80, 0x80, 0x80, 0x80, 0x01});
    EXPECT_FALSE(stream.next());
    EXPECT_EQ(stream.broken(), Reason::kMalformedPacket);
}

TEST(Mqtt5Test, ReadsAConnect) {
    const auto connect = read_connect(body_of(kConnect));
    ASSERT_TRUE(connect);
    EXPECT_EQ(connect->client_id, "gw-1");
    EXPECT_EQ(connect->keep_alive, seconds(45));
    EXPECT_EQ(connect->session_expiry, seconds(60));
    EXPECT_TRUE(connect->clean_start);
}

TEST(Mqtt5Test, SaysTheLevelOfAnOlderConnect) {
    Bytes body = body_of(kConnect);
    body[6] = 4;
    const auto connect = read_connect(body);
    ASSERT_TRUE(connect);
    EXPECT_EQ(connect->protocol_level, 4U);
}

TEST(Mqtt5Test, RefusesAConnectCutShortAnywhere) {
    const Bytes body = body_of(kConnect);
    for (std::size_t size = 0; size < body.size(); ++size)
        EXPECT_FALSE(read_connect(ByteView(body).first(size))) << size;
}

TEST(Mqtt5Test, ReadsAPublishWithItsAliasAndContentType) {
    PacketStream stream(kMaxBytes);
    stream.append(kPublish);
    const auto packet = stream.next();
    ASSERT_TRUE(packet);
    const auto publish = read_publish(*packet);
    ASSERT_TRUE(publish);
    EXPECT_EQ(publish->topic, "a/b");
    EXPECT_EQ(publish->qos, 1U);
    EXPECT_TRUE(publish->dup);
    EXPECT_FALSE(publish->retain);
    EXPECT_EQ(publish->packet_id, 7);
    EXPECT_EQ(publish->alias, 2);
    EXPECT_EQ(publish->content_type, "t");
    EXPECT_EQ(text_of(publish->payload), "hi");
}

TEST(Mqtt5Test, RefusesAPublishWithPacketIdentifierZeroOrQosThree) {
    Bytes without_id = body_of(kPublish);
    without_id[6] = 0;
    EXPECT_FALSE(read_publish({.head = 0x32, .body = without_id}));
    EXPECT_FALSE(read_publish({.head = 0x36, .body = ByteView(kPublish).subspan(2)}));
}

TEST(Mqtt5Test, CountsTheFiltersOfASubscribe) {
    const Bytes body{0, 9, 0, 0, 1, 'a', 1, 0, 1, 'b', 0};
    const auto subscribe = read_subscribe(body, false);
    ASSERT_TRUE(subscribe);
    EXPECT_EQ(subscribe->packet_id, 9);
    EXPECT_EQ(subscribe->filters, 2U);
    EXPECT_EQ(write_suback(*subscribe, Reason::kNotAuthorized, false), (Bytes{0x90, 5, 0, 9, 0, 0x87, 0x87}));
}

TEST(Mqtt5Test, WritesWhatItAnswers) {
    EXPECT_EQ(write_puback(7, Reason::kSuccess), (Bytes{0x40, 2, 0, 7}));
    EXPECT_EQ(write_puback(7, Reason::kQuotaExceeded), (Bytes{0x40, 3, 0, 7, 0x97}));
    EXPECT_EQ(write_pingresp(), (Bytes{0xd0, 0}));
    EXPECT_EQ(write_disconnect(Reason::kSessionTakenOver), (Bytes{0xe0, 2, 0x8e, 0}));
    EXPECT_EQ(write_connack({.reason = Reason::kQuotaExceeded, .server_keep_alive = {}}),
              (Bytes{0x20, 3, 0, 0x97, 0}));
    EXPECT_EQ(write_connack({.receive_maximum = 100,
                             .topic_alias_maximum = 8,
                             .maximum_packet_size = 0x20400,
                             .server_keep_alive = seconds(30)}),
              (Bytes{0x20, 21,   0, 0, 18, 0x21, 0,    100, 0x24, 1, 0x22, 0,
                     8,    0x27, 0, 2, 4,  0,    0x29, 0,   0x13, 0, 30}));
}

}  // namespace
}  // namespace narrowgate::sim::mqtt5
