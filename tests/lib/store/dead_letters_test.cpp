// SPDX-License-Identifier: Apache-2.0
//
// What becomes of readings that an upstream refused, once a person has decided.
#include <algorithm>

#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

class DeadLettersTest : public StoreTest {
protected:
    void SetUp() override {
        open();
        aws_ = upstream("aws");
    }
    // `count` readings, each in a page of its own; those of `refused` are dead letters, the others done.
    void prepare(ReadingNumber count, const std::vector<ReadingNumber>& refused) {
        for (ReadingNumber number = 1; number <= count; ++number) {
            EXPECT_EQ(commit(reading_unit(payload_of(number))), Outcome::kCommitted);
            if (std::ranges::find(refused, number) != refused.end()) {
                store_->dead_letter(aws_, number, "not authorized (0x87)");
            } else {
                acknowledge(aws_, {number});
            }
        }
    }
    std::size_t retry(const DeadLetterChoice& choice = {}) {
        const auto readings = store_->retry_dead_letters(choice, kActor);
        EXPECT_TRUE(readings.has_value()) << readings.error().text();
        return readings.value_or(0);
    }
    std::vector<DeadLetter> letters() {
        EXPECT_TRUE(store_->flush().has_value());
        return *store_->dead_letters(100);
    }
    std::vector<ReadingNumber> waiting_numbers() {
        std::vector<ReadingNumber> numbers;
        for (const auto& reading : waiting(aws_))
            numbers.push_back(reading.number);
        return numbers;
    }
    UpstreamStatus status() { return store_->status().upstreams.at(aws_); }

    UpstreamId aws_ = 0;
};

using Numbers = std::vector<ReadingNumber>;

TEST_F(DeadLettersTest, ARetriedReadingWaitsAgainUnderItsNumberThoughItsPageIsGone) {
    prepare(5, {2, 4});
    reopen();
    EXPECT_EQ(store_->status().readings_waiting, 0U);
    EXPECT_EQ(retry(), 2U);
    EXPECT_EQ(waiting_numbers(), (Numbers{2, 4}));
    EXPECT_EQ(waiting(aws_)[0].payload, payload_of(2));
    EXPECT_EQ(waiting(aws_)[0].device, "wm-0001");
    EXPECT_EQ(waiting(aws_, 3).size(), 1U);
    EXPECT_EQ(status().pending_readings, 2U);
    EXPECT_EQ(status().returned, 2U);
    EXPECT_EQ(status().oldest, clock_.now().wall);
    reopen();
    EXPECT_EQ(waiting_numbers(), (Numbers{2, 4})) << "it is durable";
}

TEST_F(DeadLettersTest, OnceItIsTakenItsLetterIsGone) {
    prepare(3, {2});
    retry();
    acknowledge(aws_, {2});
    EXPECT_TRUE(waiting_numbers().empty());
    EXPECT_TRUE(letters().empty());
    EXPECT_EQ(status().pending_readings, 0U);
    EXPECT_EQ(status().pending_bytes, 0U);
    reopen();
    EXPECT_TRUE(waiting_numbers().empty());
    EXPECT_TRUE(store_->dead_letters(10)->empty());
}

TEST_F(DeadLettersTest, RefusedAgainItIsADeadLetterAgainWithTheNewReason) {
    prepare(3, {2});
    const auto id = letters().at(0).id;
    retry();
    clock_.advance(seconds(60));
    store_->dead_letter(aws_, 2, "payload format invalid (0x99)");
    EXPECT_TRUE(waiting_numbers().empty());
    reopen();
    const auto kept = letters();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].id, id);
    EXPECT_EQ(kept[0].reason, "payload format invalid (0x99)");
    EXPECT_EQ(kept[0].at, clock_.now().wall);
    EXPECT_FALSE(kept[0].retried.has_value());
    EXPECT_EQ(kept[0].reading.payload, payload_of(2));
    EXPECT_EQ(retry(), 1U);
}

