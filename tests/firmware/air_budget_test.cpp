// SPDX-License-Identifier: Apache-2.0
//
// What one reading costs on the air, all layers together: SenML in CoAP in DTLS, against the gateway's rooms.
#include <gtest/gtest.h>

#include "coap/client.h"
#include "firmware/dtls_node.hpp"
#include "firmware/senml_record.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "senml/senml.h"

namespace narrowgate::firmware {
namespace {

TEST(NodeAirBudgetTest, AReadingOfThreeValuesFitsItsBudgetBothWays) {
    dtls::Gateway gateway;
    gateway.credentials.add({'n', 'o', 'd', 'e', '-', '0', '0', '0', '1'}, 2, Bytes(16, 0x5a));
    DtlsNode node(gateway);
    ASSERT_TRUE(node.shake_hands());
    node.clear_counts();

    Bytes pack(128);
    sm_writer writer;
    sm_begin(&writer, pack.data(), pack.size(), 3);
    sm_record first = number("t", "Cel", -1'234, -2);
    first.base_time = 1'772'366'400;
    const sm_record second = number("v", "V", 3'297, -3);
    const sm_record third = number("rs", "dBm", -1'057, -1);
    sm_add(&writer, &first);
    sm_add(&writer, &second);
    sm_add(&writer, &third);
    pack.resize(sm_end(&writer));
    ASSERT_FALSE(pack.empty());

    co_client client;
    const co_options options{10'000, 4, 90'000, [](void*) -> std::uint32_t { return 7; }, nullptr};
    co_init(&client, &options, nullptr);
    const co_request request{.method = CO_POST,
                             .confirmable = true,
                             .path = "t",
                             .content_format = SM_CONTENT_FORMAT,
                             .accept = CO_NO_FORMAT,
                             .no_response = 0,
                             .payload = pack.data(),
                             .payload_size = pack.size(),
                             .block2 = nullptr,
                             .time_ms = nullptr};
    ASSERT_TRUE(co_begin(&client, &request));
    std::size_t size = 0;
    const std::uint8_t* message = co_take(&client, node.now(), &size);
    ASSERT_TRUE(node.says(std::string_view(reinterpret_cast<const char*>(message), size)));
    EXPECT_LE(node.up_bytes, 110U);
    RecordProperty("reading_up_bytes", std::to_string(node.up_bytes));

    ASSERT_EQ(gateway.arrivals.size(), 1U);
    coap::MessageLayer layer;
    const auto verdict = layer.receive(1, gateway.arrivals[0].data, {}, gateway.clock.now());
    const auto* asked = std::get_if<coap::Request>(&verdict);
    ASSERT_NE(asked, nullptr);
    const Bytes answer = coap::respond(asked->asked, {.code = coap::Code::kChanged});
    const auto datagram = gateway.reply(gateway.arrivals[0].receipt.session, text_of(answer));
    ASSERT_TRUE(datagram.has_value());
    node.hears(*datagram);
    EXPECT_LE(node.down_bytes, 45U);
    RecordProperty("reading_down_bytes", std::to_string(node.down_bytes));
    ASSERT_EQ(node.heard.size(), 1U);
    EXPECT_TRUE(co_receive(&client, node.heard[0].data(), node.heard[0].size(), node.now()));
    EXPECT_EQ(client.response.code, CO_CHANGED);
}

}  // namespace
}  // namespace narrowgate::firmware
