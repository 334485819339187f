// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

class DevicesTest : public StoreTest {
protected:
    void SetUp() override { open(); }
    std::map<std::string, CredentialRow> credentials() {
        std::map<std::string, CredentialRow> rows;
        const auto loaded = store_->load_credentials([&](CredentialRow&& row) {
            auto key = row.identity + (row.revoked ? " (revoked)" : "");
            rows.emplace(std::move(key), std::move(row));
        });
        EXPECT_TRUE(loaded.has_value());
        return rows;
    }
    void open_session(SessionId id, CredentialId credential) {
        Unit unit;
        unit.open = session(id, credential);
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
};

TEST_F(DevicesTest, AnAddedDeviceIsThereWithItsKeyAfterAReopen) {
    const auto id = add_device("wm-0001");
    reopen();
    const auto rows = credentials();
    ASSERT_EQ(rows.size(), 1U);
    const auto& row = rows.at("wm-0001");
    EXPECT_EQ(row.id, id);
    EXPECT_EQ(row.device, "wm-0001");
    EXPECT_EQ(row.fleet, "water-meters");
    EXPECT_EQ(text_of(row.psk.view()), "0123456789abcdef");
    EXPECT_EQ(store_->status().devices, 1U);
}

TEST_F(DevicesTest, AnIdentityIsGivenOnce) {
    add_device("wm-0001");
    const auto again = store_->add_device(new_device("wm-0001"), kActor);
    ASSERT_FALSE(again.has_value());
    EXPECT_NE(again.error().what.find("wm-0001"), std::string::npos);
    EXPECT_FALSE(again.error().cure.empty());
}

TEST_F(DevicesTest, RotationGivesADeviceASecondCredential) {
    add_device("wm-0001");
    add_device("wm-0001#2", "wm-0001");
    const auto device = store_->find_device("wm-0001#2");
    ASSERT_TRUE(device.has_value() && device->has_value());
    EXPECT_EQ((*device)->name, "wm-0001");
    EXPECT_EQ((*device)->credentials.size(), 2U);
    auto other_fleet = new_device("wm-0001#3", "wm-0001");
    other_fleet.fleet = "gas-meters";
    EXPECT_FALSE(store_->add_device(other_fleet, kActor).has_value());
}

// RFC 4279 section 5.3 is the least a PSK implementation must bear; here it is also the most.
TEST_F(DevicesTest, TakesTheLargestIdentityAndKeyAndNothingLarger) {
    auto device = new_device(std::string(128, 'i'));
    device.psk = Secret(Bytes(64, 0x55));
    EXPECT_TRUE(store_->add_device(device, kActor).has_value());
    EXPECT_FALSE(store_->add_device(new_device(std::string(129, 'j')), kActor).has_value());
    auto long_key = new_device("k");
    long_key.psk = Secret(Bytes(65, 0x55));
    EXPECT_FALSE(store_->add_device(long_key, kActor).has_value());
    auto no_key = new_device("l");
    no_key.psk = Secret();
    EXPECT_FALSE(store_->add_device(no_key, kActor).has_value());
    EXPECT_FALSE(store_->add_device(new_device("line\nbreak"), kActor).has_value());
    EXPECT_FALSE(store_->add_device(new_device("\xff"), kActor).has_value());
}

TEST_F(DevicesTest, RevocationEndsTheDevicesSessionsInTheSameCommit) {
    const auto first = add_device("wm-0001");
    const auto second = add_device("wm-0001#2", "wm-0001");
    const auto other = add_device("wm-0002");
    open_session(1, first);
    open_session(2, second);
    open_session(3, other);
    const auto revoked = store_->revoke_device("wm-0001", kActor);
    ASSERT_TRUE(revoked.has_value());
    EXPECT_EQ(*revoked, (std::vector<CredentialId>{first, second}));
    EXPECT_EQ(store_->status().credentials, 1U);
    reopen();
    EXPECT_EQ(store_->status().sessions, 1U);
    const auto rows = sessions();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows.contains(3));
    EXPECT_FALSE(store_->revoke_device("wm-0001", kActor).has_value());
    EXPECT_FALSE(store_->revoke_device("nobody", kActor).has_value());
}

