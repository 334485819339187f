// SPDX-License-Identifier: Apache-2.0
//
// A whole node (its application and all below) on a virtual board, a scripted modem, and the gateway's own
// rooms at the other end, all in one virtual time. The test decides what the gateway answers, what is lost,
// and when supply goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/node.h"
#include "firmware/gateway_rooms.hpp"
#include "firmware/modem_bench.hpp"
#include "firmware/provisioning_block.hpp"

namespace narrowgate::firmware {

class NodeWorld : public ScriptedModem, public GatewayRooms {
public:
    NodeWorld() {
        provision({{PV_IDENTITY, "node-0001"}, {PV_PSK, std::string(16, 0x5a)}, {PV_GATEWAY, "192.0.2.1"}});
        on_sent = [this](const std::string& data) { arrives(data); };
        boots_up();
    }

    void provision(const std::vector<std::pair<unsigned, std::string>>& fields) {
        const Bytes block = block_of(fields);
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

    std::unique_ptr<nd_node> node;
    Path path = dtls::path_from(40'000);

    bool reachable = true;
    int downlinks_to_lose = 0;
    bool announces = true;
    unsigned up_datagrams = 0;
    std::size_t up_bytes = 0, down_bytes = 0;
    std::int32_t temperature = 215;

private:
    void arrives(const std::string& data) {
        ++up_datagrams;
        up_bytes += data.size();
        if (!reachable) return;
        for (const dtls::Sent& flight : takes(bytes_of(data), path))
            comes_down(flight.datagram);
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
};

}  // namespace narrowgate::firmware
