// SPDX-License-Identifier: Apache-2.0
//
// The gateway's own rooms at the far end of a node's link: DTLS, CoAP and payload, in virtual time. What was
// acknowledged is in `records`; the test decides what is answered.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "lib/dtls/gateway.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "narrowgate/coap/node_clock.hpp"
#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::firmware {

class GatewayRooms {
public:
    GatewayRooms() {
        gateway.credentials.add({'n', 'o', 'd', 'e', '-', '0', '0', '0', '1'}, 2, Bytes(16, 0x5a));
    }

    // Takes a datagram of the node's; what goes back, in order.
    std::vector<dtls::Sent> takes(ByteView datagram, const Path& from) {
        const auto seen = gateway.arrivals.size();
        gateway.receive(datagram, from);
        std::vector<dtls::Sent> down = gateway.take_sent();
        for (auto at = seen; at < gateway.arrivals.size(); ++at)
            if (auto reply = reply_to(gateway.arrivals[at])) down.push_back({from, std::move(*reply)});
        return down;
    }

    dtls::Gateway gateway;

    // What the gateway answers to readings.
    coap::Response answer{.code = coap::Code::kChanged};
    bool tells_time = true;
    nlohmann::json records = nlohmann::json::array();  // of each reading, as many as it has values
    unsigned requests = 0;

private:
    std::optional<Bytes> reply_to(const dtls::Arrival& arrival) {
        const auto session = arrival.receipt.session;
        const auto verdict = layer_.receive(session, arrival.data, {}, gateway.clock.now());
        Bytes reply;
        if (const auto* stored = std::get_if<coap::Reply>(&verdict)) reply = stored->bytes;
        if (const auto* request = std::get_if<coap::Request>(&verdict)) {
            ++requests;
            reply = coap::respond(request->asked, response_to(*request));
            layer_.complete(request->asked, reply);
        }
        if (reply.empty()) return std::nullopt;
        return gateway.reply(session, text_of(reply));
    }

    coap::Response response_to(const coap::Request& request) {
        EXPECT_EQ(request.path.text(), "t");
        EXPECT_EQ(payload::reject_reason(request.content_format, request.payload), std::nullopt);
        if (coap::class_of(answer.code) != 2) return answer;
        payload::Reading reading{};
        reading.received = gateway.clock.now().wall;
        reading.content_format = request.content_format;
        reading.payload = request.payload;
        const auto envelope = nlohmann::json::parse(payload::render_envelope(reading));
        for (const auto& record : envelope.at("senml"))
            records.push_back(record);
        coap::Response told = answer;
        if (tells_time) told.time = coap::clock_correction(request.time, gateway.clock.now().wall);
        return told;
    }

    coap::MessageLayer layer_;
};

}  // namespace narrowgate::firmware
