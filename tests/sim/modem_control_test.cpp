// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_control.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/modem_bench.hpp"
#include "sim/modem_log.hpp"

namespace narrowgate::sim {
namespace {

class ModemControl : public ::testing::Test {
protected:
    ModemControl() { bench_.get_ready(); }

    bool tell(std::string_view line) {
        const auto obeyed = obey(line, bench_.modem, bench_.clock.now());
        return obeyed.has_value() && !*obeyed;
    }

    ModemBench bench_;
};

TEST_F(ModemControl, SetsAccidents) {
    EXPECT_TRUE(tell("busy 2"));
    EXPECT_TRUE(tell("lose-answers 3"));
    EXPECT_TRUE(tell("lose-urcs 4"));
    EXPECT_TRUE(tell("restart-in-send 5"));
    EXPECT_TRUE(tell("lose-up 6"));
    EXPECT_TRUE(tell("lose-down 7"));
    const ModemAccidents& accidents = bench_.modem.accidents();
    EXPECT_EQ(accidents.busy_sends, 2u);
    EXPECT_EQ(accidents.lost_answers, 3u);
    EXPECT_EQ(accidents.lost_urcs, 4u);
    EXPECT_EQ(accidents.reboots_in_send, 5u);
    EXPECT_EQ(accidents.lost_up, 6u);
    EXPECT_EQ(accidents.lost_down, 7u);
}

TEST_F(ModemControl, LosesOneDatagramEachWay) {
    EXPECT_TRUE(tell("lose-up 1"));
    (void)bench_.send("01");
    (void)bench_.send("02");
    bench_.run(seconds(1));
    ASSERT_EQ(bench_.uplinks.size(), 1u);
    EXPECT_EQ(bench_.uplinks[0].datagram, Bytes{2});
    EXPECT_TRUE(tell("lose-down 1"));
    bench_.heard.clear();
    bench_.reply(Bytes{3});
    bench_.reply(Bytes{4, 4});
    EXPECT_EQ(bench_.heard, "\r\n+NSONMI: 0,2\r\n");
}

TEST_F(ModemControl, SwitchesThePower) {
    EXPECT_TRUE(tell("power off"));
    bench_.run(seconds(60));
    EXPECT_EQ(bench_.ask("AT"), "");
    EXPECT_TRUE(tell("power on"));
    bench_.run(seconds(10));
    EXPECT_EQ(bench_.ask("AT"), "\r\nOK\r\n");
    EXPECT_FALSE(bench_.modem.state().sockets.is_open(0));
}

TEST_F(ModemControl, TakesTheNetworkAwayForAWhile) {
    EXPECT_TRUE(tell("network 3 20"));
    EXPECT_EQ(bench_.ask("AT+CEREG?"), "\r\n+CEREG: 0,3\r\n\r\nOK\r\n");
    bench_.run(seconds(20));
    EXPECT_EQ(bench_.ask("AT+CEREG?"), "\r\n+CEREG: 0,1\r\n\r\nOK\r\n");
}

TEST_F(ModemControl, AsksForCountsAndRefusesTheRest) {
    EXPECT_TRUE(obey("counts", bench_.modem, bench_.clock.now()).value_or(false));
    for (const char* line : {"", "dance", "busy", "busy -1", "busy x", "network 1 5", "network 2", "power",
                             "network 9 5", "network 2 -1"}) {
        EXPECT_FALSE(obey(line, bench_.modem, bench_.clock.now())) << line;
    }
}

TEST(ModemLog, SaysHowManyBytesWereOnAir) {
    const SteadyTime began{};
    const Bytes datagram{0x16, 0xfe, 0xfd};
    const auto json = nlohmann::json::parse(to_json_line({.kind = ModemEvent::Kind::kUp,
                                                          .at = began + milliseconds(12'345),
                                                          .port = 49'152,
                                                          .remote = kBenchPeer,
                                                          .flags = kFlagReleaseAfterReply,
                                                          .datagram = datagram},
                                                         began));
    EXPECT_EQ(json, (nlohmann::json{{"at", 12.345},
                                    {"what", "up"},
                                    {"bytes", 3},
                                    {"ip_bytes", 31},
                                    {"socket_port", 49'152},
                                    {"remote", "127.0.0.1:5684"},
                                    {"flags", "0x400"},
                                    {"hex", "16fefd"}}));
}

// A sleeping modem hears noise, and a node may send it.
TEST(ModemLog, SurvivesWhatIsNoUtf8) {
    const auto json = nlohmann::json::parse(
        to_json_line({.kind = ModemEvent::Kind::kHeard, .at = {}, .text = "\xff\xfeT"}, {}));
    EXPECT_EQ(json["what"], "heard");
}

}  // namespace
}  // namespace narrowgate::sim