// A handshake that was in flight while its device was revoked.
TEST_F(DevicesTest, ASessionOpenedAfterRevocationIsNotLoaded) {
    const auto id = add_device("wm-0001");
    ASSERT_TRUE(store_->revoke_device("wm-0001", kActor).has_value());
    open_session(1, id);
    reopen();
    EXPECT_TRUE(sessions().empty());
}

TEST_F(DevicesTest, ARevokedDeviceMayComeBackWithANewCredential) {
    const auto before = add_device("wm-0001");
    ASSERT_TRUE(store_->revoke_device("wm-0001", kActor).has_value());
    const auto after = add_device("wm-0001");
    EXPECT_NE(before, after);
    const auto rows = credentials();
    EXPECT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows.at("wm-0001").id, after);
    EXPECT_EQ(rows.at("wm-0001 (revoked)").id, before);
}

TEST_F(DevicesTest, AnImportIsAllOrNothingAndNamesEveryBadLine) {
    add_device("wm-0001");
    std::vector<NewDevice> lines;
    lines.push_back(new_device("wm-0002"));
    lines.push_back(new_device(""));
    lines.push_back(new_device("wm-0002"));
    lines.push_back(new_device("wm-0001", "another-name"));
    const auto result = store_->import_devices(lines, false, kActor);
    ASSERT_TRUE(result.has_value());
    ASSERT_EQ(result->errors.size(), 3U);
    EXPECT_EQ(result->errors[0].index, 1U);
    EXPECT_EQ(result->errors[1].index, 2U);
    EXPECT_EQ(result->errors[2].index, 3U);
    EXPECT_EQ(credentials().size(), 1U);
}

TEST_F(DevicesTest, AnImportChangesWhatDiffersAndADryRunOnlySaysSo) {
    const auto rekeyed = add_device("wm-0001");
    const auto moved = add_device("wm-0002");
    add_device("wm-0003");
    open_session(1, rekeyed);
    open_session(2, moved);
    std::vector<NewDevice> lines;
    for (const char* identity : {"wm-0001", "wm-0002", "wm-0003", "wm-0004"})
        lines.push_back(new_device(identity));
    lines[0].psk = Secret(bytes_of("another key, 16+"));
    lines[1].fleet = "gas-meters";
    for (const bool dry_run : {true, false}) {
        const auto result = store_->import_devices(lines, dry_run, kActor);
        ASSERT_TRUE(result.has_value());
        EXPECT_TRUE(result->errors.empty());
        EXPECT_EQ(result->added, (std::vector<std::string>{"wm-0004"}));
        EXPECT_EQ(result->changed, (std::vector<std::string>{"wm-0001", "wm-0002"}));
        EXPECT_EQ(result->unchanged, (std::vector<std::string>{"wm-0003"}));
        EXPECT_EQ(result->revoked, (std::vector<CredentialId>{rekeyed}));
        EXPECT_EQ(credentials().size(), dry_run ? 3U : 5U);
        reopen();
        EXPECT_EQ(store_->status().sessions, dry_run ? 2U : 1U);
    }
    const auto rows = credentials();
    EXPECT_EQ(text_of(rows.at("wm-0001").psk.view()), "another key, 16+");
    EXPECT_EQ(rows.at("wm-0002").fleet, "gas-meters");
    EXPECT_EQ(rows.at("wm-0002").id, moved);
}

TEST_F(DevicesTest, AreListedByNameWithTheirCredentials) {
    add_device("b");
    add_device("a");
    add_device("a#2", "a");
    const auto devices = store_->devices({}, 10);
    ASSERT_TRUE(devices.has_value());
    ASSERT_EQ(devices->size(), 2U);
    EXPECT_EQ((*devices)[0].name, "a");
    EXPECT_EQ((*devices)[0].credentials[1].identity, "a#2");
    EXPECT_FALSE(store_->find_device("c")->has_value());
}

