// SPDX-License-Identifier: Apache-2.0
//
// Datagrams through the modem, by scripts: each defect that the field reports, and those that are only
// suspected.
#include <gtest/gtest.h>

#include "firmware/modem_bench.hpp"

namespace narrowgate::firmware {
namespace {

using Answer = ModemBench::Answer;

class NodeModemTrafficTest : public ::testing::Test {
protected:
    NodeModemTrafficTest() { EXPECT_TRUE(bench_.starts()); }

    // The next `times` commands that begin like that are answered so.
    void next(std::string prefix, std::string answer, int times = 1) {
        bench_.script = [prefix = std::move(prefix), answer = std::move(answer),
                         times](std::string_view heard) mutable -> Answer {
            if (times == 0 || !heard.starts_with(prefix)) return std::nullopt;
            --times;
            return answer;
        };
    }

    ModemBench bench_;
};

TEST_F(NodeModemTrafficTest, ADatagramGoesOutWithTheFlagsThatWereAskedFor) {
    EXPECT_EQ(bench_.sends("hello", SN_MORE_FOLLOWS), SN_SENT);
    EXPECT_EQ(bench_.sends("one", SN_RELEASE_AFTER), SN_SENT);
    EXPECT_EQ(bench_.sends("last", SN_RELEASE_NOW), SN_SENT);
    EXPECT_EQ(bench_.sent, (std::vector<std::pair<std::string, std::string>>{
                               {"0x000", "hello"}, {"0x400", "one"}, {"0x200", "last"}}));
}

TEST_F(NodeModemTrafficTest, TheLongestDatagramGoesOutWholeThroughASlowLine) {
    std::string longest;
    for (int i = 0; i < 512; ++i)
        longest += static_cast<char>(i);
    bench_.board.write_room = 3;
    EXPECT_EQ(bench_.sends(longest), SN_SENT);
    ASSERT_EQ(bench_.sent.size(), 1U);
    EXPECT_EQ(bench_.sent[0].second, longest);
    EXPECT_EQ(bench_.sends(longest + "x"), SN_NOTHING);
    EXPECT_EQ(bench_.sends(""), SN_NOTHING);
}

TEST_F(NodeModemTrafficTest, WhatIsAnnouncedIsReadInEitherSpelling) {
    for (const char* news : {"\r\n+NSONMI: 0,2\r\n", "\r\n+NSONMI:0,2\r\n"}) {
        bench_.arrived.push_back({"hi"});
        bench_.says(news);
        EXPECT_EQ(bench_.receives(), "hi");
    }
}

// The chipset may announce the first of several and no other until all are read.
TEST_F(NodeModemTrafficTest, OneAnnouncementMayStandForSeveral) {
    bench_.arrived = {{"one"}, {"two"}, {"three"}};
    bench_.says("\r\n+NSONMI: 0,3\r\n");
    EXPECT_EQ(bench_.receives(), "one");
    EXPECT_EQ(bench_.receives(), "two");
    EXPECT_EQ(bench_.receives(), "three");
    EXPECT_EQ(bench_.receives(), "");
    EXPECT_TRUE(sn_is_quiet(&bench_.sn));
}

TEST_F(NodeModemTrafficTest, AnAnnouncementThatWasLostIsMadeGoodByLooking) {
    bench_.arrived.push_back({"unannounced"});
    EXPECT_EQ(bench_.receives(60'000), "");
    sn_look(&bench_.sn);
    EXPECT_EQ(bench_.receives(), "unannounced");
}

TEST_F(NodeModemTrafficTest, NothingToReadHasManyForms) {
    for (const char* form : {"OK", "0,\"\",0", "0,,0", "0"}) {
        bench_.short_form = form;
        sn_look(&bench_.sn);
        EXPECT_EQ(bench_.receives(), "") << form;
        EXPECT_TRUE(sn_is_quiet(&bench_.sn)) << form;
        EXPECT_EQ(bench_.sn.counts.garbled, 0U) << form;
    }
}

// It was reset again and again: silence was taken for a modem that is gone.
TEST_F(NodeModemTrafficTest, AModemThatSaysNothingWhenNothingIsThereIsNotReset) {
    bench_.script = [this](std::string_view heard) -> Answer {
        return heard.starts_with("AT+NSORF") && bench_.arrived.empty() ? Answer("") : std::nullopt;
    };
    for (int i = 0; i < 10; ++i) {
        bench_.arrived.push_back({"datagram"});
        sn_look(&bench_.sn);
        EXPECT_EQ(bench_.receives(20'000), "datagram");
        bench_.run(20'000);
        EXPECT_TRUE(sn_is_quiet(&bench_.sn));
        EXPECT_EQ(bench_.sends("x"), SN_SENT);
    }
    EXPECT_EQ(bench_.sn.counts.resets, 0U);
    // Once that is known, each datagram costs one question in vain.
    EXPECT_LE(bench_.count("AT+NSORF"), 10U + 10U + 1U);
}

// News in the middle of the answer that says there is nothing.
TEST_F(NodeModemTrafficTest, WhatComesWhileNothingIsSaidToBeThereIsReadToo) {
    bench_.script = [this, first = true](std::string_view heard) mutable -> Answer {
        if (!heard.starts_with("AT+NSORF") || !std::exchange(first, false)) return std::nullopt;
        bench_.arrived.push_back({"late"});
        return "\r\n+NSONMI: 0,4\r\n\r\nOK\r\n";
    };
    sn_look(&bench_.sn);
    EXPECT_EQ(bench_.receives(), "late");
}

TEST_F(NodeModemTrafficTest, TheNextDatagramWaitsUntilTheFirstWasTaken) {
    bench_.arrived = {{"one"}, {"two"}};
    bench_.says("\r\n+NSONMI: 0,3\r\n");
    std::size_t size = 0;
    ASSERT_TRUE(bench_.run(5'000, [&] { return sn_received(&bench_.sn, &size) != nullptr; }));
    bench_.run(10'000);
    EXPECT_EQ(bench_.arrived.size(), 1U);
    EXPECT_EQ(bench_.receives(), "one");
    EXPECT_EQ(bench_.receives(), "two");
}

TEST_F(NodeModemTrafficTest, WhatIsNotTheGatewaysIsDropped) {
    bench_.arrived = {{"evil", "198.51.100.9", 5684}, {"evil", "192.0.2.1", 53}, {"good"}};
    bench_.says("\r\n+NSONMI: 0,4\r\n");
    EXPECT_EQ(bench_.receives(), "good");
    EXPECT_EQ(bench_.sn.counts.strangers, 2U);
}

TEST_F(NodeModemTrafficTest, DataThatWereGarbledAreNotHandedOn) {
    for (const char* answer : {"\r\n0,\"192.0.2.1\",5684,3,\"00112\",0\r\n\r\nOK\r\n",
                               "\r\n0,\"192.0.2.1\",5684,3,\"0011\",0\r\n\r\nOK\r\n",
                               "\r\n0,\"192.0.2.1\",5684,2,\"00zz\",0\r\n\r\nOK\r\n",
                               "\r\n0,\"192.0.2.1\",x,2,\"0011\",0\r\n\r\nOK\r\n"}) {
        const auto before = bench_.sn.counts.garbled;
        next("AT+NSORF", answer);
        bench_.arrived.push_back({"whole"});
        bench_.says("\r\n+NSONMI: 0,3\r\n");
        EXPECT_EQ(bench_.receives(), "whole") << answer;
        EXPECT_EQ(bench_.sn.counts.garbled, before + 1) << answer;
    }
}

// 159 and its like: the modem is busy. The same datagram, later.
TEST_F(NodeModemTrafficTest, ABusyModemIsAskedAgainLater) {
    next("AT+NSOSTF", "\r\n+CME ERROR: 159\r\n", 3);
    const std::uint32_t start = bench_.board.now;
    EXPECT_EQ(bench_.sends("patience"), SN_SENT);
    EXPECT_GE(bench_.board.now - start, 2'000U + 4'000U + 8'000U);
    EXPECT_EQ(bench_.sent.size(), 1U);
    EXPECT_EQ(bench_.sn.counts.sockets, 1U);
}

TEST_F(NodeModemTrafficTest, AModemThatStaysBusyGivesTheDatagramBack) {
    next("AT+NSOSTF", "\r\n+CME ERROR: 30\r\n", 100);
    EXPECT_EQ(bench_.sends("x"), SN_NOT_SENT);
    bench_.script = nullptr;
    ASSERT_TRUE(bench_.becomes_ready());
    EXPECT_EQ(bench_.sends("x"), SN_SENT);
}

// Power saving may take the sockets (it is not certain that it does here).
TEST_F(NodeModemTrafficTest, ASocketThatIsGoneIsOpenedAnewAndTheDatagramSent) {
    bench_.open.clear();
    EXPECT_EQ(bench_.sends("still here"), SN_SENT);
    ASSERT_EQ(bench_.sent.size(), 1U);
    EXPECT_EQ(bench_.sent[0].second, "still here");
    EXPECT_EQ(bench_.sn.counts.sockets, 2U);
}

// With the error number off, as after a silent restart, it says no more than ERROR.
TEST_F(NodeModemTrafficTest, AnErrorWithoutANumberIsTriedOnANewSocketThenAfterAReset) {
    next("AT+NSOSTF", "\r\nERROR\r\n", 2);
    EXPECT_EQ(bench_.sends("x"), SN_SENT);
    EXPECT_EQ(bench_.sn.counts.resets, 0U);
    next("AT+NSOSTF", "\r\nERROR\r\n", 3);
    EXPECT_EQ(bench_.sends("y"), SN_NOT_SENT);
    EXPECT_EQ(bench_.sn.counts.resets, 1U);
    ASSERT_TRUE(bench_.becomes_ready());
    EXPECT_EQ(bench_.sends("y"), SN_SENT);
}

TEST_F(NodeModemTrafficTest, WithoutReleaseAssistanceThePlainCommandDoes) {
    bench_.script = [](std::string_view heard) -> Answer {
        return heard.starts_with("AT+NSOSTF") ? Answer("\r\n+CME ERROR: 4\r\n") : std::nullopt;
    };
    EXPECT_EQ(bench_.sends("x"), SN_SENT);
    EXPECT_EQ(bench_.sends("y"), SN_SENT);
    EXPECT_EQ(bench_.count("AT+NSOSTF"), 1U);
    EXPECT_EQ(bench_.sent.size(), 2U);
}

// It may be on the air: sending it again is for the layers above, which know whether it matters.
TEST_F(NodeModemTrafficTest, ASendWithoutAnAnswerCountsAsSent) {
    next("AT+NSOSTF", "");
    EXPECT_EQ(bench_.sends("x"), SN_SENT);
    EXPECT_EQ(bench_.sn.counts.timeouts, 1U);
    bench_.script = nullptr;
    EXPECT_TRUE(bench_.becomes_ready());
    EXPECT_EQ(bench_.sends("y"), SN_SENT);
}

TEST_F(NodeModemTrafficTest, AModemThatRestartsInMidSendLosesNothing) {
    bench_.script = [this, first = true](std::string_view heard) mutable -> Answer {
        if (!heard.starts_with("AT+NSOSTF") || !std::exchange(first, false)) return std::nullopt;
        bench_.reboots();
        return "";
    };
    EXPECT_EQ(bench_.sends("reading"), SN_NOT_SENT);
    EXPECT_EQ(bench_.sn.counts.boots, 1U);
    ASSERT_TRUE(bench_.becomes_ready());
    EXPECT_EQ(bench_.count("AT+CFUN=1"), 2U);  // all settings again
    EXPECT_EQ(bench_.sends("reading"), SN_SENT);
    EXPECT_EQ(bench_.sent.size(), 1U);
}

TEST_F(NodeModemTrafficTest, AModemThatRestartsWhileNothingHappensIsConfiguredAgain) {
    bench_.run(60'000);
    bench_.reboots();
    EXPECT_FALSE(bench_.run(10, [&] { return bench_.sn.phase == SN_RESTING; }));
    ASSERT_TRUE(bench_.becomes_ready());
    EXPECT_EQ(bench_.cmee, 1);
    EXPECT_EQ(bench_.open.size(), 1U);
    EXPECT_EQ(bench_.sn.counts.resets, 0U);
}

TEST_F(NodeModemTrafficTest, PowerSavingIsFollowedAndEndedByWakingFirst) {
    bench_.says("\r\n+CSCON: 1\r\n");
    bench_.run(10);
    EXPECT_TRUE(bench_.sn.connected);
    bench_.says("\r\n+CSCON: 0\r\n\r\n+NPSMR: 1\r\n");
    bench_.run(1'000);
    EXPECT_FALSE(bench_.sn.connected);
    EXPECT_TRUE(bench_.sn.power_saving);
    bench_.modem_sleeps = true;
    bench_.commands.clear();
    const auto errors = bench_.sn.counts.errors;
    EXPECT_EQ(bench_.sends("awake"), SN_SENT);
    EXPECT_EQ(bench_.commands[0], "T");  // the first byte was lost, and with it nothing of the datagram
    EXPECT_EQ(bench_.commands[1], "AT");
    EXPECT_FALSE(bench_.sn.power_saving);
    EXPECT_EQ(bench_.sn.counts.errors, errors);
}

// It may sleep without having said so.
TEST_F(NodeModemTrafficTest, AfterASilenceItIsWokenFirst) {
    bench_.run(3'600'000);
    bench_.modem_sleeps = true;
    bench_.commands.clear();
    EXPECT_EQ(bench_.sends("x"), SN_SENT);
    EXPECT_EQ(bench_.commands[0], "T");
    ASSERT_EQ(bench_.sent.size(), 1U);
    EXPECT_EQ(bench_.sent[0].second, "x");
}

TEST_F(NodeModemTrafficTest, LostBytesOfTheLineCostADatagramAndNothingElse) {
    bench_.arrived = {{"one"}, {"two"}};
    bench_.script = [this, first = true](std::string_view heard) mutable -> Answer {
        if (heard.starts_with("AT+NSORF") && std::exchange(first, false)) {
            bench_.board.lost = 3;
            bench_.arrived.pop_front();
            return "\r\n0,\"192.0.2.1\",5684,3,\"6f\",3\r\n\r\nOK\r\n";
        }
        return std::nullopt;
    };
    bench_.says("\r\n+NSONMI: 0,3\r\n");
    EXPECT_EQ(bench_.receives(), "two");
}

// The same seed is the same run. What the modem drops, garbles and delays at random costs time, never the
// driver.
TEST_F(NodeModemTrafficTest, AMiserableModemIsServedToTheEnd) {
    std::mt19937 random(11);
    bench_.script = [&](std::string_view heard) -> Answer {
        switch (random() % 25) {
            case 0:
                return "";
            case 1:
                return "\r\nERROR\r\n";
            case 2:
                return "\r\n+CME ERROR: " + std::to_string(random() % 600) + "\r\n";
            case 3:
                bench_.reboots();
                return "";
            case 4:
                return "\r\n\xff\x80,,\",\r\n";
            case 5:
                if (heard.starts_with("AT+NSORF")) bench_.board.lost = 1;
                return std::nullopt;
            default:
                return std::nullopt;
        }
    };
    unsigned sent = 0;
    for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(bench_.becomes_ready(20'000'000)) << i;
        if (bench_.sends("datagram " + std::to_string(i), SN_MORE_FOLLOWS) == SN_SENT) ++sent;
    }
    EXPECT_GT(sent, 150U);
    EXPECT_GT(bench_.sn.counts.boots, 10U);
}

}  // namespace
}  // namespace narrowgate::firmware
