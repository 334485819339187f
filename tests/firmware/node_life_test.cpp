// SPDX-License-Identifier: Apache-2.0
//
// Forty days and more of a node whose modem, network, gateway and supply all misbehave, drawn from a seed.
// What must hold at every moment: no reading lost that the ring could hold, none made up or changed, no nonce
// used for two messages.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "firmware/node_world.hpp"

namespace narrowgate::firmware {
namespace {

constexpr std::uint32_t kHours = 1'000;
constexpr std::uint32_t kHourMs = 3'600'000;

class NodeLifeTest : public ::testing::TestWithParam<unsigned> {
protected:
    NodeLifeTest() {
        world_.script = [this](std::string_view) { return misbehaves(); };
        const auto arrives = world_.on_sent;
        world_.on_sent = [this, arrives](const std::string& data) {
            audit(data);
            if (miserable_ && draw(20)) return;  // lost on the way up
            arrives(data);
            if (miserable_ && draw(30)) arrives(data);  // and there twice
        };
    }

    bool draw(unsigned one_in) { return random_() % one_in == 0; }

    std::uint32_t up_to(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }

    ScriptedModem::Answer misbehaves() {
        if (!miserable_) return std::nullopt;
        switch (random_() % 120) {
            case 0:
                return "";
            case 1:
                return "\r\nERROR\r\n";
            case 2:
                return "\r\n+CME ERROR: " + std::to_string(random_() % 600) + "\r\n";
            case 3:
                world_.reboots();
                return "";
            case 4:
                world_.open.clear();  // as power saving may do
                return std::nullopt;
            case 5:
                world_.board.lost = 1;
                return std::nullopt;
            case 6:
                world_.says("\r\n+CEREG: 2\r\n\r\n+CSCON: 0\r\n\r\n+NPSMR: 1\r\n");
                return std::nullopt;
            case 7:
                world_.modem_sleeps = true;
                return std::nullopt;
            default:
                return std::nullopt;
        }
    }

    // One nonce, one message: what is sent again as it was is the same message (a modem that had refused it).
    void audit(const std::string& data) {
        const ByteView bytes = bytes_of(data);
        if (bytes[0] != 25 || bytes.size() < 17)
            return;  // a record with a connection ID (RFC 9146 section 4)
        const auto nonce = to_hex(bytes.subspan(11, 6)) + to_hex(bytes.subspan(3, 8));
        const auto [at, fresh] = nonces_.emplace(nonce, data);
        EXPECT_TRUE(fresh || at->second == data) << "nonce used twice: " << nonce;
    }

    std::set<std::int64_t> arrived() const {
        std::set<std::int64_t> values;
        for (const auto& record : world_.records)
            if (record.at("n") == "t") values.insert(std::llround(record.at("v").get<double>() * 10));
        return values;
    }

    std::mt19937 random_{GetParam()};
    bool miserable_ = true;
    NodeWorld world_;
    std::map<std::string, std::string> nonces_;
};

TEST_P(NodeLifeTest, NothingIsLostAndNoNonceIsUsedTwice) {
    unsigned dropped = 0;
    unsigned sleeps = 0;
    const std::uint32_t end = world_.board.calendar + kHours * 3'600;
    while (world_.board.calendar < end) {
        world_.reachable = !draw(12);
        world_.downlinks_to_lose = draw(4) ? 1 : 0;
        world_.announces = !draw(10);
        world_.answer = draw(15)
                            ? coap::Response{.code = coap::Code::kServiceUnavailable, .max_age = seconds(300)}
                            : coap::Response{.code = coap::Code::kChanged};
        world_.run(kHourMs / 2 + up_to(kHourMs), [&] { return nd_may_sleep(world_.node.get()) && draw(3); });
        if (draw(10)) world_.gateway.crash();
        if (draw(10)) world_.path = dtls::path_from(static_cast<std::uint16_t>(30'000 + random_() % 30'000));
        if (draw(25)) {
            dropped += world_.node->ring.dropped;
            world_.boots_up();  // a loss of the core's supply, wherever it was
        } else if (nd_may_sleep(world_.node.get())) {
            dropped += world_.node->ring.dropped;
            ++sleeps;
            world_.sleeps(60'000 + up_to(kHourMs));
        }
    }
    dropped += world_.node->ring.dropped;
    EXPECT_GT(sleeps, 200U);
    EXPECT_EQ(dropped, 0U);

    // In the end all is well, and what is left comes.
    miserable_ = false;
    world_.reachable = world_.announces = true;
    world_.downlinks_to_lose = 0;
    world_.answer = {.code = coap::Code::kChanged};
    const auto measured = world_.temperature;
    ASSERT_TRUE(world_.run(10 * kHourMs,
                           [&] { return arrived().contains(measured - 1) && world_.node->ring.count == 0; }));
    const auto values = arrived();
    for (std::int64_t value = 215; value < measured; ++value)
        EXPECT_TRUE(values.contains(value)) << "lost: the reading of value " << value;
    EXPECT_EQ(*values.begin(), 215);
    EXPECT_LE(*values.rbegin(), world_.temperature - 1);
    EXPECT_GT(nonces_.size(), 500U);
    RecordProperty("sessions", static_cast<int>(world_.gateway.established.size()));
    RecordProperty("readings", static_cast<int>(values.size()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, NodeLifeTest, ::testing::Range(1U, 5U));

}  // namespace
}  // namespace narrowgate::firmware
