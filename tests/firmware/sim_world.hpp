// SPDX-License-Identifier: Apache-2.0
//
// A whole node on a virtual board, the simulated SARA-N2 of tests/sim at its UART, and the gateway's own
// rooms behind the modem's network, all in one virtual time. Watches at every moment that no nonce and no
// stored session is used twice.
#pragma once

#include <cstring>
#include <memory>
#include <set>
#include <string>

#include "app/node.h"
#include "firmware/gateway_rooms.hpp"
#include "firmware/provisioning_block.hpp"
#include "firmware/virtual_port.hpp"
#include "sim/modem.hpp"
#include "sim/nonce_audit.hpp"

namespace narrowgate::firmware {

class SimWorld : public GatewayRooms {
public:
    // `periodic_s` 0: without power saving mode.
    SimWorld(const sim::ModemOptions& options, std::uint64_t seed, std::uint32_t periodic_s = 14'400)
        : board(seed),
          modem(options, seed, gateway.clock.now(), [this](const sim::ModemEvent& event) { sees(event); }) {
        const Bytes block = block_of({{PV_IDENTITY, "node-0001"},
                                      {PV_PSK, std::string(16, 0x5a)},
                                      {PV_GATEWAY, "192.0.2.1"},
                                      {PV_APN, "iot.example"},
                                      {PV_PERIODIC, four_bytes(periodic_s)}});
        std::ranges::copy(block, board.page.begin());
        boots_up();
    }

    // A reset: all RAM but the retained block is new. The modem lives on.
    void boots_up() {
        if (node) add_counts();
        const auto& stored = reinterpret_cast<const nd_retained*>(board.retained.data())->session;
        at_boot_.assign(reinterpret_cast<const char*>(&stored), sizeof stored);
        node = std::make_unique<nd_node>();
        std::memset(node.get(), 0xa5, sizeof(nd_node));
        nd_init(node.get(), board.get(), &sensors_);
        board.incoming.clear();
        restored_ = false;
    }

    // Until `until` holds, for so long at most; true when it did.
    bool run(milliseconds most, const std::function<bool()>& until) {
        const SteadyTime end = now().steady + most;
        SteadyTime last = SteadyTime::min();
        unsigned turns = 0;
        while (now().steady < end) {
            turns = now().steady == last ? turns + 1 : 0;
            if (turns > kMostTurns) {
                ADD_FAILURE() << "the node spins";
                return false;
            }
            last = now().steady;
            const std::uint32_t wait = steps();
            carries();
            if (until()) return true;
            SteadyTime next = end;
            if (wait != PORT_NEVER) next = std::min(next, now().steady + milliseconds(wait));
            if (const auto deadline = modem.deadline())
                next = std::min(next, std::max(*deadline, now().steady + kTick));
            if (!board.incoming.empty()) next = std::min(next, now().steady + milliseconds(1));
            if (next > now().steady) passes(next);
        }
        return false;
    }
    // A sleep of the node, as deep as there is, and the reset that ends it. Nobody hears the modem meanwhile.
    void sleeps(milliseconds time) {
        nd_sleep(node.get(), static_cast<std::uint32_t>(time.count()));
        const SteadyTime end = now().steady + time;
        while (now().steady < end) {
            passes(std::min(end, std::max(modem.deadline().value_or(end), now().steady + kTick)));
            carries();
            board.incoming.clear();
        }
        boots_up();
    }
    // Until the next sample or whatever else the node waits for.
    milliseconds to_sleep() { return milliseconds(std::max<std::uint32_t>(nd_step(node.get()), 1)); }

    // The temperatures that were acknowledged, in tenths of a degree.
    std::set<std::int64_t> arrived() const {
        std::set<std::int64_t> values;
        for (const auto& record : records)
            if (record.at("n") == "t") values.insert(std::llround(record.at("v").get<double>() * 10));
        return values;
    }
    // Those below `end` that were measured and are not among them.
    std::vector<std::int64_t> missing(std::int64_t end) const {
        const auto values = arrived();
        std::vector<std::int64_t> found;
        for (std::int64_t value = kFirst; value < end; ++value)
            if (!values.contains(value)) found.push_back(value);
        return found;
    }

    Now now() const { return gateway.clock.now(); }
    nd_counts counts() {
        const nd_counts before = counts_;
        add_counts();
        return std::exchange(counts_, before);
    }

    static constexpr std::int64_t kFirst = 215;

    VirtualPort board;
    sim::Modem modem;
    std::unique_ptr<nd_node> node;
    bool reachable = true;
    std::int32_t temperature = kFirst;
    std::uint32_t dropped = 0;  // readings, for want of room
    unsigned sessions_used = 0;
    sim::NonceAudit audit;

private:
    static constexpr unsigned kMostTurns = 10'000;  // of the node in one moment
    static constexpr std::uint16_t kPortsFrom = 40'000;
    // How long the board may take to see what the modem said: a dozen bytes at 9600 baud.
    static constexpr milliseconds kTick{12};

    static std::string four_bytes(std::uint32_t value) {
        std::string bytes;
        for (int i = 0; i < 4; ++i)
            bytes.push_back(static_cast<char>(value >> (8 * i)));
        return bytes;
    }

    std::uint32_t steps() {
        const std::uint32_t wait = nd_step(node.get());
        if (node->counts.restored > 0 && !std::exchange(restored_, true)) {
            ++sessions_used;
            EXPECT_TRUE(used_.insert(at_boot_).second) << "a stored session was used twice";
        }
        return wait;
    }

    // To the next whole millisecond: the board's clock knows no less.
    void passes(SteadyTime until) {
        const auto ms = std::max(std::chrono::ceil<milliseconds>(until - now().steady), milliseconds(1));
        board.advance(static_cast<std::uint32_t>(ms.count()));
        gateway.clock.advance(ms);
    }

    void carries() {
        moves_pins();
        if (const std::string written = board.take_written(); !written.empty())
            modem.receive(bytes_of(written), now());
        board.type(text_of(modem.transmit(now())));
        while (const auto uplink = modem.take_uplink(now()))
            takes_uplink(*uplink);
    }

    void moves_pins() {
        for (; moves_seen_ < board.modem_moves.size(); ++moves_seen_) {
            const std::string& move = board.modem_moves[moves_seen_];
            if (move.starts_with("power")) powered_ = move == "power on";
            if (move.starts_with("reset")) held_ = move == "reset held";
            modem.set_power(powered_ && !held_, now());
        }
    }

    void takes_uplink(const sim::Modem::Uplink& uplink) {
        EXPECT_EQ(uplink.to, gateway_address_);
        if (!reachable) return;
        const Path path = dtls::path_from(static_cast<std::uint16_t>(kPortsFrom + uplink.outside_port));
        for (const dtls::Sent& down : takes(uplink.datagram, path)) {
            const auto port = static_cast<std::uint16_t>(down.path.remote.port - kPortsFrom);
            modem.arrive(port, gateway_address_, down.datagram, now());
        }
    }

    void sees(const sim::ModemEvent& event) {
        if (event.kind != sim::ModemEvent::Kind::kUp) return;
        audit.examine({sim::Recorded::Kind::kUp, now().wall, inside_, 0,
                       Bytes(event.datagram.begin(), event.datagram.end())});
    }

    void add_counts() {
        const nd_counts& more = node->counts;
        counts_.handshakes += more.handshakes;
        counts_.handshakes_failed += more.handshakes_failed;
        counts_.restored += more.restored;
        counts_.unanswered += more.unanswered;
        counts_.refused += more.refused;
        dropped += std::exchange(node->ring.dropped, 0U);
    }

    static constexpr std::array<nd_channel, 2> kChannels = {{{"t", "Cel"}, {"v", "V"}}};
    const nd_sensors sensors_{
        this, kChannels.data(), 2,
        [](void* self, std::uint8_t channel, std::int32_t* mantissa, std::int8_t* exponent) {
            *mantissa = channel == 0 ? static_cast<SimWorld*>(self)->temperature++ : 3'300;
            *exponent = channel == 0 ? std::int8_t{-1} : std::int8_t{-3};
            return true;
        }};
    const Address gateway_address_ = *Address::from_text("192.0.2.1:5684");
    const Address inside_ = *Address::from_text("10.0.0.2:1");
    nd_counts counts_{};
    std::string at_boot_;  // the stored session
    bool restored_ = false;
    std::set<std::string> used_;
    std::size_t moves_seen_ = 0;
    bool powered_ = true, held_ = false;
};

}  // namespace narrowgate::firmware
