// SPDX-License-Identifier: Apache-2.0
#include "sim/stream_shaper.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "fakes/manual_clock.hpp"

namespace narrowgate::sim {
namespace {

using StepKind = StreamShaper::Step::Kind;
using std::chrono::microseconds;

Bytes bytes(std::size_t count) {
    Bytes some(count);
    std::iota(some.begin(), some.end(), std::uint8_t{0});
    return some;
}

class StreamShaperTest : public ::testing::Test {
protected:
    fakes::ManualClock clock_;

    static StreamOptions cut(std::string_view text) {
        StreamOptions options;
        options.cut = *Cut::from_text(text);
        return options;
    }
    static StreamOptions accident(Accident what, std::uint64_t after_bytes) {
        StreamOptions options;
        options.accident = what;
        options.after_bytes = after_bytes;
        return options;
    }

    SteadyTime now() const { return clock_.now().steady; }

    // Everything that is due at this moment: sizes of pieces.
    std::vector<std::size_t> sizes(StreamShaper& stream) {
        std::vector<std::size_t> found;
        while (auto step = stream.take(now())) {
            if (step->kind != StepKind::kPiece) {
                last_kind_ = step->kind;
                break;
            }
            found.push_back(step->bytes.size());
            passed_.insert(passed_.end(), step->bytes.begin(), step->bytes.end());
        }
        return found;
    }

