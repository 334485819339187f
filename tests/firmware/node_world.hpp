// SPDX-License-Identifier: Apache-2.0
//
// A whole node (its application and all below) on a virtual board, a scripted modem, and the gateway's own
// rooms at the other end, all in one virtual time. The test decides what the gateway answers, what is lost,
// and when supply goes.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/node.h"
#include "base/crc32.h"
#include "firmware/modem_bench.hpp"
#include "lib/dtls/gateway.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::firmware {

class NodeWorld : public ScriptedModem {
public:
    NodeWorld() {
        gateway.credentials.add({'n', 'o', 'd', 'e', '-', '0', '0', '0', '1'}, 2, Bytes(16, 0x5a));
        provision({{PV_IDENTITY, "node-0001"}, {PV_PSK, std::string(16, 0x5a)}, {PV_GATEWAY, "192.0.2.1"}});
        on_sent = [this](const std::string& data) { arrives(data); };
        boots_up();
    }

    void provision(const std::vector<std::pair<unsigned, std::string>>& fields) {
        Bytes block = {'N', 'G', 'P', '1', 0, 0, 0, 0};
        for (const auto& [number, value] : fields) {
            block.push_back(static_cast<std::uint8_t>(number));
            block.push_back(static_cast<std::uint8_t>(value.size()));
            block.insert(block.end(), value.begin(), value.end());
        }
        block[4] = static_cast<std::uint8_t>(block.size() - 8);
        const std::uint32_t crc = bs_crc32(0, block.data(), block.size());
        for (int i = 0; i < 4; ++i)
            block.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
        std::ranges::fill(board.page, std::uint8_t{0xff});
        std::ranges::copy(block, board.page.begin());
    }

    // A reset: all RAM but the retained block is new.
    void boots_up() {
        node = std::make_unique<nd_node>();
        std::memset(node.get(), 0xa5, sizeof(nd_node));
        nd_init(node.get(), board.get(), &sensors_);
    }

    bool run(std::uint32_t ms, const std::function<bool()>& until) {
        return run_with(
            ms, [this] { return nd_step(node.get()); }, until,
            [this](std::uint32_t passed) { gateway.clock.advance(milliseconds(passed)); });
    }
    bool delivers(std::size_t readings_in_all, std::uint32_t ms = 600'000) {
        return run(ms, [&] { return records.size() >= 2 * readings_in_all && nd_may_sleep(node.get()); });
    }
    // Standby until the next sample is due; then the reset that waking up is.
    void sleeps(std::uint32_t ms) {
        ASSERT_TRUE(nd_may_sleep(node.get()));
        nd_sleep(node.get(), ms);
        ASSERT_EQ(board.sleeps.back().first, PORT_SLEEP_STANDBY);
        passes(ms);
        boots_up();
    }
    void passes(std::uint32_t ms) {
        board.advance(ms);
        gateway.clock.advance(milliseconds(ms));
    }

    dtls::Gateway gateway;
    std::unique_ptr<nd_node> node;
    Path path = dtls::path_from(40'000);

    // What the gateway answers to readings.
    coap::Response answer{.code = coap::Code::kChanged};
    bool tells_time = true;
    bool reachable = true;
    int downlinks_to_lose = 0;
    bool announces = true;
    nlohmann::json records = nlohmann::json::array();  // two of each reading
    unsigned requests = 0;
    unsigned up_datagrams = 0;
    std::size_t up_bytes = 0, down_bytes = 0;
    std::int32_t temperature = 215;

private:
    void arrives(const std::string& data) {
        ++up_datagrams;
        up_bytes += data.size();
        if (!reachable) return;
        const auto seen = gateway.arrivals.size();
        gateway.receive(bytes_of(data), path);
        for (const dtls::Sent& flight : gateway.take_sent())
            comes_down(flight.datagram);
        for (auto at = seen; at < gateway.arrivals.size(); ++at)
            answers(gateway.arrivals[at]);
    }

    void answers(const dtls::Arrival& arrival) {
        const auto session = arrival.receipt.session;
        const auto verdict = layer_.receive(session, arrival.data, {}, gateway.clock.now());
        Bytes reply;
        if (const auto* stored = std::get_if<coap::Reply>(&verdict)) reply = stored->bytes;
        if (const auto* request = std::get_if<coap::Request>(&verdict)) {
            ++requests;
            reply = coap::respond(request->asked, response_to(*request));
            layer_.complete(request->asked, reply);
        }
        if (reply.empty()) return;
        if (const auto datagram = gateway.reply(session, text_of(reply))) comes_down(*datagram);
    }

    coap::Response response_to(const coap::Request& request) {
        if (request.path.text() == "time") {
            if (!tells_time) return {.code = coap::Code::kNotFound};
            const auto unix_s = static_cast<std::uint32_t>(wall_seconds());
            time_ = {0xc1,
                     0x1a,
                     static_cast<std::uint8_t>(unix_s >> 24),
                     static_cast<std::uint8_t>(unix_s >> 16),
                     static_cast<std::uint8_t>(unix_s >> 8),
                     static_cast<std::uint8_t>(unix_s)};
            return {.code = coap::Code::kContent, .content_format = 60, .payload = time_};
        }
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
        return answer;
    }

    std::int64_t wall_seconds() const {
        return std::chrono::floor<seconds>(gateway.clock.now().wall).time_since_epoch().count();
    }

    void comes_down(ByteView datagram) {
        if (downlinks_to_lose > 0) {
            --downlinks_to_lose;
            return;
        }
        down_bytes += datagram.size();
        arrived.push_back({std::string(text_of(datagram))});
        if (announces) says_later(1'200, "\r\n+NSONMI: 0," + std::to_string(datagram.size()) + "\r\n");
    }

    static constexpr std::array<nd_channel, 2> kChannels = {{{"t", "Cel"}, {"v", "V"}}};
    const nd_sensors sensors_{
        this, kChannels.data(), 2,
        [](void* self, std::uint8_t channel, std::int32_t* mantissa, std::int8_t* exponent) {
            *mantissa = channel == 0 ? static_cast<NodeWorld*>(self)->temperature++ : 3'300;
            *exponent = channel == 0 ? std::int8_t{-1} : std::int8_t{-3};
            return true;
        }};
    coap::MessageLayer layer_;
    Bytes time_;
};

}  // namespace narrowgate::firmware
