// SPDX-License-Identifier: Apache-2.0
//
// Sessions that move (P2, P3): they go on elsewhere as they were, and at no moment at two places.
#include "narrowgate/store/moves.hpp"

#include <gmock/gmock.h>

#include "moves_fixture.hpp"

namespace narrowgate::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MovesTest : public MovesFixture {};

TEST_F(MovesTest, ASessionGoesOnElsewhereAsItWas) {
    const auto there = prepare_destination({"wm-0001", "wm-0002"});
    open();
    add_session(1, "wm-0001");
    clock_.advance(seconds(100));
    add_session(2, "wm-0002");
    clock_.advance(seconds(1000));
    const auto before = sessions();
    store_.reset();

    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    EXPECT_EQ(made->sessions, 2U);
    EXPECT_EQ(made->generation, 1U);
    EXPECT_EQ(made->destination, there);
    const auto file = file_of(made->id);
    ASSERT_TRUE(file.has_value()) << file.error().text();
    const auto imported = import_it(*file);
    ASSERT_TRUE(imported.has_value()) << imported.error().text();
    EXPECT_EQ(imported->sessions, 2U);
    EXPECT_EQ(imported->id, made->id);

    options_ = destination_;
    open();
    const auto after = sessions();
    ASSERT_EQ(after.size(), 2U);
    for (const auto& [id, row] : before) {
        const auto& moved = after.at(id);
        EXPECT_TRUE(equal_in_constant_time(moved.secret.view(), row.secret.view()));
        EXPECT_EQ(moved.cid, row.cid);
        EXPECT_EQ(moved.confirmed, row.confirmed);
        EXPECT_EQ(moved.path, row.path);
        EXPECT_EQ(moved.lease_end, row.lease_end);
        EXPECT_EQ(moved.right_edge, row.right_edge);
        EXPECT_EQ(moved.window, row.window);
        EXPECT_EQ(moved.established, row.established);
        EXPECT_EQ(moved.last_seen, row.last_seen);
        EXPECT_EQ(moved.traffic, row.traffic);
    }
    EXPECT_EQ(store_->status().sessions, 2U);
    // A retransmission is answered as the source would have.
    const auto kept = replies();
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept[0].message_id, 77U);
    EXPECT_EQ(kept[0].reply, (Bytes{0x60, 0x44}));
    EXPECT_EQ(store_->audit(1)->at(0).action, "import");
}

TEST_F(MovesTest, SilenceCountsOnWhereTheGatewayHasRunLongEnough) {
    const auto there = prepare_destination({"wm-0001"});
    {
        auto store = Store::open(destination_, log_, clock_);
        ASSERT_TRUE(store.has_value());
        clock_.advance(seconds(5000));
    }
    open();
    add_session(1, "wm-0001");
    clock_.advance(seconds(1000));
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    ASSERT_TRUE(import_it(*file_of(made->id)).has_value());
    options_ = destination_;
    open();
    const auto silence = static_cast<std::uint64_t>(store_->service_time().count()) - sessions().at(1).heard;
    EXPECT_NEAR(static_cast<double>(silence), 1000, 61);
}

// The fence: after the export nothing that the source does brings a session back, and the file is what is
// left of it.
TEST_F(MovesTest, AnExportFencesTheSource) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    for (int start = 0; start < 2; ++start) {
        open();
        EXPECT_TRUE(sessions().empty());
        EXPECT_TRUE(replies().empty() || start == 0);
        EXPECT_EQ(store_->status().sessions, 0U);
        clock_.advance(std::chrono::hours(2));
        store_.reset();
    }
    open();
    EXPECT_EQ(store_->device_events("wm-0001", 1)->at(0).body, kMovedEvent);
    EXPECT_EQ(store_->audit(1)->at(0).action, "export");
    ASSERT_EQ(store_->exports()->size(), 1U);
    EXPECT_EQ(store_->exports()->at(0).id, made->id);
    store_.reset();

    // Any number of times the same file; until it is said to have arrived.
    const auto file = file_of(made->id);
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(*file_of(made->id), *file);
    ASSERT_TRUE(finish_export(options_, made->id, kActor, log_, clock_).has_value());
    const auto gone = file_of(made->id);
    ASSERT_FALSE(gone.has_value());
    EXPECT_THAT(gone.error().what, HasSubstr("keeps no export"));
    EXPECT_FALSE(finish_export(options_, made->id, kActor, log_, clock_).has_value());

    const auto nothing = export_to(there);
    ASSERT_FALSE(nothing.has_value());
    EXPECT_THAT(nothing.error().what, HasSubstr("no session"));
}

TEST_F(MovesTest, AFileThatCannotBeWrittenIsWrittenLater) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    int parts = 0;
    const auto failed = write_export(
        options_, made->id,
        [&](ByteView) -> Expected<void> {
            if (++parts == 2) return failure("no room");
            return {};
        },
        log_, clock_);
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().what, "no room");
    EXPECT_TRUE(sessions_at(options_).empty());
    EXPECT_TRUE(import_it(*file_of(made->id)).has_value());
}

