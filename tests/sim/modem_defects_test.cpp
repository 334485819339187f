// SPDX-License-Identifier: Apache-2.0
//
// What a SARA-N2 may do to a node: each mode and each defect, one at a time.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "sim/modem.hpp"
#include "sim/modem_bench.hpp"
#include "sim/psm_timer.hpp"

namespace narrowgate::sim {
namespace {

// Ready, and has sent one byte: downlinks find their way.
void get_talking(ModemBench& bench) {
    bench.get_ready();
    (void)bench.send("00");
    bench.run(seconds(1));
    bench.heard.clear();
}

class ModemModes : public ::testing::Test {
protected:
    ModemOptions options_ = ModemBench::plain();
};

TEST_F(ModemModes, AnnouncesWithoutASpaceAsItsRelativesDo) {
    options_.manners.announcement_space = false;
    ModemBench bench(options_);
    get_talking(bench);
    bench.reply(Bytes(12));
    EXPECT_EQ(bench.heard, line("+NSONMI:0,12"));
}

TEST_F(ModemModes, AnnouncesOnceUntilItsBufferIsEmpty) {
    options_.manners.announcement = Announcement::kOnce;
    ModemBench bench(options_);
    get_talking(bench);
    bench.reply(Bytes{1});
    bench.reply(Bytes{2, 2});
    EXPECT_EQ(bench.heard, line("+NSONMI: 0,1"));
    EXPECT_EQ(bench.ask("AT+NSORF=0,512"), line("0,\"127.0.0.1\",5684,1,\"01\",2") + kOk);
    EXPECT_EQ(bench.ask("AT+NSORF=0,512"), line("0,\"127.0.0.1\",5684,2,\"0202\",0") + kOk);
    bench.heard.clear();
    bench.reply(Bytes{3});
    EXPECT_EQ(bench.heard, line("+NSONMI: 0,1"));
}

TEST_F(ModemModes, AnnouncesTheNextWhenTheOneBeforeIsRead) {
    options_.manners.announcement = Announcement::kOneByOne;
    options_.manners.remaining = Remaining::kDatagram;
    ModemBench bench(options_);
    get_talking(bench);
    bench.reply(Bytes{1, 1});
    bench.reply(Bytes{2});
    EXPECT_EQ(bench.heard, line("+NSONMI: 0,2"));
    EXPECT_EQ(bench.ask("AT+NSORF=0,1"), line("0,\"127.0.0.1\",5684,1,\"01\",1") + kOk);
    // Zero remain of this datagram, and another one waits.
    EXPECT_EQ(bench.ask("AT+NSORF=0,1"),
              line("0,\"127.0.0.1\",5684,1,\"01\",0") + kOk + line("+NSONMI: 0,1"));
    EXPECT_EQ(bench.ask("AT+NSORF=0,512"), line("0,\"127.0.0.1\",5684,1,\"02\",0") + kOk);
}

TEST_F(ModemModes, HasManyWaysToSayThatNothingHasCome) {
    const auto answer = [&](EmptyRead mode) {
        options_.manners.empty_read = mode;
        ModemBench bench(options_);
        bench.get_ready();
        return bench.ask("AT+NSORF=0,512");
    };
    EXPECT_EQ(answer(EmptyRead::kOk), kOk);
    EXPECT_EQ(answer(EmptyRead::kShort), line("0,\"\",0") + kOk);
    EXPECT_EQ(answer(EmptyRead::kCommas), line("0,,,,,0") + kOk);
    EXPECT_EQ(answer(EmptyRead::kSilent), "");
}

TEST_F(ModemModes, PutsALoneCarriageReturnBeforeWhatWasReceived) {
    options_.manners.lone_carriage_return = true;
    ModemBench bench(options_);
    get_talking(bench);
    bench.reply(Bytes{1});
    EXPECT_EQ(bench.ask("AT+NSORF=0,512"), "\r" + line("0,\"127.0.0.1\",5684,1,\"01\",0") + kOk);
}

TEST_F(ModemModes, NumbersItsErrorsInThreeWays) {
    const auto answer = [&](ErrorNumbers mode, const char* command) {
        options_.manners.error_numbers = mode;
        ModemBench bench(options_);
        bench.get_ready();
        return bench.ask(command);
    };
    EXPECT_EQ(answer(ErrorNumbers::kVendor, "AT+NSOCL=5"), line("+CME ERROR: 512"));
    EXPECT_EQ(answer(ErrorNumbers::kStrange, "AT+NSOCL=5"), line("+CME ERROR: 10050"));
    EXPECT_EQ(answer(ErrorNumbers::kStandard, "AT+CGATT=1"), line("+CME ERROR: 51"));
}

TEST_F(ModemModes, EchoesUntilItIsToldNotTo) {
    options_.manners.echo = true;
    ModemBench bench(options_);
    bench.run(seconds(10));
    EXPECT_EQ(bench.ask("ATE0"), "ATE0\r" + kOk);
    EXPECT_EQ(bench.ask("AT"), kOk);
}

TEST_F(ModemModes, ReportsSequenceNumbersAsItsRelativesDo) {
    options_.manners.sequence_numbers = true;
    ModemBench bench(options_);
    bench.get_ready();
    EXPECT_EQ(bench.ask("AT+NSOST=0,\"127.0.0.1\",5684,1,\"00\",77"), line("0,1") + kOk);
    bench.run(seconds(1));
    EXPECT_TRUE(bench.heard.ends_with(line("+NSOSTR:0,77,1")));
}

TEST_F(ModemModes, ChangesItsSpeedAfterTheAnswer) {
    options_.manners.baud = 9600;
    ModemBench slow(options_);
    slow.get_ready();
    EXPECT_EQ(slow.ask("AT+NATSPEED=57600,30,0,1"), line("+CME ERROR: 4"));
    options_.manners.has_natspeed = true;
    options_.manners.answer_delay = milliseconds(0);
    ModemBench bench(options_);
    bench.get_ready();
    EXPECT_EQ(bench.ask("AT+NATSPEED=57600,30,0,1"), kOk);
    bench.run(seconds(1));
    bench.heard.clear();
    bench.say("AT\r");
    bench.run(milliseconds(2));  // nine bytes at 9600 baud take 9 ms
    EXPECT_EQ(bench.heard, kOk);
}

TEST_F(ModemModes, ForgetsItsSocketsInPowerSavingMode) {
    options_.life.keeps_sockets_in_psm = false;
    ModemBench bench(options_);
    bench.get_ready();
    (void)bench.ask("AT+CPSMS=1,,,\"00100001\",\"00000001\"");
    (void)bench.send("00", "0x200");
    bench.run(seconds(5));
    ASSERT_TRUE(bench.modem.state().radio.is_asleep());
    bench.say("AT\r");
    EXPECT_EQ(bench.send("01"), line("+CME ERROR: 50"));
    EXPECT_EQ(bench.ask("AT+NSOCR=\"DGRAM\",17,0,1"), line("0") + kOk);
    EXPECT_EQ(bench.send("01"), line("0,1") + kOk + line("+NPSMR: 0"));
    bench.run(seconds(1));
    ASSERT_EQ(bench.uplinks.size(), 2u);
    EXPECT_NE(bench.uplinks[0].outside_port, bench.uplinks[1].outside_port);
}

TEST_F(ModemModes, HearsNothingForAWhileAfterItWasWoken) {
    options_.life.wake_time = milliseconds(50);
    options_.life.wake_lost_bytes = 0;
    ModemBench bench(options_);
    bench.get_ready();
    (void)bench.ask("AT+CPSMS=1,,,\"00100001\",\"00000001\"");
    (void)bench.send("00", "0x200");
    bench.run(seconds(5));
    bench.heard.clear();
    bench.say("AT\r");
    bench.run(milliseconds(49));
    bench.say("AT\r");
    bench.run(milliseconds(1));
    EXPECT_EQ(bench.heard, "");
    EXPECT_EQ(bench.ask("AT"), kOk);
    EXPECT_EQ(bench.modem.ear().lost_asleep(), 6u);
}

TEST_F(ModemModes, SwallowsWhatItCannotSend) {
    options_.manners.send_unregistered = SendUnregistered::kSwallowed;
    ModemBench bench(options_);
    bench.get_ready();
    bench.modem.lose_network(Registration::kSearching, seconds(60), bench.clock.now());
    EXPECT_EQ(bench.send("00"), line("0,1") + kOk);
    bench.run(seconds(120));
    EXPECT_TRUE(bench.uplinks.empty());
}

class ModemDefects : public ModemModes {};

TEST_F(ModemDefects, PutsAUrcInTheMiddleOfAnAnswer) {
    options_.defects.urc_in_answer = 1;
    ModemBench bench(options_);
    get_talking(bench);
    bench.run(seconds(3));
    bench.heard.clear();
    bench.reply(Bytes{1});
    EXPECT_EQ(bench.heard, "");  // kept back
    EXPECT_EQ(bench.ask("AT+CFUN?"), line("+CFUN: 1") + line("+NSONMI: 0,1") + kOk);
    bench.reply(Bytes{2});
    bench.heard.clear();
    bench.run(seconds(2));  // but not for ever
    EXPECT_EQ(bench.heard, line("+NSONMI: 0,1"));
}

TEST_F(ModemDefects, LosesUrcs) {
    options_.defects.lost_urc = 1;
    ModemBench bench(options_);
    get_talking(bench);
    bench.reply(Bytes{1});
    EXPECT_EQ(bench.heard, "");
    EXPECT_EQ(bench.ask("AT+NSORF=0,512"), line("0,\"127.0.0.1\",5684,1,\"01\",0") + kOk);
}

TEST_F(ModemDefects, CarriesOutACommandAndDoesNotAnswer) {
    ModemBench bench(options_);
    bench.get_ready();
    bench.modem.accidents().lost_answers = 1;
    EXPECT_EQ(bench.send("00"), line("+CSCON: 1"));  // and nothing else
    EXPECT_EQ(bench.uplinks.size(), 1u);
}

TEST_F(ModemDefects, IsTooBusyToSend) {
    ModemBench bench(options_);
    bench.get_ready();
    bench.modem.accidents().busy_sends = 2;
    EXPECT_EQ(bench.send("00"), line("+CME ERROR: 159"));
    EXPECT_EQ(bench.send("00"), line("+CME ERROR: 159"));
    EXPECT_EQ(bench.send("00"), line("0,1") + kOk);
}

// Four wait for the connection.
TEST_F(ModemDefects, IsTooBusyWhenItsQueueIsFull) {
    options_.network.connect_time = seconds(10);
    ModemBench bench(options_);
    bench.get_ready();
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(bench.send("00"), line("0,1") + kOk);
    EXPECT_EQ(bench.send("00"), line("+CME ERROR: 159"));
    bench.run(seconds(10));
    EXPECT_EQ(bench.uplinks.size(), 4u);
}

TEST_F(ModemDefects, RestartsInTheMiddleOfASend) {
    options_.life.banner = Banner::kUblox;
    std::set<std::size_t> sent;
    for (std::uint64_t seed = 1; seed <= 16; ++seed) {
        ModemBench bench(options_, seed);
        get_talking(bench);
        bench.modem.accidents().reboots_in_send = 1;
        const std::string heard = bench.send("01");
        EXPECT_EQ(heard.find("0,1"), std::string::npos);
        EXPECT_TRUE(heard.ends_with(line("REBOOT_CAUSE_WATCHDOG") + line("u-blox") + kOk));
        EXPECT_FALSE(bench.modem.state().sockets.is_open(0));
        sent.insert(bench.uplinks.size());
    }
    EXPECT_EQ(sent, (std::set<std::size_t>{1, 2}));  // some got out, some did not
}

TEST_F(ModemDefects, StopsInTheMiddleOfAWordWhenItRestarts) {
    options_.manners.baud = 9600;
    ModemBench bench(options_);
    bench.get_ready();
    bench.say("AT+CGMR\r");
    bench.run(milliseconds(9 + 20 + 8));
    bench.modem.restart("UNKNOWN", bench.clock.now());
    bench.run(seconds(2));
    EXPECT_EQ(bench.heard, "\r\n06.57,");
}

TEST_F(ModemDefects, RestartsByItself) {
    options_.defects.reboot_every = std::chrono::hours(1);
    ModemBench bench(options_, 5);
    bench.run(std::chrono::hours(200));
    EXPECT_NEAR(static_cast<double>(bench.modem.state().counts.starts), 200, 45);
}

TEST_F(ModemDefects, LosesItsNetworkAndFindsItAgain) {
    options_.defects.flap_every = std::chrono::minutes(10);
    options_.network.roaming = true;
    ModemBench bench(options_, 2);
    bench.run(seconds(10));
    (void)bench.ask("AT+CEREG=1");
    bench.run(std::chrono::hours(10));
    for (const char* text : {"+CEREG: 0", "+CEREG: 2", "+CEREG: 3", "+CEREG: 5"})
        EXPECT_NE(bench.heard.find(line(text)), std::string::npos) << text;
}

TEST_F(ModemDefects, IsDeniedAtFirst) {
    options_.network.denied_attempts = 1;
    ModemBench bench(options_);
    bench.run(seconds(10));
    (void)bench.ask("AT+CMEE=1");
    EXPECT_EQ(bench.ask("AT+CEREG?"), line("+CEREG: 0,3") + kOk);
    (void)bench.ask("AT+NSOCR=\"DGRAM\",17,0,1");
    EXPECT_EQ(bench.send("00"), line("+CME ERROR: 30"));
    bench.run(seconds(30));
    EXPECT_EQ(bench.ask("AT+CEREG?"), line("+CEREG: 0,1") + kOk);
}

TEST_F(ModemDefects, LeavesFromAnotherPortAfterARebinding) {
    ModemBench bench(options_);
    get_talking(bench);
    bench.modem.rebind(bench.clock.now());
    bench.reply(Bytes{1});  // to the old port: nobody is there
    EXPECT_EQ(bench.heard, "");
    (void)bench.send("01");
    ASSERT_EQ(bench.uplinks.size(), 2u);
    EXPECT_TRUE(bench.uplinks[1].opens_mapping);
    EXPECT_NE(bench.uplinks[0].outside_port, bench.uplinks[1].outside_port);
}

TEST_F(ModemDefects, LosesRepeatsAndDelaysOnTheWay) {
    options_.network.link = {.delay = seconds(2), .loss = 0.3, .duplication = 0.3};
    ModemBench bench(options_, 4);
    get_talking(bench);
    for (int i = 0; i < 300; ++i) {
        (void)bench.send("01");
        bench.run(seconds(1));
    }
    bench.run(seconds(5));
    const LinkCounts counts = bench.modem.air().link_counts(Direction::kUp);
    EXPECT_EQ(bench.modem.state().counts.up, 301u);
    EXPECT_EQ(bench.uplinks.size(), counts.carried);
    EXPECT_NEAR(static_cast<double>(counts.lost), 0.3 * 1.3 * 301, 40);
    EXPECT_NEAR(static_cast<double>(counts.duplicated), 90, 35);
}

// A NAT has few ports here, and a module that sleeps without its sockets opens one after another.
TEST_F(ModemDefects, OutsidePortsDoNotRunOut) {
    ModemBench bench(options_);
    bench.get_ready();
    for (unsigned i = 0; i < 3u * Modem::kOutsidePorts; ++i) {
        (void)bench.send("00");
        bench.run(seconds(1));
        (void)bench.ask("AT+NSOCL=0");
        (void)bench.ask("AT+NSOCR=\"DGRAM\",17,0,1");
    }
    EXPECT_EQ(bench.uplinks.size(), 3u * Modem::kOutsidePorts);
}

TEST(ModemDraw, TheSameSeedGivesTheSameLife) {
    const auto life = [](std::uint64_t seed) {
        ModemBench bench(draw_modem(seed), seed);
        std::string story;
        for (int hour = 0; hour < 50; ++hour) {
            bench.run(std::chrono::hours(1));
            (void)bench.ask("AT+NSOCR=\"DGRAM\",17,0,1");
            (void)bench.send("0123", "0x400");
            story += bench.heard;
        }
        return std::pair(story, bench.uplinks.size());
    };
    EXPECT_EQ(life(1), life(1));
    EXPECT_NE(life(1), life(2));
}

// Pieces of commands in any order, with noise between them, said to modems of every kind.
TEST(ModemDraw, SurvivesWhateverANodeSays) {
    constexpr std::array kPieces{"+NSOST=",
                                 "+NSOSTF=",
                                 "+NSORF=",
                                 "+NSOCR=",
                                 "+NSOCL=",
                                 "+NPING=",
                                 "+CFUN=",
                                 "+CEREG=",
                                 "+CGATT=",
                                 "+CEDRXS=",
                                 "+CPSMS=1,,,",
                                 "+NCONFIG",
                                 "+NRB",
                                 "\"DGRAM\"",
                                 "0",
                                 "17",
                                 "512",
                                 "0x400",
                                 "5684",
                                 "127.0.0.1",
                                 "00FF",
                                 "-1",
                                 "99999999",
                                 ",",
                                 ",",
                                 ",",
                                 "\"",
                                 ";",
                                 "?",
                                 "=?",
                                 "\xff",
                                 "AT",
                                 "\rAT",
                                 "\rAT",
                                 "\rAT",
                                 "\rAT",
                                 "\r\nAT",
                                 "\rAT+CSQ",
                                 "\rAT+NSOCR=\"DGRAM\",17,0",
                                 "\rAT+NSORF=0,512"};
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        ModemBench bench(draw_modem(seed), seed);
        Chance chance(seed);
        for (int i = 0; i < 5'000; ++i) {
            bench.say(kPieces.at(chance.below(kPieces.size())));
            bench.run(chance.between(milliseconds(0), milliseconds(200)));
        }
        // Whatever it was: after a start it is a modem again.
        bench.modem.restart("SECURITY_RESET_PIN", bench.clock.now());
        bench.run(seconds(10));
        bench.modem.accidents() = {};
        bool answers = false;
        for (int tries = 0; tries < 10 && !answers; ++tries)
            answers = bench.ask("AT").find(kOk) != std::string::npos;
        EXPECT_TRUE(answers) << "seed " << seed;
        EXPECT_GT(bench.modem.state().counts.commands, 50u) << "seed " << seed;
    }
}

TEST(ModemDraw, EveryModeIsDrawn) {
    std::set<EmptyRead> empty_reads;
    std::set<Announcement> announcements;
    std::set<ErrorNumbers> numbers;
    std::set<Banner> banners;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const ModemOptions options = draw_modem(seed);
        empty_reads.insert(options.manners.empty_read);
        announcements.insert(options.manners.announcement);
        numbers.insert(options.manners.error_numbers);
        banners.insert(options.life.banner);
    }
    EXPECT_EQ(empty_reads.size(), 4u);
    EXPECT_EQ(announcements.size(), 3u);
    EXPECT_EQ(numbers.size(), 3u);
    EXPECT_EQ(banners.size(), 3u);
}

TEST(PsmTimer, ReadsUnitAndValue) {
    EXPECT_EQ(read_periodic_timer("01000011")->time, std::chrono::hours(30));
    EXPECT_EQ(read_periodic_timer("01100101")->time, seconds(10));
    EXPECT_EQ(read_active_timer("00000101")->time, seconds(10));
    EXPECT_EQ(read_active_timer("00100001")->time, seconds(60));
    EXPECT_FALSE(read_active_timer("11100000")->time);
    EXPECT_FALSE(read_periodic_timer("0100001"));
    EXPECT_FALSE(read_periodic_timer("0100001x"));
}

}  // namespace
}  // namespace narrowgate::sim
