// SPDX-License-Identifier: Apache-2.0
//
// What is known of a SARA-N2. What goes wrong with one is in modem_defects_test.cpp.
#include "sim/modem.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/modem_bench.hpp"

namespace narrowgate::sim {
namespace {

TEST(Modem, StartsWithABannerAndFindsItsNetwork) {
    ModemOptions options = ModemBench::plain();
    options.life.banner = Banner::kUblox;
    options.life.boot_noise = 0;
    ModemBench bench(options);
    bench.run(milliseconds(2'999));
    EXPECT_EQ(bench.heard, "");
    bench.run(milliseconds(1));
    EXPECT_EQ(bench.heard, line("REBOOT_CAUSE_PMU_POWER_ON_RESET") + line("u-blox") + kOk);
    EXPECT_EQ(bench.ask("AT+CEREG?"), line("+CEREG: 0,2") + kOk);
    bench.run(seconds(3));
    EXPECT_EQ(bench.ask("AT+CEREG?"), line("+CEREG: 0,1") + kOk);
    EXPECT_EQ(bench.ask("AT+CGATT?"), line("+CGATT: 1") + kOk);
}

TEST(Modem, PacesBothDirectionsAt9600Baud) {
    ModemOptions options = ModemBench::plain();
    options.manners.baud = 9600;
    options.manners.answer_delay = milliseconds(0);
    ModemBench bench(options);
    bench.run(seconds(10));
    const std::string command(93, ' ');
    bench.say("AT" + command + "\r");  // 96 bytes: 100 ms
    bench.run(milliseconds(99));
    EXPECT_EQ(bench.modem.state().counts.commands, 0u);
    bench.run(milliseconds(2));
    EXPECT_EQ(bench.modem.state().counts.commands, 1u);
    bench.run(milliseconds(30));
    bench.heard.clear();
    bench.say("AT\r");
    bench.run(std::chrono::microseconds(3'125 + 3 * 1'042));  // three bytes, and three of six come back
    EXPECT_EQ(bench.heard, "\r\nO");
    bench.run(milliseconds(4));
    EXPECT_EQ(bench.heard, kOk);
}

TEST(Modem, JoinedCommandsHaveAnOkEach) {
    ModemBench bench;
    bench.run(seconds(10));
    bench.say("AT+CMEE=1;+CSCON=1\r");
    bench.run(seconds(1));
    EXPECT_EQ(bench.heard, kOk + kOk);
    EXPECT_EQ(bench.modem.state().settings.cscon, 1u);
}

TEST(Modem, AnswersTheNumberOfASocketWithoutAPrefix) {
    ModemBench bench;
    bench.run(seconds(10));
    for (unsigned socket = 0; socket < ModemSockets::kSockets; ++socket) {
        EXPECT_EQ(bench.ask("AT+NSOCR=\"DGRAM\",17,,0"), line(std::to_string(socket)) + kOk);
    }
    EXPECT_EQ(bench.ask("AT+NSOCR=\"DGRAM\",17,0,1"), line("ERROR"));  // the eighth
    EXPECT_EQ(bench.ask("AT+NSOCL=3"), kOk);
    EXPECT_EQ(bench.ask("AT+NSOCL=3"), line("ERROR"));
    EXPECT_EQ(bench.ask("AT+NSOCR=\"DGRAM\",17,5683"), line("ERROR"));
    EXPECT_EQ(bench.ask("AT+NSOCR=\"DGRAM\",17,5682"), line("3") + kOk);
}

TEST(Modem, SendsAndReceives) {
    ModemBench bench;
    bench.get_ready();
    EXPECT_EQ(bench.send("A1B2C3"), line("0,3") + kOk);
    bench.run(seconds(1));
    ASSERT_EQ(bench.uplinks.size(), 1u);
    EXPECT_EQ(bench.uplinks[0].datagram, (Bytes{0xA1, 0xB2, 0xC3}));
    EXPECT_EQ(bench.uplinks[0].to, kBenchPeer);
    EXPECT_TRUE(bench.uplinks[0].opens_mapping);
    EXPECT_EQ(bench.heard, line("0,3") + kOk + line("+CSCON: 1"));
    bench.heard.clear();
    bench.reply(Bytes{1, 2, 0xEF});
    EXPECT_EQ(bench.heard, line("+NSONMI: 0,3"));
    EXPECT_EQ(bench.ask("AT+NSORF=0,2"), line("0,\"127.0.0.1\",5684,2,\"0102\",1") + kOk);
    EXPECT_EQ(bench.ask("AT+NSORF=0,512"), line("0,\"127.0.0.1\",5684,1,\"EF\",0") + kOk);
    EXPECT_EQ(bench.ask("AT+NSORF=0,512"), kOk);
    EXPECT_EQ(bench.modem.state().counts.up_bytes, 3u);
}

TEST(Modem, SendsFiveHundredAndTwelveBytesAndNotOneMore) {
    ModemBench bench;
    bench.get_ready();
    EXPECT_EQ(bench.send(std::string(1024, 'A')), line("0,512") + kOk);
    EXPECT_EQ(bench.send(std::string(1024, 'A'), "0x400"), line("0,512") + kOk);
    EXPECT_EQ(bench.send(std::string(1026, 'A')), line("+CME ERROR: 50"));
    bench.run(seconds(1));
    EXPECT_EQ(bench.uplinks.size(), 2u);
}

TEST(Modem, RefusesADatagramThatIsNotAsItWasAnnounced) {
    ModemBench bench;
    bench.get_ready();
    for (const char* rest :
         {"\"127.0.0.1\",5684,2,\"ABC\"", "\"127.0.0.1\",5684,3,\"ABCD\"", "\"127.0.0.1\",5684,2,\"ABCG\"",
          "\"localhost\",5684,2,\"ABCD\"", "\"127.0.0.1\",0,2,\"ABCD\"", "\"127.0.0.1\",5684,2,\"ABCD\",7",
          "\"127.0.0.1\",5684,0,\"\"", "\"[::1]\",5684,2,\"ABCD\""}) {
        EXPECT_EQ(bench.ask(std::string("AT+NSOST=0,") + rest), line("+CME ERROR: 50")) << rest;
    }
    EXPECT_EQ(bench.ask("AT+NSOST=1,\"127.0.0.1\",5684,2,\"ABCD\""), line("+CME ERROR: 50"));
    EXPECT_EQ(bench.send("ABCD", "0x800"), line("+CME ERROR: 50"));
    EXPECT_EQ(bench.ask("AT+NQSOS=0"), line("+CME ERROR: 4"));
    bench.run(seconds(1));
    EXPECT_TRUE(bench.uplinks.empty());
}

TEST(Modem, SaysErrorWithoutANumberUntilItIsAskedForOne) {
    ModemBench bench;
    bench.run(seconds(10));
    EXPECT_EQ(bench.ask("AT+NSOCL=0"), line("ERROR"));
    EXPECT_EQ(bench.ask("AT+CMEE=2"), line("ERROR"));  // not on this module
    EXPECT_EQ(bench.ask("AT+CMEE=1"), kOk);
    EXPECT_EQ(bench.ask("AT+NSOCL=0"), line("+CME ERROR: 50"));
}

TEST(Modem, KeepsFourThousandBytesOfASocketAndDropsTheRest) {
    ModemBench bench;
    bench.get_ready();
    (void)bench.send("00");
    bench.run(seconds(1));
    for (int i = 0; i < 9; ++i)
        bench.reply(Bytes(500, 7));
    EXPECT_EQ(bench.modem.state().sockets.dropped(), 1u);
    EXPECT_TRUE(bench.ask("AT+NSORF=0,512").ends_with(",3500\r\n" + kOk));
}

// Without release assistance the cell holds the connection for its inactivity timer.
TEST(Modem, IsReleasedByTheCellAfterAWhile) {
    ModemBench bench;
    bench.get_ready();
    (void)bench.send("00");
    bench.run(milliseconds(300));
    bench.heard.clear();
    bench.run(milliseconds(19'600));
    EXPECT_EQ(bench.heard, "");
    bench.run(milliseconds(500));
    EXPECT_EQ(bench.heard, line("+CSCON: 0"));
}

TEST(Modem, IsReleasedAtOnceAfterAMessageThatSaysSo) {
    ModemBench bench;
    bench.get_ready();
    (void)bench.send("00", "0x200");
    bench.run(milliseconds(500));
    EXPECT_TRUE(bench.heard.ends_with(line("+CSCON: 1") + line("+CSCON: 0"))) << bench.heard;
    // A reply has to page it.
    bench.heard.clear();
    bench.reply(Bytes{1});
    EXPECT_EQ(bench.heard, "");
    bench.run(milliseconds(1'280));
    EXPECT_EQ(bench.heard, line("+CSCON: 1") + line("+NSONMI: 0,1"));
}

TEST(Modem, IsReleasedAfterTheReplyToAMessageThatSaysSo) {
    ModemBench bench;
    bench.get_ready();
    (void)bench.send("00", "0x400");
    bench.run(seconds(5));
    EXPECT_TRUE(bench.modem.state().radio.is_connected());
    bench.heard.clear();
    bench.reply(Bytes{1});
    bench.run(milliseconds(100));
    EXPECT_EQ(bench.heard, line("+NSONMI: 0,1") + line("+CSCON: 0"));
}

class SleepyModem : public ::testing::Test {
protected:
    // Asleep: T3324 is 2 s, T3412 one hour.
    static void send_to_sleep(ModemBench& bench) {
        bench.get_ready();
        (void)bench.ask("AT+CPSMS=1,,,\"00100001\",\"00000001\"");
        (void)bench.send("00", "0x200");
        bench.run(seconds(5));
        ASSERT_TRUE(bench.modem.state().radio.is_asleep());
    }
};

TEST_F(SleepyModem, FallsAsleepAndSaysSo) {
    ModemBench bench;
    send_to_sleep(bench);
    EXPECT_TRUE(bench.heard.ends_with(line("+CSCON: 0") + line("+NPSMR: 1"))) << bench.heard;
}

TEST_F(SleepyModem, LosesTheFirstByteOfWhatWakesIt) {
    ModemBench bench;
    send_to_sleep(bench);
    EXPECT_EQ(bench.ask("AT"), "");
    EXPECT_EQ(bench.modem.ear().lost_asleep(), 1u);
    EXPECT_EQ(bench.ask("AT"), "");  // silence of 5 s: it sleeps again
    bench.say("AT\r");
    EXPECT_EQ(bench.ask("AT"), kOk);
    EXPECT_EQ(bench.ask("AT+NPSMR?"), line("+NPSMR: 1,1") + kOk);  // its radio still sleeps
}

TEST_F(SleepyModem, AnUplinkEndsPowerSavingAndTheSocketIsStillThere) {
    ModemBench bench;
    send_to_sleep(bench);
    bench.say("AT\r");
    EXPECT_EQ(bench.send("AA"), line("0,1") + kOk + line("+NPSMR: 0"));
    bench.run(seconds(1));
    ASSERT_EQ(bench.uplinks.size(), 2u);
    EXPECT_EQ(bench.uplinks[0].outside_port, bench.uplinks[1].outside_port);
    EXPECT_EQ(bench.ask("AT+CEREG?"), line("+CEREG: 0,1") + kOk);
}

TEST_F(SleepyModem, UpdatesItsTrackingAreaEveryHour) {
    ModemBench bench;
    send_to_sleep(bench);
    const auto sleeps = bench.modem.state().counts.sleeps;
    bench.run(std::chrono::hours(10));
    EXPECT_GE(bench.modem.state().counts.sleeps, sleeps + 9);
    EXPECT_LE(bench.modem.state().counts.sleeps, sleeps + 10);
}

TEST_F(SleepyModem, GetsWhatTheNetworkHeldForIt) {
    ModemBench bench;
    send_to_sleep(bench);
    bench.heard.clear();
    bench.reply(Bytes{9});
    bench.run(seconds(60));
    EXPECT_EQ(bench.heard, "");
    bench.run(std::chrono::hours(1));
    EXPECT_NE(bench.heard.find(line("+NSONMI: 0,1")), std::string::npos);
}

TEST(Modem, RestartsOnDemandAndForgetsItsSockets) {
    ModemOptions options = ModemBench::plain();
    options.life.banner = Banner::kNeul;
    ModemBench bench(options, 3);
    bench.get_ready();
    bench.say("AT+NRB\r");
    bench.run(seconds(2));
    EXPECT_EQ(bench.heard, line("REBOOTING"));
    EXPECT_EQ(bench.ask("AT", milliseconds(500)), "");  // it is not there yet
    bench.run(seconds(8));
    EXPECT_TRUE(bench.heard.ends_with(line("REBOOT_CAUSE_APPLICATION_AT") + line("Neul") + kOk));
    EXPECT_EQ(bench.ask("AT+NSOCL=0"), line("ERROR"));  // without its number: AT+CMEE is forgotten too
}

TEST(Modem, WaitsForTheNodeToRegisterWithoutAutoconnect) {
    ModemOptions options = ModemBench::plain();
    options.life.autoconnect = false;
    ModemBench bench(options);
    bench.run(seconds(60));
    (void)bench.ask("AT+CMEE=1");
    EXPECT_EQ(bench.ask("AT+NCONFIG=\"AUTOCONNECT\",\"maybe\""), line("+CME ERROR: 50"));
    EXPECT_EQ(bench.ask("AT+CFUN?"), line("+CFUN: 0") + kOk);
    EXPECT_EQ(bench.ask("AT+CGATT=1"), line("+CME ERROR: 3"));
    const auto asked = bench.clock.now().steady;
    EXPECT_EQ(bench.ask("AT+CFUN=1"), kOk);
    EXPECT_GE(bench.clock.now().steady - asked, seconds(2));
    EXPECT_EQ(bench.ask("AT+CEREG=2"), kOk);
    EXPECT_EQ(bench.ask("AT+CGATT=1"), kOk + line("+CEREG: 2"));
    bench.heard.clear();
    bench.run(seconds(3));
    EXPECT_EQ(bench.heard, line("+CEREG: 1,\"5BA1\",\"01473A01\",9"));
}

TEST(Modem, ShowsItsPowerSavingTimersWithTheRegistration) {
    ModemBench bench;
    bench.run(seconds(10));
    (void)bench.ask("AT+CPSMS=1,,,\"01000011\",\"00000101\"");
    (void)bench.ask("AT+CEREG=5");
    EXPECT_EQ(bench.ask("AT+CEREG?"),
              line("+CEREG: 5,1,\"5BA1\",\"01473A01\",9,,,\"00000101\",\"01000011\"") + kOk);
    EXPECT_EQ(bench.ask("AT+CPSMS?"), line("+CPSMS: 1,,,\"01000011\",\"00000101\"") + kOk);
}

TEST(Modem, TellsTheTimeOnceTheNetworkHasToldIt) {
    ModemBench bench;
    bench.run(seconds(4));
    EXPECT_EQ(bench.ask("AT+CCLK?"), line("+CCLK: \"70/01/01,00:00:00+00\"") + kOk);
    bench.run(seconds(3));
    EXPECT_EQ(bench.ask("AT+CCLK?"), line("+CCLK: \"26/01/01,00:00:07+00\"") + kOk);
}

TEST(Modem, KnowsWhatElseANodeAsksFor) {
    ModemBench bench;
    bench.run(seconds(10));
    (void)bench.ask("AT+CMEE=1");
    EXPECT_EQ(bench.ask("AT+CGMM"), line("SARA-N211") + kOk);
    EXPECT_EQ(bench.ask("AT+CGSN=1"), line("+CGSN:357520070000001") + kOk);
    EXPECT_EQ(bench.ask("AT+CGDCONT=1,\"IP\",\"iot.example\""), kOk);
    EXPECT_EQ(bench.ask("AT+CGDCONT?"), line("+CGDCONT: 1,\"IP\",\"iot.example\",,0,0") + kOk);
    EXPECT_EQ(bench.ask("AT+CGPADDR=1"), line("+CGPADDR: 1,\"10.0.0.2\"") + kOk);
    EXPECT_EQ(bench.ask("AT+CSQ"), line("+CSQ: 17,99") + kOk);
    EXPECT_EQ(bench.ask("AT+CEDRXS=1,5,\"0101\""), kOk);
    EXPECT_EQ(bench.ask("AT+CEDRXS?"), line("+CEDRXS: 5,\"0101\"") + kOk);
    EXPECT_EQ(bench.ask("AT+CEDRXS=1,4,\"0101\""), line("+CME ERROR: 50"));
    EXPECT_EQ(bench.ask("AT+COPS=1,2,\"00101\""), kOk);
    EXPECT_EQ(bench.ask("AT+COPS?"), line("+COPS: 0,2,\"00101\"") + kOk);
    EXPECT_EQ(bench.ask("AT+NPING=\"127.0.0.1\""), kOk + line("+NPING: 0,\"127.0.0.1\",54,0"));
    EXPECT_EQ(bench.ask("AT+USOCR=17"), line("+CME ERROR: 4"));  // of another family
    const std::string radio = bench.ask("AT+NUESTATS=\"RADIO\"");
    EXPECT_TRUE(radio.starts_with(line("NUESTATS: \"RADIO\",\"Signal power\",-790"))) << radio;
}

TEST(Modem, ALateCallChangesNothing) {
    const auto life = [](seconds step) {
        ModemOptions options = ModemBench::plain();
        options.defects.flap_every = std::chrono::minutes(3);
        ModemBench bench(options, 9);
        bench.get_ready();
        (void)bench.ask("AT+CPSMS=1,,,\"01100101\",\"00000001\"");
        for (seconds passed{0}; passed < std::chrono::hours(1); passed += step) {
            bench.clock.advance(step);
            (void)bench.modem.transmit(bench.clock.now());
        }
        return bench.kinds;
    };
    EXPECT_EQ(life(seconds(1)), life(seconds(1'200)));
}

}  // namespace
}  // namespace narrowgate::sim