TEST_F(DevicesTest, AListGoesOnAfterAName) {
    for (const char* identity : {"d", "b", "a", "c"})
        add_device(identity);
    add_device("b#2", "b");
    const auto page = [this](std::string_view after, std::size_t count) {
        const auto devices = store_->devices(after, count);
        std::string found;
        for (const Device& device : devices.value())
            found += fmt::format("{}/{} ", device.name, device.credentials.size());
        return found;
    };
    EXPECT_EQ(page({}, 2), "a/1 b/2 ");
    EXPECT_EQ(page("b", 1), "c/1 ");
    EXPECT_EQ(page("bb", 10), "c/1 d/1 ") << "there need be no device of that name";
    EXPECT_EQ(page("d", 10), "");
    EXPECT_EQ(page({}, 0), "");
}

Rotation next_key(std::string identity = {}) {
    return {std::move(identity), Secret(bytes_of("the next key")), {}, {}};
}

TEST_F(DevicesTest, ARotationAddsTheNextCredentialAndBothAreValid) {
    const auto first = add_device("wm-0001");
    const auto next = store_->rotate_device("wm-0001", next_key(), kActor);
    ASSERT_TRUE(next.has_value()) << next.error().text();
    EXPECT_EQ(next->identity, "wm-0001#2");
    EXPECT_EQ(next->device, "wm-0001");
    EXPECT_EQ(next->fleet, "water-meters");
    EXPECT_EQ(next->replaces, first);
    reopen();
    const auto rows = credentials();
    EXPECT_EQ(rows.at("wm-0001#2").replaces, first);
    EXPECT_EQ(text_of(rows.at("wm-0001#2").psk.view()), "the next key");
    EXPECT_FALSE(rows.at("wm-0001").revoked.has_value());
    EXPECT_EQ(store_->status().credentials, 2U);
    EXPECT_EQ(store_->status().devices, 1U);
}

TEST_F(DevicesTest, ASecondRotationWaitsForTheFirst) {
    const auto first = add_device("wm-0001");
    ASSERT_TRUE(store_->rotate_device("wm-0001", next_key(), kActor).has_value());
    const auto again = store_->rotate_device("wm-0001", next_key(), kActor);
    ASSERT_FALSE(again.has_value());
    EXPECT_NE(again.error().what.find("wm-0001#2"), std::string::npos) << again.error().text();
    EXPECT_NE(again.error().cure.find("--cancel"), std::string::npos) << again.error().text();
    // Taken back, its identity is never given again.
    ASSERT_TRUE(store_->revoke_credential("wm-0001#2", kActor).has_value());
    EXPECT_EQ(store_->rotate_device("wm-0001", next_key(), kActor)->identity, "wm-0001#3");
    Unit unit;
    unit.retire = first;
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    EXPECT_EQ(store_->rotate_device("wm-0001", next_key("another"), kActor)->identity, "another");
}

// Its key came out wrong, and is put right by an import before the node has used it: it still replaces.
TEST_F(DevicesTest, AnotherKeyForTheNextCredentialKeepsTheRotation) {
    const auto first = add_device("wm-0001");
    ASSERT_TRUE(store_->rotate_device("wm-0001", next_key(), kActor).has_value());
    std::vector<NewDevice> lines;
    lines.push_back({"wm-0001#2", "water-meters", "wm-0001", Secret(bytes_of("the right key")), {}, {}});
    const auto result = store_->import_devices(lines, false, kActor);
    ASSERT_TRUE(result.has_value()) << result.error().text();
    ASSERT_TRUE(result->errors.empty());
    EXPECT_EQ(credentials().at("wm-0001#2").replaces, first);
    EXPECT_EQ(text_of(credentials().at("wm-0001#2").psk.view()), "the right key");
}

TEST_F(DevicesTest, TheOldCredentialRetiresWithTheCommitThatSaysSo) {
    const auto first = add_device("wm-0001");
    const auto next = store_->rotate_device("wm-0001", next_key(), kActor)->id;
    open_session(1, first);
    open_session(2, next);
    Unit unit;
    unit.mark = mark(2, 9);
    unit.retire = first;
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    EXPECT_EQ(store_->status().credentials, 1U);
    // Again, as a crash before the directory knew would have it: nothing happens.
    Unit again;
    again.retire = first;
    ASSERT_EQ(commit(std::move(again)), Outcome::kCommitted);
    reopen();
    EXPECT_EQ(sessions().size(), 1U);
    EXPECT_EQ(store_->status().credentials, 1U);
    const auto device = store_->find_device("wm-0001")->value();
    EXPECT_EQ(device.credentials[0].why_revoked, "retired");
    EXPECT_FALSE(device.revoked.has_value());
    const auto audit = *store_->audit(1);
    ASSERT_EQ(audit.size(), 1U);
    EXPECT_EQ(audit[0].action, "retire");
    EXPECT_EQ(audit[0].actor, "gateway");
    EXPECT_EQ(audit[0].subject, "wm-0001");
}