TEST_F(MovesTest, OneFleetCanMoveAlone) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    NewDevice other = new_device("gm-0001");
    other.fleet = "gas-meters";
    const auto credential = store_->add_device(other, kActor);
    ASSERT_TRUE(credential.has_value());
    Unit unit;
    unit.open = session(2, *credential);
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    store_.reset();
    const auto made = export_to(there, "water-meters");
    ASSERT_TRUE(made.has_value()) << made.error().text();
    EXPECT_EQ(made->sessions, 1U);
    EXPECT_FALSE(export_to(there, "heat-meters").has_value());
    open();
    const auto rows = sessions();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows.contains(2));
    EXPECT_EQ(rows.at(2).right_edge, 1U);
    EXPECT_EQ(store_->status().sessions, 1U);
    EXPECT_EQ(store_->device_events("wm-0001", 16)->size(), 1U);
    EXPECT_TRUE(store_->device_events("gm-0001", 16)->empty());
}

// The evil: the one file is given to every gateway that might take it, and twice.
TEST_F(MovesTest, AFileOpensInOneStoreAloneAndOnce) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    const auto file = *file_of(made->id);

    const auto at_home = import_at(options_, file, key_);
    ASSERT_FALSE(at_home.has_value());
    EXPECT_THAT(at_home.error().what, HasSubstr("this gateway's own export"));

    Options third = options_;
    third.directory = directory_.path() / "third";
    {
        auto store = Store::open(third, log_, clock_);
        ASSERT_TRUE(store.has_value());
        ASSERT_TRUE((*store)->add_device(new_device("wm-0001"), kActor).has_value());
    }
    const auto elsewhere = import_at(third, file, key_);
    ASSERT_FALSE(elsewhere.has_value());
    EXPECT_THAT(elsewhere.error().what, HasSubstr("was made for gateway " + there.text()));

    ASSERT_TRUE(import_it(file).has_value());
    const auto again = import_it(file);
    ASSERT_FALSE(again.has_value());
    EXPECT_THAT(again.error().what, HasSubstr("was imported here"));
    // Nor when its session has ended meanwhile: a session that is back would have its numbers back.
    options_ = destination_;
    open();
    Unit unit;
    unit.close = {1};
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    store_.reset();
    EXPECT_FALSE(import_it(file).has_value());
    EXPECT_TRUE(sessions_at(destination_).empty());
}

TEST_F(MovesTest, TheDestinationMustKnowTheDevices) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    add_session(2, "wm-0002");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    const auto file = *file_of(made->id);
    const auto refused = import_it(file);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().what, HasSubstr("wm-0002"));
    EXPECT_THAT(refused.error().cure, HasSubstr("device export --with-keys"));
    EXPECT_TRUE(sessions_at(destination_).empty());

    const auto some = import_at(destination_, file, key_, true);
    ASSERT_TRUE(some.has_value()) << some.error().text();
    EXPECT_EQ(some->sessions, 1U);
    EXPECT_EQ(some->unknown, 1U);
    EXPECT_THAT(some->unknown_names, ElementsAre("wm-0002"));
    EXPECT_EQ(sessions_at(destination_).size(), 1U);
}

TEST_F(MovesTest, ASessionThatTheNodeHasThereAlreadyStays) {
    const auto there = prepare_destination({"wm-0001", "wm-0002"});
    {
        // wm-0001 has shaken hands at the destination; another node there has the CID of wm-0002's session.
        const auto source = options_;
        options_ = destination_;
        open();
        Unit unit;
        unit.open = session(99, store_->find_device("wm-0001")->value().credentials[0].id);
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        unit = {};
        unit.open = session(98, add_device("wm-0003"));
        unit.open->cid = {0x10, 1, 2, 3, 4, 2};
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        store_.reset();
        options_ = source;
    }
    open();
    add_session(1, "wm-0001");
    add_session(2, "wm-0002");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    const auto imported = import_it(*file_of(made->id));
    ASSERT_TRUE(imported.has_value()) << imported.error().text();
    EXPECT_EQ(imported->sessions, 0U);
    EXPECT_EQ(imported->superseded, 1U);
    EXPECT_EQ(imported->displaced, 1U);
    const auto rows = sessions_at(destination_);
    EXPECT_EQ(rows.size(), 2U);
    EXPECT_TRUE(rows.contains(99));
    EXPECT_TRUE(rows.contains(98));
}

TEST_F(MovesTest, ConnectionIdsOfAnotherLengthAreRefused) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    std::istringstream in(*file_of(made->id));
    const auto imported = import_sessions(
        destination_, in, key_, {.cid_bytes = 8, .without_unknown = false, .actor = {}}, log_, clock_);
    ASSERT_FALSE(imported.has_value());
    EXPECT_THAT(imported.error().cure, HasSubstr("dtls.cid_bytes = 6"));
}