    std::optional<StepKind> last_kind_;
    Bytes passed_;
};

using Sizes = std::vector<std::size_t>;

TEST_F(StreamShaperTest, WhatComesPassesAsItCame) {
    StreamShaper stream({}, 1);
    EXPECT_FALSE(stream.next_deadline());
    stream.push(bytes(5'000), now());
    EXPECT_EQ(sizes(stream), Sizes{5'000});
    stream.push(bytes(3), now());
    stream.finish(now());
    EXPECT_EQ(sizes(stream), Sizes{3});
    EXPECT_EQ(last_kind_, StepKind::kEnd);
    EXPECT_FALSE(stream.next_deadline());
    EXPECT_EQ(stream.counts().passed, 5'003u);
}

TEST_F(StreamShaperTest, CutsEveryByteOffByItself) {
    StreamShaper stream(cut("1"), 1);
    stream.push(bytes(4), now());
    EXPECT_EQ(sizes(stream), (Sizes{1, 1, 1, 1}));
    EXPECT_EQ(passed_, bytes(4));
}

// As a modem's 1024-byte socket buffer once did it to a ServerHello.
TEST_F(StreamShaperTest, CutsAFlightInto1393Then2ThenTheRestAndStartsAnewWithTheNext) {
    StreamShaper stream(cut("1393,2,rest"), 1);
    stream.push(bytes(4'000), now());
    EXPECT_EQ(sizes(stream), (Sizes{1393, 2, 2605}));
    stream.push(bytes(1'394), now());
    EXPECT_EQ(sizes(stream), (Sizes{1393, 1}));
    stream.push(bytes(1'400), now());
    EXPECT_EQ(sizes(stream), (Sizes{1393, 2, 5}));
}

TEST_F(StreamShaperTest, APieceIsNeverWaitedFor) {
    StreamShaper stream(cut("536"), 1);
    stream.push(bytes(1'100), now());
    EXPECT_EQ(sizes(stream), (Sizes{536, 536, 28}));
}

TEST_F(StreamShaperTest, CutsAtRandomTheSameWayForTheSameSeed) {
    const auto play = [this](std::uint64_t seed) {
        StreamShaper stream(cut("random:700"), seed);
        stream.push(bytes(20'000), now());
        passed_.clear();
        return sizes(stream);
    };
    const Sizes first = play(1);
    EXPECT_EQ(passed_, bytes(20'000));
    EXPECT_EQ(play(1), first);
    EXPECT_NE(play(2), first);
    for (const std::size_t size : first)
        EXPECT_TRUE(size >= 1 && size <= 700) << size;
    EXPECT_GT(first.size(), 20'000u / 700u);
}

TEST_F(StreamShaperTest, SaysWhatIsNoWayToCut) {
    for (const char* text : {"", "0", "1,", "rest,x", "random:0", "random:", "-1"})
        EXPECT_FALSE(Cut::from_text(text)) << text;
    EXPECT_EQ(Cut::from_text("1393,2,rest")->sizes, (Sizes{1393, 2, Cut::kRest}));
    EXPECT_EQ(Cut::from_text("random:9")->random_up_to, 9u);
}

TEST_F(StreamShaperTest, PiecesAreAGapApart) {
    StreamOptions options = cut("10");
    options.gap = microseconds(200);
    StreamShaper stream(options, 1);
    stream.push(bytes(25), now());
    EXPECT_EQ(sizes(stream), Sizes{10});
    EXPECT_EQ(stream.next_deadline(), now() + microseconds(200));
    clock_.advance(milliseconds(1));
    EXPECT_EQ(sizes(stream), Sizes{10});
    clock_.advance(milliseconds(1));
    EXPECT_EQ(sizes(stream), Sizes{5});
}

TEST_F(StreamShaperTest, DelaysWithJitterAndKeepsTheOrderAndTheEndBehindAll) {
    StreamOptions options;
    options.delay = milliseconds(500);
    options.jitter = milliseconds(1'500);
    StreamShaper stream(options, 7);
    Bytes sent;
    std::optional<SteadyTime> latest;
    for (std::uint8_t number = 0; number < 50; ++number) {
        const SteadyTime came = now();
        stream.push({&number, 1}, came);
        sent.push_back(number);
        latest = came;
        clock_.advance(milliseconds(20));
    }
    stream.finish(now());
    EXPECT_GE(*stream.next_deadline(), now() - milliseconds(1'000) + options.delay);
    while (const auto next = stream.next_deadline()) {
        if (*next > now()) clock_.advance(std::chrono::ceil<milliseconds>(*next - now()));
        (void)sizes(stream);
    }
    EXPECT_EQ(passed_, sent);
    EXPECT_EQ(last_kind_, StepKind::kEnd);
    EXPECT_GE(now(), *latest + options.delay);
    EXPECT_LE(now(), *latest + options.delay + options.jitter + milliseconds(21));
}

TEST_F(StreamShaperTest, NothingComesBeforeTheDelayIsOver) {
    StreamOptions options;
    options.delay = milliseconds(2'000);
    StreamShaper stream(options, 1);
    stream.push(bytes(8), now());
    clock_.advance(milliseconds(1'999));
    EXPECT_EQ(sizes(stream), Sizes{});
    clock_.advance(milliseconds(1));
    EXPECT_EQ(sizes(stream), Sizes{8});
}

TEST_F(StreamShaperTest, ANarrowLinkTakesItsTimeForEveryByte) {
    StreamOptions options;
    options.bytes_per_second = 3'000;
    StreamShaper stream(options, 1);
    const SteadyTime began = now();
    stream.push(bytes(30'000), now());
    while (const auto next = stream.next_deadline()) {
        if (*next > now()) clock_.advance(std::chrono::ceil<milliseconds>(*next - now()));
        for (const std::size_t size : sizes(stream))
            EXPECT_LE(size, StreamShaper::kSlowPieceBytes);
    }
    EXPECT_EQ(passed_, bytes(30'000));
    EXPECT_NEAR(static_cast<double>((now() - began) / milliseconds(1)), 10'000, 600);
}

TEST_F(StreamShaperTest, AFullBufferHoldsTheSenderBack) {
    StreamOptions options;
    options.buffer_bytes = 1'000;
    StreamShaper stream(options, 1);
    stream.push(bytes(400), now());
    EXPECT_EQ(stream.room(), 600u);
    stream.stall();
    stream.push(bytes(600), now());
    EXPECT_EQ(stream.room(), 0u);
    EXPECT_EQ(sizes(stream), Sizes{});
    EXPECT_FALSE(stream.next_deadline());
    stream.resume();
    EXPECT_EQ(sizes(stream), Sizes{1'000});
    EXPECT_EQ(stream.room(), 1'000u);
}

TEST_F(StreamShaperTest, StallsAtTheVeryByteUntilItIsResumed) {
    StreamShaper stream(accident(Accident::kStall, 1'000), 1);
    stream.push(bytes(999), now());
    EXPECT_EQ(sizes(stream), Sizes{999});
    stream.push(bytes(500), now());
    EXPECT_EQ(sizes(stream), Sizes{1});
    clock_.advance(milliseconds(3'600'000));
    EXPECT_EQ(sizes(stream), Sizes{});
    EXPECT_EQ(stream.counts().accidents, 1u);
    stream.resume();
    EXPECT_EQ(sizes(stream), Sizes{499});
}

TEST_F(StreamShaperTest, AStallForATimeGoesOnByItself) {
    StreamOptions options = accident(Accident::kStall, 0);
    options.stall_for = milliseconds(700);
    StreamShaper stream(options, 1);
    stream.push(bytes(5), now());
    EXPECT_EQ(stream.next_deadline(), SteadyTime::min());
    EXPECT_EQ(sizes(stream), Sizes{});
    EXPECT_EQ(stream.next_deadline(), now() + milliseconds(700));
    clock_.advance(milliseconds(700));
    EXPECT_EQ(sizes(stream), Sizes{5});
}

TEST_F(StreamShaperTest, ResetsAsSoonAsTheByteHasPassed) {
    StreamShaper stream(accident(Accident::kReset, 10), 1);
    stream.push(bytes(25), now());
    EXPECT_EQ(sizes(stream), Sizes{10});
    EXPECT_EQ(last_kind_, StepKind::kReset);
    EXPECT_FALSE(stream.take(now()));
    EXPECT_EQ(stream.counts().swallowed, 15u);
}

TEST_F(StreamShaperTest, HalfClosesAndSwallowsWhatFollows) {
    StreamShaper stream(accident(Accident::kHalfClose, 10), 1);
    stream.push(bytes(10), now());
    EXPECT_EQ(sizes(stream), Sizes{10});
    EXPECT_EQ(last_kind_, StepKind::kEnd);
    stream.push(bytes(70'000), now());
    EXPECT_GT(stream.room(), 1u << 20U);
    EXPECT_FALSE(stream.take(now()));
    EXPECT_EQ(stream.counts().swallowed, 70'000u);
}

TEST_F(StreamShaperTest, ClosesWithoutTheTail) {
    StreamShaper stream(accident(Accident::kClose, 3), 1);
    stream.push(bytes(5), now());
    EXPECT_EQ(sizes(stream), Sizes{3});
    EXPECT_EQ(last_kind_, StepKind::kClose);
    EXPECT_EQ(stream.counts().swallowed, 2u);
}

// The sender is told nothing: not even its own end arrives.
TEST_F(StreamShaperTest, SwallowsTheTailAndStaysOpen) {
    StreamShaper stream(accident(Accident::kSwallow, 3), 1);
    stream.push(bytes(5), now());
    EXPECT_EQ(sizes(stream), Sizes{3});
    stream.push(bytes(70'000), now());
    stream.finish(now());
    EXPECT_EQ(sizes(stream), Sizes{});
    EXPECT_FALSE(last_kind_);
    EXPECT_FALSE(stream.next_deadline());
    EXPECT_EQ(stream.counts().swallowed, 70'002u);
}

TEST_F(StreamShaperTest, AnAccidentAtByteNoughtComesBeforeAnything) {
    StreamShaper stream(accident(Accident::kReset, 0), 1);
    EXPECT_EQ(stream.next_deadline(), SteadyTime::min());
    EXPECT_EQ(sizes(stream), Sizes{});
    EXPECT_EQ(last_kind_, StepKind::kReset);
}

TEST_F(StreamShaperTest, OptionsMayChangeInMidStream) {
    StreamShaper stream({}, 1);
    stream.push(bytes(100), now());
    EXPECT_EQ(sizes(stream), Sizes{100});
    StreamOptions options = cut("40");
    options.accident = Accident::kClose;
    options.after_bytes = 150;  // from the stream's beginning
    stream.set_options(options);
    stream.push(bytes(100), now());
    EXPECT_EQ(sizes(stream), (Sizes{40, 10}));
    EXPECT_EQ(last_kind_, StepKind::kClose);
}

}  // namespace
}  // namespace narrowgate::sim
