// SPDX-License-Identifier: Apache-2.0
//
// P1, P2, P3: power cut at every write and sync of what happens in the life of a session and of a credential.
// What was reported is there afterwards; what was not is there as a whole, or not at all.
#include <sqlite3.h>

#include <algorithm>

#include "fakes/power_cut_vfs.hpp"
#include "store_fixture.hpp"
#include "version_2.hpp"

namespace narrowgate::store {
namespace {

class PowerCutTest : public StoreTest {
protected:
    PowerCutTest() {
        options_.ballast_bytes = 4096;
        options_.fold_slice_pages = 8;  // so that a dozen sessions take several
        image_ = directory_.path() / "image";
    }

    // Keeps the directory as it is now, the store being open or not, for each cut to begin with.
    void keep_image() {
        std::filesystem::copy(options_.directory, image_);
        store_.reset();
    }
    // The evil: at step k of `act`, and at each later one, the disk is gone; what was not synced is lost, is
    // written, or is written in part and torn. k runs until `act` ends without a cut. `act` begins with the
    // image and no store open, and returns how many of its changes were reported as durable; `check` is told.
    template <class Act, class Check>
    void cut_at_every_step(Act act, Check check) {
        using Unsynced = fakes::PowerCutDisk::Unsynced;
        for (const auto unsynced : {Unsynced::kLost, Unsynced::kWritten, Unsynced::kRandom}) {
            bool cut = true;
            for (std::uint64_t step = 0; cut; ++step) {
                SCOPED_TRACE("step " + std::to_string(step));
                std::filesystem::remove_all(options_.directory);
                std::filesystem::copy(image_, options_.directory);
                fakes::PowerCutDisk disk;
                options_.file_layer = disk.name();
                const int reported = act([&] { disk.cut_after(step); });
                store_.reset();
                cut = disk.is_cut();
                disk.cut_power(unsynced, step);
                open();
                if (!HasFatalFailure()) check(reported);
                store_.reset();
                if (HasFailure()) return;
            }
        }
    }
    // `change` happens in an open store, and is reported by returning true.
    template <class Change>
    auto once_open(Change change) {
        return [this, change](auto arm) {
            open();
            arm();
            return change() ? 1 : 0;
        };
    }
    bool committed(Unit unit) { return commit(std::move(unit)) == Outcome::kCommitted; }
    bool was_done(std::string_view action) {
        const auto lines = store_->audit(100);
        EXPECT_TRUE(lines.has_value());
        return std::ranges::any_of(*lines, [&](const auto& line) { return line.action == action; });
    }