TEST_F(MovesTest, AnotherKeyOpensNothing) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    const auto file = *file_of(made->id);
    const auto refused = import_at(destination_, file, Secret(bytes_of(std::string(32, 'x'))));
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().text(), HasSubstr("another transfer key"));
    EXPECT_EQ(file.find("master secret"), std::string::npos);
    EXPECT_EQ(file.find("wm-0001"), std::string::npos);
    EXPECT_TRUE(import_it(file).has_value());
}

// The evil: the file is cut at every byte, and changed at every byte. Nothing of it is taken.
TEST_F(MovesTest, AFileThatIsNotWholeOrUntouchedGivesNothing) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value());
    const auto file = *file_of(made->id);
    for (std::size_t at = 0; at < file.size(); at += at < 110 ? 5 : 13) {
        EXPECT_FALSE(import_it(file.substr(0, at)).has_value()) << at;
        auto changed = file;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        EXPECT_FALSE(import_it(changed).has_value()) << at;
    }
    EXPECT_FALSE(import_it(file + "x").has_value());
    EXPECT_TRUE(sessions_at(destination_).empty());
    EXPECT_TRUE(import_it(file).has_value());
}

TEST_F(MovesTest, AGatewayDoesNotExportToItself) {
    open();
    add_session(1, "wm-0001");
    const auto here = store_->instance();
    store_.reset();
    const auto made = export_to(here);
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error().what, HasSubstr("this very gateway"));
    EXPECT_EQ(sessions_at(options_).size(), 1U);
}

TEST_F(MovesTest, AStoreThatAGatewayHoldsIsLeftAlone) {
    const auto there = prepare_destination({"wm-0001"});
    open();
    add_session(1, "wm-0001");
    const auto refused = export_to(there);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().what, HasSubstr("in use by process"));
    reopen();
    EXPECT_EQ(sessions().size(), 1U);
}

TEST_F(MovesTest, AThousandSessionsMoveInSeveralFrames) {
    std::vector<std::string> identities;
    for (int i = 0; i < 1300; ++i)
        identities.push_back("wm-" + std::to_string(i));
    const auto there = prepare_destination(identities);
    open();
    for (std::size_t i = 0; i < identities.size(); ++i) {
        Unit unit;
        unit.open = session(i * 0x0123'4567'89ab'cdefU + 1, add_device(identities[i]));
        unit.open->cid = {0x10, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
        submit(std::move(unit));
    }
    EXPECT_EQ(completions_->wait_for(ticket_).outcome, Outcome::kCommitted);
    store_.reset();
    const auto made = export_to(there);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    EXPECT_EQ(made->sessions, identities.size());
    const auto imported = import_it(*file_of(made->id));
    ASSERT_TRUE(imported.has_value()) << imported.error().text();
    EXPECT_EQ(imported->sessions, identities.size());
    EXPECT_TRUE(sessions_at(options_).empty());
    EXPECT_EQ(sessions_at(destination_).size(), identities.size());
}

TEST_F(MovesTest, ForgettingEndsOneOrAllForGood) {
    open();
    add_session(1, "wm-0001");
    add_session(2, "wm-0002");
    add_session(3, "wm-0003");
    const Bytes event{1, 2, 6};
    const auto one = store_->forget_sessions("wm-0002", event, kActor);
    ASSERT_TRUE(one.has_value()) << one.error().text();
    EXPECT_THAT(*one, ElementsAre(2));
    EXPECT_EQ(store_->device_events("wm-0002", 1)->at(0).body, event);
    EXPECT_TRUE(store_->device_events("wm-0001", 1)->empty());
    EXPECT_FALSE(store_->find_device("wm-0002")->value().revoked.has_value());
    EXPECT_TRUE(store_->forget_sessions("wm-0002", event, kActor)->empty());
    EXPECT_FALSE(store_->forget_sessions("wm-0009", event, kActor).has_value());
    reopen();
    EXPECT_EQ(sessions().size(), 2U);

    const auto all = store_->forget_sessions(std::nullopt, event, kActor);
    ASSERT_TRUE(all.has_value()) << all.error().text();
    EXPECT_THAT(*all, ElementsAre(1, 3));
    EXPECT_EQ(store_->device_events("wm-0001", 1)->at(0).body, event);
    EXPECT_EQ(store_->audit(1)->at(0).action, "forget");
    EXPECT_EQ(store_->status().sessions, 0U);
    // A mark that was on its way, and a new session.
    Unit unit;
    unit.mark = mark(1, 9);
    EXPECT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    unit = {};
    unit.open = session(4, store_->find_device("wm-0001")->value().credentials[0].id);
    EXPECT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    reopen();
    const auto rows = sessions();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows.contains(4));
    EXPECT_EQ(store_->status().sessions, 1U);
    // A device that comes later has no part in what was forgotten before.
    clock_.advance(seconds(1));
    add_device("wm-0010");
    EXPECT_TRUE(store_->device_events("wm-0010", 1)->empty());
}

}  // namespace
}  // namespace narrowgate::store