TEST_F(DevicesTest, ADeviceWhoseLastCredentialGoesIsRevokedWithIt) {
    const auto first = add_device("wm-0001");
    const auto second = add_device("wm-0001#2", "wm-0001");
    open_session(1, first);
    open_session(2, second);
    EXPECT_EQ(store_->revoke_credential("wm-0001", kActor), first);
    EXPECT_FALSE(store_->find_device("wm-0001#2")->value().revoked.has_value());
    EXPECT_EQ(store_->revoke_credential("wm-0001#2", kActor), second);
    EXPECT_TRUE(store_->find_device("wm-0001#2")->value().revoked.has_value());
    EXPECT_EQ(store_->status().devices, 0U);
    const auto again = store_->revoke_credential("wm-0001", kActor);
    ASSERT_FALSE(again.has_value());
    EXPECT_FALSE(again.error().cure.empty());
    reopen();
    EXPECT_TRUE(sessions().empty());
}

TEST_F(DevicesTest, EachChangeLeavesALineInTheAuditTrail) {
    add_device("wm-0001");
    (void)store_->revoke_device("wm-0001", "user alice (1000)");
    (void)store_->revoke_device("wm-0001", "user mallory (1001)");  // fails, and changes nothing
    const auto lines = *store_->audit(10);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].action, "revoke");
    EXPECT_EQ(lines[0].actor, "user alice (1000)");
    EXPECT_EQ(lines[1].action, "add");
    EXPECT_EQ(lines[1].subject, "wm-0001");
}

TEST_F(DevicesTest, TheLastSixteenEventsOfADeviceAreKept) {
    add_device("wm-0001");
    for (std::uint8_t i = 0; i < 40; ++i) {
        Unit unit;
        unit.events.push_back({"wm-0001", clock_.now().wall, {i}});
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        clock_.advance(seconds(1));
        if (i == 20) reopen();
    }
    for (int round = 0; round < 2; ++round) {
        const auto events = *store_->device_events("wm-0001", 100);
        ASSERT_EQ(events.size(), kDeviceEventsKept);
        EXPECT_EQ(events.front().body, (Bytes{39}));
        EXPECT_EQ(events.back().body, (Bytes{24}));
        reopen();
    }
    EXPECT_EQ(store_->device_events("wm-0001", 2)->size(), 2U);
}

TEST_F(DevicesTest, AReaderGivesTheCredentialsInUseAndFindsEach) {
    for (int i = 0; i < 5; ++i)
        add_device("wm-" + std::to_string(i));
    ASSERT_TRUE(store_->revoke_device("wm-2", kActor).has_value());
    auto reader = store_->credential_reader();
    ASSERT_TRUE(reader.has_value());
    std::vector<std::string> seen;
    const auto take = [&](CredentialRow&& row) { seen.push_back(row.identity); };
    EXPECT_TRUE(*(*reader)->next(3, take));
    EXPECT_FALSE(*(*reader)->next(3, take));
    EXPECT_EQ(seen, (std::vector<std::string>{"wm-0", "wm-1", "wm-3", "wm-4"}));
    seen.clear();
    ASSERT_TRUE((*reader)->find("wm-3", take).has_value());
    ASSERT_TRUE((*reader)->find("wm-2", take).has_value());
    ASSERT_TRUE((*reader)->find(CredentialId{1}, take).has_value());
    ASSERT_TRUE((*reader)->find(CredentialId{3}, take).has_value());
    EXPECT_EQ(seen, (std::vector<std::string>{"wm-3", "wm-0"}));
}

}  // namespace
}  // namespace narrowgate::store
