// SPDX-License-Identifier: Apache-2.0
//
// P1, P2, P4: power cut at every step of every commit, and kill -9. Whatever the store said is durable is
// there afterwards, and nothing is there by half.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "fakes/power_cut_vfs.hpp"
#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

constexpr SessionId kCrashedSession = 1;

class CrashTest : public StoreTest {
protected:
    CrashTest() { options_.ballast_bytes = 4096; }

    // The unit whose mark, reading and reply all say `number`: any one of them alone is half a unit.
    Unit whole(std::uint64_t number) const {
        Unit unit = reading_unit(payload_of(number));
        unit.mark = mark(kCrashedSession, number);
        unit.reply = StoredReply{kCrashedSession,
                                 static_cast<std::uint16_t>(number),
                                 clock_.now().wall + std::chrono::hours(1),
                                 {0x60}};
        return unit;
    }
    void prepare() {
        open();
        upstream("aws");
        Unit unit;
        unit.open = session(kCrashedSession, add_device("wm-0001"));
        unit.open->right_edge = 0;
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    // Readings 1 … n, the mark n and the replies 1 … n, for one n of at least `durable`; returns n.
    std::uint64_t check_whole(std::uint64_t durable) {
        const auto rows = sessions();
        EXPECT_EQ(rows.size(), 1U);
        if (rows.size() != 1) return 0;
        const auto n = rows.at(kCrashedSession).right_edge;
        EXPECT_GE(n, durable);
        EXPECT_EQ(store_->head(), n + 1);
        const auto kept = replies();
        EXPECT_EQ(kept.size(), n);
        if (n > 0) {
            EXPECT_EQ(kept.back().message_id, n);
        }
        for (const auto& reading : waiting(0))
            EXPECT_EQ(reading.payload, payload_of(reading.number));
        return n;
    }
};

// The evil: at step k, and at each later one, the disk is gone; what was not synced is lost, is written, or
// is written in part and torn. k runs over every write and sync of a scenario with commits, progress, a fold,
// a checkpoint and a stop in it.
TEST_F(CrashTest, APowerCutAtAnyStepLosesNothingCompletedAndLeavesNothingHalf) {
    using Unsynced = fakes::PowerCutDisk::Unsynced;
    for (const auto unsynced : {Unsynced::kLost, Unsynced::kWritten, Unsynced::kRandom}) {
        bool reached_the_end = false;
        for (std::uint64_t step = 0; !reached_the_end; ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            std::filesystem::remove_all(options_.directory);
            fakes::PowerCutDisk disk;
            options_.file_layer = disk.name();
            prepare();
            disk.cut_after(step);
            std::uint64_t durable = 0;
            bool flushed = false;
            for (std::uint64_t number = 1; number <= 4; ++number) {
                if (commit(whole(number)) != Outcome::kCommitted) break;
                durable = number;
                if (number == 2) {
                    acknowledge(0, {1});
                    flushed = store_->flush().has_value();
                    clock_.advance(seconds(6));  // the next turn folds
                }
            }
            store_.reset();
            reached_the_end = !disk.is_cut();
            disk.cut_power(unsynced, step);
            open();
            const auto n = check_whole(durable);
            if (HasFailure()) return;
            const auto done = store_->progress(0).contains(1);
            EXPECT_TRUE(done || !flushed);
            EXPECT_EQ(waiting(0).size(), n - (done ? 1 : 0));
            EXPECT_EQ(commit(whole(n + 1)), Outcome::kCommitted);
            EXPECT_EQ(waiting(0).back().number, n + 1);
            store_.reset();
            if (HasFailure()) return;
        }
    }
}

// The same while the store is made: a first start that is cut short leaves something that starts.
TEST_F(CrashTest, APowerCutDuringTheFirstStartLeavesAStoreThatStarts) {
    bool reached_the_end = false;
    for (std::uint64_t step = 0; !reached_the_end; ++step) {
        SCOPED_TRACE("step " + std::to_string(step));
        std::filesystem::remove_all(options_.directory);
        fakes::PowerCutDisk disk;
        options_.file_layer = disk.name();
        disk.cut_after(step);
        auto opened = try_open();
        if (opened.has_value()) opened->reset();
        reached_the_end = !disk.is_cut();
        disk.cut_power(fakes::PowerCutDisk::Unsynced::kRandom, step);
        prepare();
        EXPECT_EQ(commit(whole(1)), Outcome::kCommitted);
        store_.reset();
        if (HasFailure()) return;
    }
}

// kill -9 in the middle of group commits: what the child was told is committed, the parent finds.
TEST_F(CrashTest, KilledProcessesLoseNothingTheyWereTold) {
    prepare();
    store_.reset();
    std::uint64_t told = 0;
    for (int round = 0; round < 5; ++round) {
        int pipe_ends[2];
        ASSERT_EQ(pipe(pipe_ends), 0);
        const std::uint64_t start = told;
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto opened = try_open();
            if (!opened) _exit(1);
            const auto sink = (*opened)->add_sink([&](std::vector<Completion>&& completions) {
                for (const auto& completion : completions) {
                    if (completion.outcome != Outcome::kCommitted) _exit(2);
                    if (write(pipe_ends[1], &completion.ticket, sizeof completion.ticket) < 0) _exit(3);
                }
            });
            for (auto number = start + 1;; ++number) {
                Unit unit = whole(number);
                unit.reply.reset();  // sixteen bits are too few to tell them apart
                unit.sink = sink;
                unit.ticket = number;
                while (!(*opened)->submit(std::move(unit)))
                    std::this_thread::yield();
            }
        }
        close(pipe_ends[1]);
        std::uint64_t ticket = 0;
        // Any moment will do; the amount differs so that the rounds do.
        while (told < start + 40U * static_cast<unsigned>(round + 1) &&
               read(pipe_ends[0], &ticket, sizeof ticket) == sizeof ticket) {
            ASSERT_EQ(ticket, told + 1);
            told = ticket;
        }
        kill(child, SIGKILL);
        while (read(pipe_ends[0], &ticket, sizeof ticket) == sizeof ticket)
            told = ticket;
        close(pipe_ends[0]);
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status));

        open();
        const auto n = sessions().at(kCrashedSession).right_edge;
        EXPECT_GE(n, told);
        const auto readings = waiting(0);
        ASSERT_EQ(readings.size(), n);
        for (std::uint64_t i = 0; i < n; ++i)
            ASSERT_EQ(readings[i].payload, payload_of(i + 1));
        told = n;
        store_.reset();
    }
}

}  // namespace
}  // namespace narrowgate::store
