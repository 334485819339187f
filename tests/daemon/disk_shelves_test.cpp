// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/disk_shelves.hpp"

#include <gtest/gtest.h>

#include <array>

#include "daemon/ingress/session_rows.hpp"
#include "daemon/memory_journal.hpp"
#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {
namespace {

using testing::MemoryJournal;
using testing::MemorySessionReader;

class CountingReader final : public store::SessionReader {
public:
    CountingReader(const MemoryJournal& journal, std::uint64_t& look_ups)
        : reader_(journal), look_ups_(look_ups) {}

    Expected<bool> next(std::size_t count, const Take& take) override { return reader_.next(count, take); }
    Expected<void> find_by_cid(ByteView cid, const Take& take) override {
        ++look_ups_;
        return reader_.find_by_cid(cid, take);
    }
    Expected<void> find_by_path(const Path& path, const Take& take) override {
        ++look_ups_;
        return reader_.find_by_path(path, take);
    }
    Expected<void> find_of(store::CredentialId credential, const Take& take) override {
        ++look_ups_;
        return reader_.find_of(credential, take);
    }

private:
    MemorySessionReader reader_;
    std::uint64_t& look_ups_;
};

class DiskSessionShelfTest : public ::testing::Test {
protected:
    DiskSessionShelfTest() {
        // Nibbles 1 and 2: of shards 1 and 0 of two.
        for (std::uint8_t i = 1; i <= 2; ++i) {
            store::SessionRow row;
            row.id = i;
            row.credential = 7;
            row.cid = Bytes(6, i);
            row.secret = Secret(Bytes(40, i));
            row.heard = 1000;
            journal_.sessions.emplace(i, std::move(row));
        }
    }

    DiskSessionShelf shelf(std::uint8_t shard) {
        return DiskSessionShelf(std::make_unique<CountingReader>(journal_, look_ups_), map_, shard, clock_,
                                {.service_time = [] { return seconds(1060); },
                                 .found = [this](store::SessionId session) { found_.push_back(session); }});
    }

    MemoryJournal journal_;
    fakes::ManualClock clock_;
    const dtls::ShardMap map_{2, Bytes(16, 1)};
    std::uint64_t look_ups_ = 0;
    std::vector<store::SessionId> found_;
};

TEST_F(DiskSessionShelfTest, GivesASessionToItsOwnShardOnly) {
    DiskSessionShelf first = shelf(0);
    DiskSessionShelf second = shelf(1);
    dtls::SessionRecord record;
    EXPECT_FALSE(first.find_by_cid(Bytes(6, 1), record));
    ASSERT_TRUE(second.find_by_cid(Bytes(6, 1), record));
    EXPECT_EQ(record.id, 1u);
    EXPECT_EQ(record.silence, seconds(60));
    std::vector<dtls::SessionRecord> records;
    first.find_of(7, records);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].id, 2u);
    // Told of each before it was given out.
    EXPECT_EQ(found_, (std::vector<store::SessionId>{1, 2}));
}

// Somebody floods a gateway that has just started with connection IDs that he makes up.
TEST_F(DiskSessionShelfTest, StrangersReachTheDiskSoOftenOnly) {
    DiskSessionShelf any = shelf(1);
    dtls::SessionRecord record;
    std::vector<dtls::SessionRecord> records;
    for (int ms = 0; ms < 1000; ++ms) {
        for (int i = 0; i < 10; ++i) {
            (void)any.find_by_cid(Bytes(6, 0xff), record);
            any.find_by_path({}, records);
        }
        clock_.advance(milliseconds(1));
    }
    EXPECT_LE(look_ups_, static_cast<std::uint64_t>(kLookUpsAtOnce + kLookUpsPerSecond));
    EXPECT_GE(look_ups_, static_cast<std::uint64_t>(kLookUpsPerSecond));
    // What an authentic handshake asks for is answered all the same.
    any.find_of(7, records);
    EXPECT_EQ(records.size(), 1u);
}

// A crash loses up to a minute of the service time: a stamp may be of its future.
TEST(SessionRowsTest, AStampOfTheFutureIsNoSilence) {
    store::SessionRow row;
    row.heard = 1000;
    EXPECT_EQ(record_of(std::move(row), seconds(970)).silence, seconds(0));
}

}  // namespace
}  // namespace narrowgate::daemon
