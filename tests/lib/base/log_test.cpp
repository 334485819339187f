// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "fakes/manual_clock.hpp"
#include "fakes/recorded_log.hpp"
#include "log_limiter.hpp"

namespace narrowgate {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

constexpr LogEvent kEvents[] = {
    {.name = "gateway.ready", .level = LogLevel::kInfo, .about = About::kGateway, .when = "It is."},
    {.name = "upstream.lost",
     .level = LogLevel::kError,
     .about = About::kUpstream,
     .when = "It is.",
     .cure = "find it"},
    {.name = "device.silent",
     .level = LogLevel::kWarning,
     .about = About::kDevice,
     .when = "It is.",
     .cure = "listen"},
    {.name = "gateway.chatty",
     .level = LogLevel::kInfo,
     .about = About::kGateway,
     .when = "It is.",
     .burst = 25},
};
static_assert(is_catalogue(kEvents));
template <LogEventName kName>
constexpr auto kEvent = find_event<kEvents, kName>();

class LogTest : public testing::Test {
protected:
    void lose(std::string_view upstream, int times) {
        for (int i = 0; i < times; ++i)
            log_.write(kEvent<"upstream.lost">, {.upstream = upstream}, "{} is lost", upstream);
    }

    fakes::ManualClock clock_;
    fakes::RecordedLines lines_;
    Log log_{LogLevel::kInfo, lines_.sink(), clock_};
};

TEST_F(LogTest, ALineHasItsEventItsFieldsAndWhatToDo) {
    log_.write(kEvent<"device.silent">, {.device = "wm-0001", .fleet = "water"}, "{} is silent", "wm-0001");
    lose("aws", 1);
    const auto lines = lines_.take();
    ASSERT_THAT(lines, SizeIs(2));
    EXPECT_EQ(lines[0].event, "device.silent");
    EXPECT_EQ(lines[0].level, LogLevel::kWarning);
    EXPECT_EQ(lines[0].device, "wm-0001");
    EXPECT_EQ(lines[0].fleet, "water");
    EXPECT_EQ(lines[0].upstream, "");
    EXPECT_EQ(lines[0].message, "wm-0001 is silent; listen");
    EXPECT_EQ(lines[1].upstream, "aws");
}

TEST_F(LogTest, AnErrorThatKnowsBetterSaysWhatToDo) {
    log_.write(kEvent<"upstream.lost">, {.upstream = "aws"}, Error{"aws is lost", "look behind the door"});
    log_.write(kEvent<"upstream.lost">, {.upstream = "aws"}, Error{"aws is lost", ""});
    EXPECT_THAT(lines_.take_messages(),
                ElementsAre("aws is lost; look behind the door", "aws is lost; find it"));
}

TEST_F(LogTest, TheLevelDecides) {
    log_.debug("nobody sees this");
    log_.set_level(LogLevel::kError);
    log_.write(kEvent<"gateway.ready">, {}, "nor this");
    lose("aws", 1);
    log_.set_level(LogLevel::kDebug);
    log_.debug("all of {}", 7);
    EXPECT_THAT(lines_.take_messages(), ElementsAre("aws is lost; find it", "all of 7"));
}

// What comes from outside must not be able to write a line that looks like one of ours.
TEST_F(LogTest, WhateverComesIsOneLineOfUtf8) {
    log_.write(kEvent<"device.silent">, {.device = "a\nb\xff", .fleet = "f\x1b[31m"},
               "x\r\n<3>y\tz \xc3\xa4 \xe2\x80\xa8 \xc2\x85 \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82");
    const auto lines = lines_.take();
    ASSERT_THAT(lines, SizeIs(1));
    EXPECT_EQ(lines[0].device, "a\\nb\\xff");
    EXPECT_EQ(lines[0].fleet, "f\\x1b[31m");
    EXPECT_EQ(lines[0].message,
              "x\\x0d\\n<3>y\\tz \xc3\xa4 \\xe2\\x80\\xa8 \\xc2\\x85 \\xc0\\xaf \\xed\\xa0\\x80 "
              "\\xf4\\x90\\x80\\x80 "
              "\\xe2\\x82; listen");
}

TEST_F(LogTest, ALongReasonIsCut) {
    log_.write(kEvent<"gateway.ready">, {}, "{}", std::string(65'536, 'x'));
    EXPECT_EQ(lines_.take_messages().front(), std::string(2048, 'x') + "...");
}

TEST_F(LogTest, AfterTenAtOnceOneEachTenSecondsSaysHowManyWereLeftOut) {
    lose("aws", 47);
    EXPECT_THAT(lines_.take_messages(), SizeIs(10));
    clock_.advance(seconds(9));
    lose("aws", 1);
    EXPECT_THAT(lines_.take_messages(), IsEmpty());
    clock_.advance(milliseconds(1001));
    lose("aws", 2);
    EXPECT_THAT(lines_.take_messages(), ElementsAre("aws is lost; find it (38 more like it)"));
    clock_.advance(seconds(10));
    lose("aws", 1);
    EXPECT_THAT(lines_.take_messages(), ElementsAre("aws is lost; find it (1 more like it)"));
    // Silence fills the bucket again.
    clock_.advance(seconds(101));
    lose("aws", 11);
    EXPECT_THAT(lines_.take_messages(), SizeIs(10));
}

TEST_F(LogTest, OneUpstreamsNoiseHidesNeitherAnotherNorOtherEvents) {
    lose("aws", 100);
    lines_.take();
    lose("pelion", 1);
    log_.write(kEvent<"gateway.ready">, {}, "ready");
    EXPECT_THAT(lines_.take_messages(), ElementsAre("pelion is lost; find it", "ready"));
}

TEST_F(LogTest, AllDevicesOfAFleetTogetherAreOneSource) {
    for (int i = 0; i < 1000; ++i) {
        const std::string device = "wm-" + std::to_string(i);
        log_.write(kEvent<"device.silent">, {.device = device, .fleet = "water"}, "silent");
    }
    EXPECT_THAT(lines_.take(), SizeIs(10));
}

TEST_F(LogTest, WhatAnOperatorAsksForMayComeMoreOften) {
    for (int i = 0; i < 100; ++i)
        log_.write(kEvent<"gateway.chatty">, {}, "{}", i);
    EXPECT_THAT(lines_.take(), SizeIs(25));
}

// What is hidden by the level has not happened for the log, and takes nothing of the burst.
TEST_F(LogTest, WhatTheLevelHidesIsNotCounted) {
    log_.set_level(LogLevel::kError);
    for (int i = 0; i < 100; ++i)
        log_.write(kEvent<"gateway.ready">, {}, "hidden");
    log_.set_level(LogLevel::kInfo);
    log_.write(kEvent<"gateway.ready">, {}, "seen");
    EXPECT_THAT(lines_.take_messages(), ElementsAre("seen"));
}

TEST(LogLimiterTest, MemoryIsBoundedWhateverNamesCome) {
    LogLimiter limiter;
    const SteadyTime now{};
    for (int i = 0; i < 10'000; ++i) {
        const std::string name = std::string(1000, 'x') + std::to_string(i);
        const std::string other = std::to_string(i) + std::string(1000, 'x');
        (void)limiter.admit(kEvents[1], {.device = {}, .fleet = {}, .upstream = name}, now);
        (void)limiter.admit(kEvents[1], {.device = {}, .fleet = {}, .upstream = other}, now);
    }
    EXPECT_LE(limiter.buckets(), LogLimiter::kMaxNamed + std::size(kEvents));
    // A new name comes under the bucket that the rest share, which is empty now.
    EXPECT_FALSE(limiter.admit(kEvents[1], {.device = {}, .fleet = {}, .upstream = "new"}, now).has_value());
    EXPECT_TRUE(limiter.admit(kEvents[0], {}, now).has_value());
}

class StderrTest : public testing::Test {
protected:
    void TearDown() override { unsetenv("JOURNAL_STREAM"); }

    // JOURNAL_STREAM as systemd sets it, for the standard error that is captured now.
    static void connect_to_the_journal() {
        struct stat status{};
        ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
        const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
        setenv("JOURNAL_STREAM", stream.c_str(), 1);
    }
    static std::string line_of(const LogEntry& entry) {
        stderr_sink()->write(entry);
        return testing::internal::GetCapturedStderr();
    }
};

TEST_F(StderrTest, APersonReadsTheTimeAndTheFields) {
    testing::internal::CaptureStderr();
    EXPECT_THAT(line_of({.level = LogLevel::kWarning,
                         .event = &kEvents[2],
                         .fields = {.device = "meter \"7\"", .fleet = "water", .upstream = {}},
                         .message = "is silent"}),
                MatchesRegex(
                    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}[+-][0-9]{2}:?[0-9]{2} warning is silent "
                    "event=device\\.silent device=\"meter \\\\\"7\\\\\"\" fleet=water\n"));
}

TEST_F(StderrTest, TheJournalReadsThePriority) {
    testing::internal::CaptureStderr();
    connect_to_the_journal();
    EXPECT_EQ(line_of({.level = LogLevel::kError,
                       .event = &kEvents[1],
                       .fields = {.device = {}, .fleet = {}, .upstream = "aws"},
                       .message = "lost"}),
              "<3>lost event=upstream.lost upstream=aws\n");
}

// A service that starts us with its own environment and a file of ours.
TEST_F(StderrTest, AnInheritedEnvironmentIsNotTheJournal) {
    setenv("JOURNAL_STREAM", "8:1", 1);
    testing::internal::CaptureStderr();
    EXPECT_FALSE(stderr_is_the_journal());
    EXPECT_THAT(line_of({.level = LogLevel::kDebug, .event = nullptr, .fields = {}, .message = "m"}),
                EndsWith(" debug m\n"));
}

}  // namespace
}  // namespace narrowgate