    std::filesystem::path image_;
};

TEST_F(PowerCutTest, OfASessionsOpening) {
    open();
    const auto credential = add_device("wm-0001");
    keep_image();
    cut_at_every_step(once_open([&] {
                          Unit unit;
                          unit.open = session(1, credential);
                          unit.events.push_back({"wm-0001", clock_.now().wall, {1, 2, 3}});
                          return committed(std::move(unit));
                      }),
                      [&](int reported) {
                          const auto rows = sessions();
                          const auto events = *store_->device_events("wm-0001", 10);
                          ASSERT_GE(rows.size(), static_cast<std::size_t>(reported));
                          ASSERT_EQ(rows.size(), events.size());
                          if (rows.empty()) return;
                          EXPECT_EQ(rows.at(1).lease_end, 1024U);
                          EXPECT_EQ(text_of(rows.at(1).secret.view()), "master secret of session 1");
                          EXPECT_EQ(events[0].body, (Bytes{1, 2, 3}));
                      });
}

// P3: a number below the lease that was reported may have been used, so it must never be given out again.
TEST_F(PowerCutTest, OfUplinksThatRenewTheLease) {
    open();
    upstream("aws");
    Unit unit;
    unit.open = session(1, add_device("wm-0001"));
    unit.open->right_edge = 0;
    ASSERT_TRUE(committed(std::move(unit)));
    keep_image();
    cut_at_every_step(
        [&](auto arm) {
            open();
            arm();
            int reported = 0;
            for (std::uint64_t number = 1; number <= 3; ++number) {
                Unit uplink = reading_unit(payload_of(number));
                uplink.mark = mark(1, number);
                uplink.mark->lease_end = 1024 * (number + 1);
                if (!committed(std::move(uplink))) break;
                reported = static_cast<int>(number);
                clock_.advance(seconds(6));  // a fold after each
            }
            return reported;
        },
        [&](int reported) {
            const auto row = std::move(sessions().at(1));
            EXPECT_GE(row.right_edge, static_cast<std::uint64_t>(reported));
            EXPECT_EQ(row.lease_end, 1024 * (row.right_edge + 1));
            EXPECT_EQ(store_->head(), row.right_edge + 1);
            EXPECT_EQ(waiting(0).size(), row.right_edge);
        });
}

TEST_F(PowerCutTest, OfAConfirmationThatReplacesTheFormerSession) {
    open();
    const auto credential = add_device("wm-0001");
    for (const SessionId id : {1, 2}) {
        Unit unit;
        unit.open = session(id, credential);
        ASSERT_TRUE(committed(std::move(unit)));
    }
    keep_image();
    cut_at_every_step(once_open([&] {
                          Unit unit;
                          unit.mark = mark(2, 5);
                          unit.close = {1};
                          return committed(std::move(unit));
                      }),
                      [&](int reported) {
                          const auto rows = sessions();
                          const bool confirmed = rows.at(2).confirmed;
                          EXPECT_TRUE(confirmed || reported == 0);
                          EXPECT_EQ(rows.contains(1), !confirmed);
                      });
}

TEST_F(PowerCutTest, OfARotation) {
    open();
    add_device("wm-0001");
    keep_image();
    cut_at_every_step(
        once_open([&] {
            return store_->rotate_device("wm-0001", {{}, Secret(bytes_of("the next key")), {}, {}}, kActor)
                .has_value();
        }),
        [&](int reported) {
            std::vector<CredentialRow> rows;
            ASSERT_TRUE(store_->load_credentials([&](auto&& row) { rows.push_back(std::move(row)); }));
            const bool rotated = rows.size() == 2;
            EXPECT_TRUE(rotated || (reported == 0 && rows.size() == 1));
            EXPECT_EQ(was_done("rotate"), rotated);
            EXPECT_EQ(store_->status().credentials, rows.size());
            if (!rotated) return;
            EXPECT_EQ(rows[1].identity, "wm-0001#2");
            EXPECT_EQ(rows[1].replaces, rows[0].id);
            EXPECT_EQ(text_of(rows[1].psk.view()), "the next key");
        });
}

TEST_F(PowerCutTest, OfARetirement) {
    open();
    const auto old = add_device("wm-0001");
    const auto next =
        store_->rotate_device("wm-0001", {{}, Secret(bytes_of("the next key")), {}, {}}, kActor)->id;
    for (const auto& [id, credential] : {std::pair{SessionId{1}, old}, {2, old}, {3, next}}) {
        Unit unit;
        unit.open = session(id, credential);
        ASSERT_TRUE(committed(std::move(unit)));
    }
    keep_image();
    cut_at_every_step(once_open([&] {
                          Unit unit;
                          unit.mark = mark(3, 7);
                          unit.retire = old;
                          return committed(std::move(unit));
                      }),
                      [&](int reported) {
                          const auto rows = sessions();
                          const bool retired = rows.at(3).confirmed;
                          EXPECT_TRUE(retired || reported == 0);
                          EXPECT_EQ(rows.size(), retired ? 1U : 3U);
                          EXPECT_EQ(was_done("retire"), retired);
                          const auto device = store_->find_device("wm-0001")->value();
                          EXPECT_EQ(device.credentials[0].why_revoked.value_or(""), retired ? "retired" : "");
                          EXPECT_FALSE(device.credentials[1].revoked.has_value());
                      });
}

TEST_F(PowerCutTest, OfARevocation) {
    open();
    const auto credential = add_device("wm-0001");
    const auto other = add_device("wm-0002");
    for (const auto& [id, owner] : {std::pair{SessionId{1}, credential}, {2, credential}, {3, other}}) {
        Unit unit;
        unit.open = session(id, owner);
        ASSERT_TRUE(committed(std::move(unit)));
    }
    keep_image();
    cut_at_every_step(once_open([&] { return store_->revoke_device("wm-0001", kActor).has_value(); }),
                      [&](int reported) {
                          const bool revoked = store_->find_device("wm-0001")->value().revoked.has_value();
                          EXPECT_TRUE(revoked || reported == 0);
                          EXPECT_EQ(sessions().size(), revoked ? 1U : 3U);
                          EXPECT_EQ(was_done("revoke"), revoked);
                          EXPECT_EQ(store_->status().devices, revoked ? 1U : 2U);
                          EXPECT_EQ(store_->status().sessions, revoked ? 1U : 3U);
                      });
}

// The reading waits again with its line in the audit trail, or is a dead letter as before; it is never both
// gone.
TEST_F(PowerCutTest, OfADeadLettersRetry) {
    open();
    const auto aws = upstream("aws");
    for (std::uint64_t number = 1; number <= 3; ++number)
        ASSERT_TRUE(committed(reading_unit(payload_of(number))));
    acknowledge(aws, {1, 3});
    store_->dead_letter(aws, 2, "not authorized (0x87)");
    reopen();  // the page has gone
    keep_image();
    cut_at_every_step(once_open([&] { return store_->retry_dead_letters({}, kActor).has_value(); }),
                      [&](int reported) {
                          const auto readings = waiting(aws);
                          EXPECT_TRUE(readings.size() == 1 || reported == 0);
                          EXPECT_EQ(was_done("retry"), readings.size() == 1);
                          const auto letters = *store_->dead_letters(10);
                          ASSERT_EQ(letters.size(), 1U);
                          EXPECT_EQ(letters[0].retried.has_value(), readings.size() == 1);
                          if (readings.empty()) return;
                          EXPECT_EQ(readings[0].number, 2U);
                          EXPECT_EQ(readings[0].payload, payload_of(2));
                      });
}

TEST_F(PowerCutTest, OfARetriedReadingThatIsTaken) {
    open();
    const auto aws = upstream("aws");
    for (std::uint64_t number = 1; number <= 3; ++number)
        ASSERT_TRUE(committed(reading_unit(payload_of(number))));
    store_->dead_letter(aws, 2, "not authorized (0x87)");
    ASSERT_TRUE(store_->retry_dead_letters({}, kActor).has_value());
    keep_image();
    cut_at_every_step(once_open([&] {
                          acknowledge(aws, {2});
                          return store_->flush().has_value();
                      }),
                      [&](int reported) {
                          const auto readings = waiting(aws);
                          const bool waits = readings.size() == 3;
                          EXPECT_TRUE(!waits || reported == 0) << "it would be delivered twice";
                          EXPECT_EQ(store_->dead_letters(10)->size(), waits ? 1U : 0U);
                      });
}

// Slices are commits of their own: a cut between two finds the tables half of before and half of after, and
// the journal makes them whole, whichever way a session has gone.
TEST_F(PowerCutTest, OfAFoldInSlices) {
    open();
    const auto credential = add_device("wm-0001");
    const auto revoked = add_device("wm-0002");
    for (SessionId id = 1; id <= 12; ++id) {
        Unit unit;
        unit.open = session(id << 59, id == 9 ? revoked : credential);
        ASSERT_TRUE(committed(std::move(unit)));
    }
    reopen();  // folded: the rest happens to rows in the tables
    for (SessionId id = 1; id <= 12; ++id) {
        Unit unit;
        if (id % 4 == 0) {
            unit.close = {id << 59};
        } else {
            unit.mark = mark(id << 59, 100 + id);
        }
        if (id % 3 == 0) unit.open = session(1'000 + id, credential);
        unit.events.push_back(
            {"wm-" + std::to_string(id), clock_.now().wall, {static_cast<std::uint8_t>(id)}});
        ASSERT_TRUE(committed(std::move(unit)));
    }
    ASSERT_TRUE(store_->revoke_device("wm-0002", kActor).has_value());
    keep_image();
    cut_at_every_step(
        [&](auto arm) {
            arm();
            auto opened = try_open();  // which folds
            return opened.has_value() ? 1 : 0;
        },
        [&](int) {
            const auto rows = sessions();
            EXPECT_EQ(rows.size(), 12U - 3 - 1 + 4);
            EXPECT_EQ(store_->status().sessions, rows.size());
            for (SessionId id = 1; id <= 12; ++id) {
                EXPECT_EQ(rows.contains(id << 59), id % 4 != 0 && id != 9) << id;
                if (rows.contains(id << 59)) {
                    EXPECT_EQ(rows.at(id << 59).right_edge, 100 + id);
                }
                EXPECT_EQ(rows.contains(1'000 + id), id % 3 == 0);
                EXPECT_EQ(store_->device_events("wm-" + std::to_string(id), 16)->size(), 1U);
            }
        });
}

TEST_F(PowerCutTest, OfAMigrationFromVersionTwo) {
    open();
    const auto credential = add_device("wm-0001");
    for (SessionId id = 1; id <= 12; ++id) {
        Unit unit;
        unit.open = session(id, credential);
        ASSERT_TRUE(committed(std::move(unit)));
    }
    store_.reset();
    run_sql(options_.directory / "state.db", kMakeVersion2);
    keep_image();
    cut_at_every_step(
        [&](auto arm) {
            arm();
            auto opened = try_open();
            return opened.has_value() ? 1 : 0;
        },
        [&](int) {
            const auto rows = sessions();
            ASSERT_EQ(rows.size(), 12U);
            EXPECT_EQ(store_->status().sessions, 12U);
            for (const auto& [id, row] : rows) {
                EXPECT_EQ(row.right_edge, 1U);
                EXPECT_EQ(row.lease_end, 1024U);
                EXPECT_EQ(text_of(row.secret.view()), "master secret of session " + std::to_string(id));
            }
        });
}

}  // namespace
}  // namespace narrowgate::store
