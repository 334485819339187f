// SPDX-License-Identifier: Apache-2.0
//
// P1, P2, P3 with the power cut at every step of an export, an import and a restore: at no moment is a
// session usable at two places, and none is lost.
#include <fstream>

#include "fakes/power_cut_vfs.hpp"
#include "moves_fixture.hpp"
#include "narrowgate/store/copies.hpp"

namespace narrowgate::store {
namespace {

class MovesCrashTest : public MovesFixture {
protected:
    using Unsynced = fakes::PowerCutDisk::Unsynced;

    MovesCrashTest() { options_.ballast_bytes = destination_.ballast_bytes = 4096; }

    void prepare_source() {
        open();
        upstream("aws");
        for (const SessionId id : {1, 2, 3})
            add_session(id, "wm-000" + std::to_string(id));
        // Its page holds a session that is open and a reading that waits.
        Unit unit = reading_unit(payload_of(1));
        unit.open = session(4, add_device("wm-0004"));
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        store_.reset();
    }
    // How many exports the source keeps, and which the first is.
    std::optional<ExportInfo> kept_export() {
        open();
        const auto all = store_->exports();
        store_.reset();
        EXPECT_TRUE(all.has_value() && all->size() <= 1);
        return all && !all->empty() ? std::optional(all->front()) : std::nullopt;
    }
};

TEST_F(MovesCrashTest, AnExportCutAtAnyStepLeavesEachSessionAtOnePlace) {
    const auto there = prepare_destination({"wm-0001", "wm-0002", "wm-0003", "wm-0004"});
    const auto fresh = destination_.directory.string() + ".fresh";
    std::filesystem::copy(destination_.directory, fresh);
    for (const auto unsynced : {Unsynced::kLost, Unsynced::kWritten, Unsynced::kRandom}) {
        bool reached_the_end = false;
        for (std::uint64_t step = 0; !reached_the_end; ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            std::filesystem::remove_all(options_.directory);
            fakes::PowerCutDisk disk;
            options_.file_layer = disk.name();
            prepare_source();
            disk.cut_after(step);
            const auto made = export_to(there);
            reached_the_end = !disk.is_cut();
            disk.cut_power(unsynced, step);

            const auto kept = kept_export();
            const auto here = sessions_at(options_);
            ASSERT_EQ(here.size(), kept ? 0U : 4U);
            // What was reported is so.
            if (made) {
                ASSERT_TRUE(kept.has_value());
            }
            if (kept) {
                std::filesystem::remove_all(destination_.directory);
                std::filesystem::copy(fresh, destination_.directory);
                const auto file = file_of(kept->id);
                ASSERT_TRUE(file.has_value());
                const auto imported = import_it(*file);
                ASSERT_TRUE(imported.has_value()) << imported.error().text();
                EXPECT_EQ(imported->sessions, 4U);
                EXPECT_EQ(sessions_at(destination_).size(), 4U);
            }
            // P1: the reading that waited waits.
            open();
            EXPECT_EQ(waiting(0).size(), 1U);
            store_.reset();
            if (HasFailure()) return;
        }
    }
}

TEST_F(MovesCrashTest, AnImportCutAtAnyStepIsWholeOrCanBeDoneAgain) {
    const auto there = prepare_destination({"wm-0001", "wm-0002", "wm-0003", "wm-0004"});
    const auto fresh = destination_.directory.string() + ".fresh";
    std::filesystem::copy(destination_.directory, fresh);
    prepare_source();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    const auto file = *file_of(made->id);
    for (const auto unsynced : {Unsynced::kLost, Unsynced::kWritten, Unsynced::kRandom}) {
        bool reached_the_end = false;
        for (std::uint64_t step = 0; !reached_the_end; ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            std::filesystem::remove_all(destination_.directory);
            std::filesystem::copy(fresh, destination_.directory);
            fakes::PowerCutDisk disk;
            destination_.file_layer = disk.name();
            disk.cut_after(step);
            const auto imported = import_it(file);
            reached_the_end = !disk.is_cut();
            disk.cut_power(unsynced, step);
            const auto rows = sessions_at(destination_);
            ASSERT_TRUE(rows.size() == 4 || (rows.empty() && !imported));
            const auto again = import_it(file);
            EXPECT_EQ(again.has_value(), rows.empty());
            const auto after = sessions_at(destination_);
            ASSERT_EQ(after.size(), 4U);
            EXPECT_EQ(after.at(1).lease_end, 4096U);
            EXPECT_EQ(after.at(1).right_edge, 7U);
            if (HasFailure()) return;
        }
    }
}

TEST_F(MovesCrashTest, ARestoreCutAtAnyStepLeavesTheOldStoreOrTheNewOne) {
    const auto backup = directory_.path() / "backup";
    prepare_source();
    ASSERT_TRUE(back_up(options_, backup, false, clock_).has_value());
    const auto source = options_.directory.string() + ".source";
    std::filesystem::copy(options_.directory, source);
    for (const auto unsynced : {Unsynced::kLost, Unsynced::kWritten, Unsynced::kRandom}) {
        bool reached_the_end = false;
        for (std::uint64_t step = 0; !reached_the_end; ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            std::filesystem::remove_all(options_.directory);
            std::filesystem::copy(source, options_.directory);
            fakes::PowerCutDisk disk;
            options_.file_layer = disk.name();
            // The old store has a log that is not in its file when the power goes.
            open();
            ASSERT_EQ(commit(reading_unit(payload_of(2))), Outcome::kCommitted);
            store_.reset();
            disk.cut_after(step);
            std::ifstream copy(backup, std::ios::binary);
            const auto restored =
                restore(options_, copy, {.replace = true, .event = {}, .actor = std::string(kActor)}, clock_);
            reached_the_end = !disk.is_cut();
            if (!restored) disk.cut_power(unsynced, step);
            // After the last write to the new store it takes its place by rename(2), which this disk does not
            // see: it is there, or the old one is.
            if (restored) options_.file_layer.clear();
            open();
            EXPECT_EQ(sessions().size(), restored ? 0U : 4U);
            EXPECT_EQ(waiting(0).size(), restored ? 1U : 2U);
            EXPECT_EQ(store_->head() > (std::uint64_t{1} << 40), restored.has_value());
            store_.reset();
            if (HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace narrowgate::store
