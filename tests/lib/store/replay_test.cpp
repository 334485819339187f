// SPDX-License-Identifier: Apache-2.0
//
// P1: what was delivered is sent once more, exactly what was chosen, at least once, whatever happens between.
#include <algorithm>
#include <set>

#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using NumberSet = std::set<ReadingNumber>;

class ReplayTest : public StoreTest {
protected:
    ReplayTest() { options_.retention = hours(24); }

    NewReading reading_of(const std::string& device, const std::string& fleet = "water-meters") const {
        NewReading one = reading(payload_of(0), 1);
        one.device = device;
        one.fleet = fleet;
        return one;
    }
    void put(NewReading one) {
        Unit unit;
        unit.reading = std::move(one);
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    // Readings 1 … 10, a minute apart, delivered.
    void prepare() {
        open();
        upstream("aws");
        for (ReadingNumber number = 1; number <= 10; ++number) {
            put(reading(payload_of(number), 1));
            acknowledge(0, {number});
            clock_.advance(minutes(1));
        }
        settle();
    }
    void settle() { ASSERT_TRUE(store_->flush().has_value()); }
    Replay start(const ReplayChoice& choice = {}) {
        auto replay = store_->start_replay("aws", choice, kActor);
        EXPECT_TRUE(replay.has_value()) << replay.error().text();
        return replay.value_or(Replay{});
    }
    // The next of the replay from `from` on, over slices that hold none; empty at its end.
    std::vector<ReadingNumber> due(const Replay& replay, ReadingNumber from = 0, std::size_t count = 100) {
        auto reader = store_->reader();
        EXPECT_TRUE(reader.has_value());
        std::vector<ReadingNumber> numbers;
        while (from < replay.end) {
            auto slice = (*reader)->replay(replay.upstream, replay.job, from, count, 1'000'000);
            EXPECT_TRUE(slice.has_value());
            if (!slice || slice->next <= from) break;
            for (const StoredReading& one : slice->readings) {
                EXPECT_TRUE(one.payload == payload_of(one.number) || one.payload == payload_of(0));
                numbers.push_back(one.number);
            }
            if (!numbers.empty()) return numbers;
            from = slice->next;
        }
        return numbers;
    }
    Replay last() {
        settle();
        const auto all = store_->replays();
        return all.empty() ? Replay{} : all.front();
    }
    void sent(const Replay& replay, const std::vector<ReadingNumber>& numbers) {
        store_->replayed(replay.upstream, replay.job, numbers, ReplayFate::kSent);
    }
};

TEST_F(ReplayTest, SendsTheReadingsOfTheRangeFromItsBeginToBeforeItsEnd) {
    prepare();
    const WallTime third = clock_.now().wall - minutes(8);
    const Replay replay = start({.from = third, .to = third + minutes(4)});
    const auto numbers = due(replay);
    EXPECT_EQ(numbers, (std::vector<ReadingNumber>{3, 4, 5, 6}));
    sent(replay, numbers);
    const Replay ended = last();
    EXPECT_TRUE(ended.ended.has_value());
    EXPECT_FALSE(ended.cancelled);
    EXPECT_EQ(ended.sent, 4U);
    EXPECT_EQ(ended.gone, 0U);
    EXPECT_EQ(ended.passed, ended.end - ended.begin);
    EXPECT_FALSE(store_->replay_of(0).has_value());
}

TEST_F(ReplayTest, SendsAFleetOrADeviceAlone) {
    open();
    upstream("aws");
    put(reading_of("wm-0001"));
    put(reading_of("wm-0002"));
    put(reading_of("th-0001", "heat"));
    put(reading_of("wm-0002"));
    acknowledge(0, {1, 2, 3, 4});
    settle();
    const Replay device = start({.device = "wm-0002"});
    EXPECT_EQ(due(device), (std::vector<ReadingNumber>{2, 4}));
    ASSERT_TRUE(store_->cancel_replay("aws", kActor).has_value());
    EXPECT_EQ(due(start({.fleet = "heat"})), (std::vector<ReadingNumber>{3}));
}

TEST_F(ReplayTest, WhatWaitsAnywayIsNotSentTwiceAndWhatIsNewIsNotPartOfIt) {
    prepare();
    put(reading(payload_of(11), 1));  // waits
    const Replay replay = start();
    put(reading(payload_of(12), 1));
    acknowledge(0, {12});
    const auto numbers = due(replay);
    EXPECT_EQ(numbers.back(), 10U);
    EXPECT_EQ(due(replay, 11), std::vector<ReadingNumber>{});
    EXPECT_EQ(waiting(0).front().number, 11U);
}

TEST_F(ReplayTest, WhatWaitedAtItsStartIsLeftOutOnceDelivered) {
    prepare();
    put(reading(payload_of(11), 1));
    put(reading(payload_of(12), 1));
    Replay replay = start();
    acknowledge(0, {11});  // before the replay comes to it, and a restart between
    reopen();
    EXPECT_EQ(due(replay).back(), 10U);
    acknowledge(0, {12});  // after it has passed
    EXPECT_EQ(due(replay, 11), std::vector<ReadingNumber>{});
    sent(replay, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    replay = last();
    EXPECT_TRUE(replay.ended.has_value());
    EXPECT_EQ(replay.sent, 10U);
    EXPECT_EQ(replay.passed, replay.end - replay.begin);
}

TEST_F(ReplayTest, NothingOfItCountsAsWaiting) {
    prepare();
    start();
    EXPECT_EQ(store_->status().readings_waiting, 0U);
    EXPECT_EQ(store_->status().upstreams[0].pending_readings, 0U);
    EXPECT_TRUE(waiting(0).empty());
}

TEST_F(ReplayTest, GoesOnAfterARestartWhereItWas) {
    prepare();
    const Replay replay = start();
    sent(replay, due(replay, 0, 4));
    settle();
    reopen();
    const auto span = store_->replay_of(0);
    ASSERT_TRUE(span.has_value());
    EXPECT_EQ(span->job, replay.job);
    EXPECT_EQ(span->from, 5U);
    const auto rest = due(replay, span->from);
    EXPECT_EQ(rest, (std::vector<ReadingNumber>{5, 6, 7, 8, 9, 10}));
    sent(replay, rest);
    EXPECT_EQ(last().sent, 10U);
    EXPECT_TRUE(last().ended.has_value());
    reopen();
    EXPECT_TRUE(last().ended.has_value());
    EXPECT_EQ(last().actor, kActor);
}

TEST_F(ReplayTest, WhatWasReadAndNotAnsweredIsReadAgain) {
    prepare();
    const Replay replay = start();
    EXPECT_EQ(due(replay).size(), 10U);
    sent(replay, {2, 3});
    reopen();
    const auto again = due(replay);
    EXPECT_EQ(NumberSet(again.begin(), again.end()), (NumberSet{1, 4, 5, 6, 7, 8, 9, 10}));
}

TEST_F(ReplayTest, OneAtATimeOfAnUpstream) {
    prepare();
    start();
    const auto second = store_->start_replay("aws", {}, kActor);
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().cure.find("--cancel"), std::string::npos);
    EXPECT_FALSE(store_->start_replay("gcp", {}, kActor).has_value());
}

// Answers to what was published before a person ended the replay say nothing of the one that comes after it.
TEST_F(ReplayTest, AnswersToACancelledOneDoNotCountForTheNext) {
    prepare();
    const Replay first = start();
    const auto numbers = due(first);
    ASSERT_TRUE(store_->cancel_replay("aws", kActor).has_value());
    EXPECT_TRUE(due(first).empty());
    const Replay second = start();
    EXPECT_NE(first.job, second.job);
    sent(first, numbers);
    EXPECT_EQ(due(second), numbers);
    EXPECT_EQ(last().sent, 0U);
}

TEST_F(ReplayTest, WhoBeganAndEndedItIsInTheAuditTrail) {
    prepare();
    start({.from = WallTime{}, .fleet = "water-meters"});
    ASSERT_TRUE(store_->cancel_replay("aws", "user bob (1001)").has_value());
    EXPECT_FALSE(store_->cancel_replay("aws", kActor).has_value());
    const auto lines = store_->audit(2);
    ASSERT_TRUE(lines.has_value());
    EXPECT_EQ((*lines)[0].action, "cancel replay");
    EXPECT_EQ((*lines)[0].actor, "user bob (1001)");
    EXPECT_EQ((*lines)[1].action, "replay");
    EXPECT_EQ((*lines)[1].actor, kActor);
    EXPECT_EQ((*lines)[1].subject, "aws");
    EXPECT_NE((*lines)[1].detail.find("water-meters"), std::string::npos);
}

TEST_F(ReplayTest, WhatTheUpstreamRefusesIsADeadLetterWithItsReading) {
    prepare();
    const Replay replay = start();
    EXPECT_EQ(due(replay).size(), 10U);
    store_->replay_refused(0, replay.job, 7, "no");
    settle();
    const auto letters = store_->dead_letters(10);
    ASSERT_TRUE(letters.has_value());
    ASSERT_EQ(letters->size(), 1U);
    EXPECT_EQ(letters->front().reading.payload, payload_of(7));
    EXPECT_EQ(letters->front().reason, "no");
    EXPECT_EQ(last().refused, 1U);
    ASSERT_TRUE(store_->retry_dead_letters({.id = letters->front().id}, kActor).has_value());
    EXPECT_EQ(waiting(0).size(), 1U);
}

TEST_F(ReplayTest, WhatGoesForWantOfRoomBeforeItsTurnIsCounted) {
    options_.max_size = 6'000;
    prepare();
    const Replay replay = start();
    while (store_->status().retained_readings > 6)
        put(reading(Bytes(300, 1), 1));
    clock_.advance(seconds(6));
    reopen();  // deletes what is due
    const auto numbers = due(replay);
    ASSERT_FALSE(numbers.empty());
    EXPECT_GT(numbers.front(), 1U);
    sent(replay, numbers);
    EXPECT_EQ(last().gone, numbers.front() - 1);
    EXPECT_TRUE(last().ended.has_value());
}

TEST_F(ReplayTest, NothingGoesForItsAgeWhileOneRuns) {
    prepare();
    const Replay replay = start();
    clock_.advance(hours(48));
    reopen();
    EXPECT_EQ(due(replay).size(), 10U);
    ASSERT_TRUE(store_->cancel_replay("aws", kActor).has_value());
    reopen();
    EXPECT_EQ(store_->status().retained_readings, 0U);
}

TEST_F(ReplayTest, ALaterUpstreamGetsWhatOthersHadBeforeIt) {
    prepare();
    const auto late = upstream("late");
    const auto replay = store_->start_replay("late", {}, kActor);
    ASSERT_TRUE(replay.has_value());
    EXPECT_EQ(replay->upstream, late);
    EXPECT_EQ(due(*replay).size(), 10U);
}

TEST_F(ReplayTest, AForgottenUpstreamsReplayIsForgottenWithIt) {
    prepare();
    start();
    ASSERT_TRUE(store_->forget_upstream("aws").has_value());
    EXPECT_TRUE(store_->replays().empty());
    reopen();
    EXPECT_TRUE(store_->replays().empty());
}

TEST_F(ReplayTest, CountingSendsNothingAndSaysWhatWouldBeSent) {
    prepare();
    put(reading(payload_of(11), 1));
    std::uint64_t asked = 0;
    const auto count = store_->count_replay("aws", {}, 0, [&](const StoredReading& one) {
        ++asked;
        return one.number != 5;
    });
    ASSERT_TRUE(count.has_value());
    EXPECT_EQ(asked, 10U);
    EXPECT_EQ(count->readings, 9U);
    EXPECT_EQ(count->unwanted, 1U);
    EXPECT_EQ(count->waiting, 1U);
    EXPECT_EQ(count->last, clock_.now().wall - minutes(1));
    EXPECT_EQ(count->first, clock_.now().wall - minutes(10));
    EXPECT_FALSE(count->next.has_value());
    EXPECT_TRUE(store_->replays().empty());
}

// Long stores are looked through part by part: every part is there once, in whatever place it begins.
TEST_F(ReplayTest, PartsOfALongStoreJoinWithoutAGap) {
    open();
    upstream("aws");
    std::vector<ReadingNumber> numbers;
    constexpr ReadingNumber kAll = 300;
    for (ReadingNumber number = 1; number <= kAll; ++number) {
        put(reading(payload_of(number), 1));
        if (number % 7 == 0) {  // pages without readings between them
            Unit unit;
            unit.mark = mark(1, number);
            ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        }
        numbers.push_back(number);
    }
    acknowledge(0, numbers);
    settle();
    const Replay replay = start();
    for (const ReadingNumber begin : {ReadingNumber{0}, ReadingNumber{1}, ReadingNumber{2}, ReadingNumber{64},
                                      ReadingNumber{65}, ReadingNumber{199}, ReadingNumber{kAll}}) {
        std::vector<ReadingNumber> all;
        for (ReadingNumber from = begin; from < replay.end;) {
            const auto part = due(replay, from, 10);
            if (part.empty()) break;
            all.insert(all.end(), part.begin(), part.end());
            from = part.back() + 1;
        }
        const ReadingNumber first = std::max<ReadingNumber>(begin, 1);
        ASSERT_EQ(all.size(), kAll + 1 - first) << begin;
        EXPECT_EQ(all.front(), first);
        EXPECT_TRUE(std::ranges::is_sorted(all));
    }
}

}  // namespace
}  // namespace narrowgate::store