TEST_F(DeadLettersTest, TheyStandAmongWhatElseWaitsInOrder) {
    prepare(3, {1, 3});
    for (ReadingNumber number = 4; number <= 9; ++number)
        EXPECT_EQ(commit(reading_unit(payload_of(number))), Outcome::kCommitted);
    store_->dead_letter(aws_, 6, "refused");
    store_->dead_letter(aws_, 9, "refused");
    EXPECT_EQ(retry(), 4U);
    EXPECT_EQ(waiting_numbers(), (Numbers{1, 3, 4, 5, 6, 7, 8, 9}));
    // However little is asked for at a time.
    auto reader = store_->reader();
    for (const std::size_t count : {1, 2, 3, 100}) {
        for (const std::size_t bytes : {1, 15, 1'000}) {
            Numbers numbers;
            for (ReadingNumber from = 0;;) {
                const auto readings = (*reader)->read(from, count, bytes, aws_);
                ASSERT_TRUE(readings.has_value());
                if (readings->empty()) break;
                EXPECT_LE(readings->size(), count);
                for (const auto& reading : *readings)
                    numbers.push_back(reading.number);
                from = numbers.back() + 1;
            }
            EXPECT_EQ(numbers, (Numbers{1, 3, 4, 5, 6, 7, 8, 9})) << count << " " << bytes;
        }
    }
}

TEST_F(DeadLettersTest, WhoeverWaitsForReadingsIsWokenAndToldWhereToLook) {
    prepare(4, {2, 3});
    ReadingNumber woken = 0;
    store_->on_commit([&](ReadingNumber head) { woken = head; });
    const auto before = store_->returns();
    EXPECT_FALSE(store_->first_returned(aws_).has_value());
    retry();
    EXPECT_EQ(woken, 5U);
    EXPECT_GT(store_->returns(), before);
    EXPECT_EQ(store_->first_returned(aws_), 2U);
}

TEST_F(DeadLettersTest, OneIsChosenByItsIdAndOthersByTheirUpstream) {
    const auto pelion = upstream("pelion");
    for (ReadingNumber number = 1; number <= 3; ++number) {
        EXPECT_EQ(commit(reading_unit(payload_of(number), 3)), Outcome::kCommitted);
        store_->dead_letter(aws_, number, "refused");
        store_->dead_letter(pelion, number, "refused");
    }
    ASSERT_EQ(letters().size(), 6U);
    EXPECT_EQ(store_->dead_letters(100, "pelion")->size(), 3U);
    EXPECT_EQ(retry({.id = store_->dead_letters(100, "aws")->at(2).id}), 1U);
    EXPECT_EQ(waiting_numbers(), (Numbers{1}));
    EXPECT_EQ(retry({.upstream = "pelion"}), 3U);
    EXPECT_EQ(waiting(pelion).size(), 3U);
    EXPECT_EQ(retry({.upstream = "pelion"}), 0U) << "all are on their way";
    // What one upstream takes is not taken by the other.
    acknowledge(pelion, {1});
    EXPECT_EQ(waiting_numbers(), (Numbers{1}));
    EXPECT_EQ(letters().size(), 5U);
}

TEST_F(DeadLettersTest, DroppedOnesAreGoneWhetherOrNotTheyWaitToBeSent) {
    prepare(3, {1, 2, 3});
    const auto all = letters();
    retry({.id = all.at(0).id});
    EXPECT_EQ(store_->drop_dead_letters({.id = all.at(0).id}, kActor).value_or(0), 1U);
    EXPECT_TRUE(waiting_numbers().empty());
    EXPECT_EQ(status().pending_readings, 0U);
    EXPECT_EQ(store_->drop_dead_letters({.upstream = "aws"}, kActor).value_or(0), 2U);
    EXPECT_TRUE(letters().empty());
    EXPECT_FALSE(store_->drop_dead_letters({}, kActor).has_value()) << "nothing is left";
    reopen();
    EXPECT_TRUE(store_->dead_letters(10)->empty());
}

TEST_F(DeadLettersTest, TheAuditTrailNamesWhoDecided) {
    prepare(3, {1, 2});
    retry({.id = letters().at(0).id});
    ASSERT_TRUE(store_->drop_dead_letters({.upstream = "aws"}, kActor).has_value());
    const auto lines = *store_->audit(2);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].action, "drop");
    EXPECT_EQ(lines[0].subject, "dead letters of aws");
    EXPECT_EQ(lines[0].detail, "2 readings");
    EXPECT_EQ(lines[1].action, "retry");
    EXPECT_EQ(lines[1].subject, "dead letter 2");
    EXPECT_EQ(lines[1].detail, "reading 2 for aws");
    EXPECT_EQ(lines[1].actor, kActor);
}

TEST_F(DeadLettersTest, WhatCannotBeSentIsRefusedInWords) {
    prepare(1, {1});
    const auto id = letters().at(0).id;
    const auto text = [&](const DeadLetterChoice& choice) {
        const auto readings = store_->retry_dead_letters(choice, kActor);
        return readings ? std::string("none") : readings.error().text();
    };
    EXPECT_NE(text({.id = id + 1}).find("there is no dead letter 2"), std::string::npos);
    EXPECT_NE(text({.upstream = "pelion"}).find("no dead letters of upstream \"pelion\""), std::string::npos);
    retry({.id = id});
    EXPECT_NE(text({.id = id}).find("waits to be sent already"), std::string::npos);
    // Forgotten, its upstream waits for nothing: the letter is held for a person again.
    ASSERT_TRUE(store_->forget_upstream("aws").has_value());
    EXPECT_NE(text({.id = id}).find("upstream \"aws\" of dead letter 1 is no more"), std::string::npos);
    EXPECT_FALSE(letters().at(0).retried.has_value());
    aws_ = upstream("aws");
    EXPECT_TRUE(waiting_numbers().empty());
    EXPECT_EQ(retry({.id = id}), 1U);
}

TEST_F(DeadLettersTest, WhatWasTakenIsNotHeldAgainWhenItsUpstreamIsForgotten) {
    prepare(2, {1, 2});
    retry();
    acknowledge(aws_, {1});
    ASSERT_TRUE(store_->forget_upstream("aws").has_value());
    const auto kept = *store_->dead_letters(10);
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].reading.number, 2U);
    EXPECT_FALSE(kept[0].retried.has_value());
}

TEST_F(DeadLettersTest, TheBoundSparesWhatIsToBeSentAgainAndCountsWhatGoes) {
    options_.max_dead_letters = 2;
    reopen();
    prepare(2, {1, 2});
    retry();
    for (ReadingNumber number = 3; number <= 5; ++number) {
        EXPECT_EQ(commit(reading_unit(payload_of(number))), Outcome::kCommitted);
        store_->dead_letter(aws_, number, "refused");
    }
    EXPECT_EQ(letters().size(), 4U);
    EXPECT_EQ(store_->status().dead_letters_dropped, 1U);
    EXPECT_EQ(waiting_numbers(), (Numbers{1, 2}));
    // As many as the bound wait to be sent: no more until some are taken.
    EXPECT_FALSE(store_->retry_dead_letters({}, kActor).has_value());
    acknowledge(aws_, {1, 2});
    EXPECT_EQ(letters().size(), 2U);
    EXPECT_EQ(retry(), 2U);
}

}  // namespace
}  // namespace narrowgate::store
