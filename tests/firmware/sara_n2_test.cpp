// SPDX-License-Identifier: Apache-2.0
//
// The life of the modem up to registration, by scripts.
#include "modem/sara_n2.h"

#include <gtest/gtest.h>

#include "firmware/modem_bench.hpp"
#include "modem/cme.h"
#include "modem/psm_timers.h"

namespace narrowgate::firmware {
namespace {

using Answer = ModemBench::Answer;

class NodeModemTest : public ::testing::Test {
protected:
    // From now on `command` is answered by `answer`.
    void when(std::string command, std::string answer) {
        bench_.script = [former = bench_.script, command = std::move(command),
                         answer = std::move(answer)](std::string_view heard) -> Answer {
            if (heard == command) return answer;
            return former ? former(heard) : std::nullopt;
        };
    }

    ModemBench bench_;
};

TEST_F(NodeModemTest, AFreshModemIsConfiguredWithItsRadioOffThenAttached) {
    ASSERT_TRUE(bench_.starts());
    std::vector<std::string> configuration;
    for (const std::string& command : bench_.commands)
        if (!command.starts_with("AT+NSOC")) configuration.push_back(command);
    EXPECT_EQ(configuration,
              (std::vector<std::string>{"AT", "AT+CGMM", "AT+CGMR", "AT+CMEE?", "AT+CMEE=1", "AT+CFUN=0",
                                        "AT+NSMI=0", "AT+NNMI=0", "AT+CGDCONT=0,\"IP\",\"iot.example\"",
                                        "AT+CPSMS=1,,,\"00111000\",\"00000011\"", "AT+CEDRXS=0,5",
                                        "AT+CSCON=1", "AT+NPSMR=1", "AT+CFUN=1", "AT+COPS=0", "AT+CGATT=1",
                                        "AT+CEREG=1", "AT+CEREG?", "AT+CGATT?"}));
    EXPECT_STREQ(bench_.sn.model, "SARA-N211-02X-00");
    EXPECT_STREQ(bench_.sn.firmware, "06.57,A07.03");
    EXPECT_EQ(bench_.open.size(), 1U);
    EXPECT_EQ(bench_.sn.counts.boots, 0U);
}

// The node was reset, the modem was not: its registration must not be thrown away.
TEST_F(NodeModemTest, AModemThatIsConfiguredKeepsItsRadioOn) {
    bench_.cmee = bench_.cereg_mode = 1;
    bench_.open = {0, 1, 2, 3, 4, 5, 6};  // of a former life
    ASSERT_TRUE(bench_.starts());
    EXPECT_EQ(bench_.count("AT+CFUN"), 0U);
    EXPECT_EQ(bench_.open.size(), 1U);
}

TEST_F(NodeModemTest, WithASocketThatWasKeptNothingIsOpened) {
    bench_.cmee = bench_.cereg_mode = 1;
    bench_.open = {3};
    ASSERT_TRUE(bench_.starts(3));
    EXPECT_EQ(bench_.count("AT+NSOC"), 0U);
    EXPECT_EQ(bench_.sends("x"), SN_SENT);
    EXPECT_EQ(bench_.sent.size(), 1U);
}

TEST_F(NodeModemTest, OtherSettingsMeanAllSettingsAgain) {
    bench_.cmee = bench_.cereg_mode = 1;
    ASSERT_TRUE(bench_.starts(SN_CONFIGURE_ANEW));
    EXPECT_EQ(bench_.count("AT+CFUN=0"), 1U);
}

TEST_F(NodeModemTest, NetworkPowerSavingAndPagingAreAsProvisioned) {
    sn_options options = ModemBench::standard();
    options.apn = "";
    options.plmn = "26201";
    options.periodic_s = 0;
    options.edrx = "0101";
    ModemBench bench(options);
    ASSERT_TRUE(bench.starts());
    EXPECT_EQ(bench.count("AT+CGDCONT"), 0U);
    EXPECT_EQ(bench.count("AT+COPS=1,2,\"26201\""), 1U);
    EXPECT_EQ(bench.count("AT+CPSMS=0"), 1U);
    EXPECT_EQ(bench.count("AT+CEDRXS=1,5,\"0101\""), 1U);
}

// Drivers disagree about the first context; this one takes either.
TEST_F(NodeModemTest, AnApnThatContext0DoesNotTakeGoesToContext1) {
    when("AT+CGDCONT=0,\"IP\",\"iot.example\"", "\r\n+CME ERROR: 50\r\n");
    ASSERT_TRUE(bench_.starts());
    EXPECT_EQ(bench_.count("AT+CGDCONT=1,\"IP\",\"iot.example\""), 1U);
}

// Each setting that firmware versions differ in, refused.
TEST_F(NodeModemTest, SettingsThatAFirmwareDoesNotHaveAreDoneWithout) {
    for (const char* command : {"AT+NSMI=0", "AT+NNMI=0", "AT+CEDRXS=0,5", "AT+CSCON=1", "AT+NPSMR=1",
                                "AT+COPS=0", "AT+CGATT=1", "AT+CPSMS=1,,,\"00111000\",\"00000011\""}) {
        ModemBench bench;
        bench.script = [&](std::string_view heard) -> Answer {
            return heard == command ? Answer("\r\n+CME ERROR: 51\r\n") : std::nullopt;
        };
        EXPECT_TRUE(bench.starts()) << command;
        EXPECT_EQ(bench.sn.counts.resets, 0U);
    }
}

TEST_F(NodeModemTest, AModemOfAnotherKindIsNamedAndLeftAlone) {
    when("AT+CGMM", "\r\nBC95-B8\r\n\r\nOK\r\n");
    EXPECT_FALSE(bench_.starts());
    EXPECT_EQ(bench_.sn.phase, SN_UNKNOWN);
    ASSERT_FALSE(bench_.board.lines.empty());
    EXPECT_NE(bench_.board.lines.back().second.find("BC95-B8"), std::string::npos);
    EXPECT_EQ(bench_.board.lines.back().first, PORT_LOG_ERROR);
    EXPECT_EQ(bench_.count("AT+CFUN"), 0U);
}

// A late OK of the "AT" before was taken for a modem without a name, and that one left alone for ever.
TEST_F(NodeModemTest, AnOkThatCameLateIsNoModemWithoutAName) {
    bench_.script = [first = true](std::string_view heard) mutable -> ScriptedModem::Answer {
        if (heard != "AT+CGMM" || !std::exchange(first, false)) return std::nullopt;
        return "\r\nOK\r\n";
    };
    ASSERT_TRUE(bench_.starts());
    EXPECT_STREQ(bench_.sn.model, "SARA-N211-02X-00");
}

TEST_F(NodeModemTest, ItsNameMayComeWithAPrefixAndInQuotes) {
    when("AT+CGMM", "\r\n+CGMM: \"SARA-N210\"\r\n\r\nOK\r\n");
    ASSERT_TRUE(bench_.starts());
    EXPECT_STREQ(bench_.sn.model, "SARA-N210");
}

TEST_F(NodeModemTest, AModemThatSleepsIsWokenThoughTheFirstByteIsLost) {
    bench_.modem_sleeps = true;
    ASSERT_TRUE(bench_.starts());
    EXPECT_EQ(bench_.commands[0], "T");
    EXPECT_EQ(bench_.sn.counts.resets, 0U);
}

// Each "AT" came a second after the one before, when the modem slept again: it lost the first byte of all.
TEST_F(NodeModemTest, AModemThatSleepsAgainAfterHalfASecondIsWoken) {
    bench_.script = [this, last = bench_.board.now - 1'000](std::string_view) mutable -> Answer {
        const std::uint32_t silence = bench_.board.now - std::exchange(last, bench_.board.now);
        return silence >= 500 ? Answer("") : std::nullopt;
    };
    ASSERT_TRUE(bench_.starts());
    EXPECT_EQ(bench_.sn.counts.resets, 0U);
}

TEST_F(NodeModemTest, AModemThatWasOffSaysItsFirstWordsAndIsNotTakenForCrashed) {
    bench_.silent = true;
    sn_start(&bench_.sn, SN_NO_SOCKET);
    bench_.run(3'000);
    bench_.silent = false;
    bench_.reboots();
    ASSERT_TRUE(bench_.becomes_ready());
    EXPECT_EQ(bench_.sn.counts.boots, 0U);
    EXPECT_EQ(bench_.sn.counts.resets, 0U);
}

// First by reset, then by supply, and then it is left alone for half a minute and more, before all that
// again.
TEST_F(NodeModemTest, ADeadModemIsResetThenPoweredOffAndOnThenLeftAlone) {
    bench_.silent = true;
    sn_start(&bench_.sn, SN_NO_SOCKET);
    ASSERT_TRUE(bench_.run(600'000, [&] { return bench_.sn.phase == SN_RESTING; }));
    EXPECT_EQ(bench_.sn.counts.resets, 4U);
    EXPECT_EQ(std::ranges::count(bench_.board.modem_moves, "reset held"), 2);
    EXPECT_EQ(std::ranges::count(bench_.board.modem_moves, "power off"), 1);
    EXPECT_TRUE(bench_.board.modem_powered);
    const std::uint32_t rests = bench_.board.now;
    ASSERT_TRUE(bench_.run(600'000, [&] { return bench_.sn.phase != SN_RESTING; }));
    EXPECT_GE(bench_.board.now - rests, 30'000U);
    bench_.silent = false;
    EXPECT_TRUE(bench_.becomes_ready());
}

TEST_F(NodeModemTest, RestsGrowToAnHourAndNoFurther) {
    bench_.stat = 2;  // searching for ever
    sn_start(&bench_.sn, SN_NO_SOCKET);
    std::vector<std::uint32_t> rests;
    for (int i = 0; i < 12; ++i) {
        ASSERT_TRUE(bench_.run(4'000'000, [&] { return bench_.sn.phase == SN_RESTING; }));
        const std::uint32_t start = bench_.board.now;
        ASSERT_TRUE(bench_.run(6'000'000, [&] { return bench_.sn.phase != SN_RESTING; }));
        rests.push_back(bench_.board.now - start);
    }
    EXPECT_LE(rests[0], 37'500U);
    for (std::size_t i = 0; i < rests.size(); ++i) {
        EXPECT_GE(rests[i], std::min(3'600'000U, 30'000U << std::min<std::size_t>(i, 7)));
        EXPECT_LE(rests[i], 4'500'000U);
    }
    // The radio is off meanwhile.
    EXPECT_GE(bench_.count("AT+CFUN=0"), 24U);
    bench_.stat = 5;
    EXPECT_TRUE(bench_.becomes_ready(6'000'000));
    EXPECT_EQ(bench_.sn.rests, 0);
}

TEST_F(NodeModemTest, ANetworkThatRefusesIsLeftAloneSoonerThanOneThatIsNotThere) {
    bench_.stat = 3;
    sn_start(&bench_.sn, SN_NO_SOCKET);
    const std::uint32_t start = bench_.board.now;
    ASSERT_TRUE(bench_.run(400'000, [&] { return bench_.sn.phase == SN_RESTING; }));
    EXPECT_LT(bench_.board.now - start, 90'000U);
}

// 3 (denied) may be said in passing.
TEST_F(NodeModemTest, ARegistrationThatFlapsSettles) {
    int asked = 0;
    const std::array stats = {0, 2, 3, 2, 3, 0, 5};
    bench_.script = [&](std::string_view heard) -> Answer {
        if (heard != "AT+CEREG?") return std::nullopt;
        bench_.stat = stats[std::min<std::size_t>(static_cast<std::size_t>(asked++), stats.size() - 1)];
        return std::nullopt;
    };
    ASSERT_TRUE(bench_.starts());
    EXPECT_EQ(bench_.sn.registration, 5);
    EXPECT_EQ(bench_.sn.counts.attach_rests, 0U);
}

// "+CEREG: 2" comes by itself while the answer "+CEREG: 1,1" is waited for.
TEST_F(NodeModemTest, NewsOfTheRegistrationAreNotTakenForTheAnswer) {
    when("AT+CEREG?", "\r\n+CEREG: 2\r\n\r\n+CEREG: 1,1,\"1A2B\",\"01C3D4E5\",9\r\n\r\nOK\r\n");
    ASSERT_TRUE(bench_.starts());
    EXPECT_EQ(bench_.sn.registration, 1);
}

TEST_F(NodeModemTest, RegisteredButNotAttachedIsNotReady) {
    bench_.attached = false;
    sn_start(&bench_.sn, SN_NO_SOCKET);
    EXPECT_FALSE(bench_.becomes_ready(60'000));
    bench_.attached = true;
    EXPECT_TRUE(bench_.becomes_ready());
}

TEST_F(NodeModemTest, ACommandWithoutAnAnswerIsSaidAgain) {
    int lost = 2;
    bench_.script = [&](std::string_view heard) -> Answer {
        if (heard == "AT+CFUN=1" && lost-- > 0) return "";
        return std::nullopt;
    };
    ASSERT_TRUE(bench_.starts());
    EXPECT_EQ(bench_.sn.counts.timeouts, 2U);
    EXPECT_EQ(bench_.sn.counts.resets, 0U);
}

TEST_F(NodeModemTest, ACommandThatIsNeverAnsweredEndsInAReset) {
    when("AT+CFUN=1", "");
    sn_start(&bench_.sn, SN_NO_SOCKET);
    ASSERT_TRUE(bench_.run(600'000, [&] { return bench_.sn.counts.resets == 1; }));
    bench_.script = nullptr;
    EXPECT_TRUE(bench_.becomes_ready());
}

TEST(NodePsmTimersTest, AreRoundedUpToWhatTheBitsCanSay) {
    struct Case {
        std::uint32_t seconds;
        const char* periodic;
        const char* active;
    };
    for (const Case& each :
         {Case{0, "01100000", "00000000"}, Case{1, "01100001", "00000001"}, Case{62, "01111111", "00011111"},
          Case{63, "10000011", "00100010"}, Case{930, "10011111", "00110000"},
          Case{3'600, "00000110", "01001010"}, Case{86'400, "00111000", "01011111"},
          Case{4'000'000, "11000100", "01011111"}, Case{UINT32_MAX, "11011111", "01011111"}}) {
        char bits[PSM_BITS];
        psm_periodic(each.seconds, bits);
        EXPECT_STREQ(bits, each.periodic) << each.seconds;
        psm_active(each.seconds, bits);
        EXPECT_STREQ(bits, each.active) << each.seconds;
    }
}

TEST(NodeCmeTest, NumbersThatNobodyKnowsHaveARemedyToo) {
    EXPECT_EQ(cme_remedy_of(159), CME_WAIT);
    EXPECT_EQ(cme_remedy_of(30), CME_WAIT);
    EXPECT_EQ(cme_remedy_of(4), CME_UNSUPPORTED);
    EXPECT_EQ(cme_remedy_of(516), CME_RESTART);
    EXPECT_EQ(cme_remedy_of(-1), CME_NEW_SOCKET);
    EXPECT_EQ(cme_remedy_of(9'999), CME_NEW_SOCKET);
}

}  // namespace
}  // namespace narrowgate::firmware
