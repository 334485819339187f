// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/credential_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "daemon/device_keys.hpp"
#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

store::CredentialRow row(store::CredentialId id, std::string identity, std::string fleet = "water",
                         std::string_view key = kPskInHex) {
    store::CredentialRow row;
    row.id = id;
    row.device = identity;
    row.identity = std::move(identity);
    row.fleet = std::move(fleet);
    row.psk = Secret(*from_hex(key));
    return row;
}

// What the disk has, and how often it was asked.
class FakeShelf final : public CredentialShelf {
public:
    void put(store::CredentialRow&& row) { rows_.push_back(std::move(row)); }
    bool find(ByteView identity, store::CredentialRow& out) override {
        ++asked;
        return take([&](const store::CredentialRow& row) { return row.identity == text_of(identity); }, out);
    }
    bool find(store::CredentialId id, store::CredentialRow& out) override {
        ++asked;
        return take([&](const store::CredentialRow& row) { return row.id == id; }, out);
    }

    int asked = 0;

private:
    template <class Matches>
    bool take(Matches matches, store::CredentialRow& out) {
        for (const store::CredentialRow& row : rows_) {
            if (!matches(row)) continue;
            out.id = row.id;
            out.identity = row.identity;
            out.device = row.device;
            out.fleet = row.fleet;
            out.psk = row.psk.copy();
            out.not_before = row.not_before;
            out.not_after = row.not_after;
            out.revoked = row.revoked;
            out.replaces = row.replaces;
            return true;
        }
        return false;
    }
    std::vector<store::CredentialRow> rows_;
};

class CredentialDirectoryTest : public ::testing::Test {
protected:
    // The key in hexadecimal that the handshake would be given; empty when there is none.
    std::string key_of(std::string_view identity) const {
        dtls::Credential credential;
        return directory_.find(bytes_of(identity), credential) ? to_hex(credential.psk.view()) : "";
    }

    fakes::ManualClock clock_;
    CredentialDirectory directory_{clock_};
};

TEST_F(CredentialDirectoryTest, ACredentialIsFoundByItsIdentityAndItsOwnerByItsNumber) {
    auto added = row(7, "wm-0001#2");
    added.device = "wm-0001";
    directory_.add(std::move(added));
    dtls::Credential credential;
    ASSERT_TRUE(directory_.find(bytes_of("wm-0001#2"), credential));
    EXPECT_EQ(credential.id, 7U);
    EXPECT_EQ(to_hex(credential.psk.view()), kPskInHex);
    const auto owner = directory_.owner_of(7);
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->device, "wm-0001");
    EXPECT_EQ(owner->fleet, "water");
    EXPECT_EQ(key_of("wm-0001"), "");
    EXPECT_FALSE(directory_.owner_of(8));
}

TEST_F(CredentialDirectoryTest, AnotherKeyForAnIdentityTakesThePlaceOfTheOld) {
    directory_.add(row(1, "a"));
    directory_.add(row(2, "a", "water", kOtherPskInHex));
    EXPECT_EQ(key_of("a"), kOtherPskInHex);
    EXPECT_FALSE(directory_.owner_of(1));
    EXPECT_EQ(directory_.size(), 1U);
    // A revocation of the old one that comes late does not touch the new one.
    directory_.remove(std::array<store::CredentialId, 1>{1});
    EXPECT_EQ(key_of("a"), kOtherPskInHex);
}

TEST_F(CredentialDirectoryTest, ACredentialOpensNothingBeforeItsTimeNorAfter) {
    auto added = row(1, "a");
    added.not_before = clock_.now().wall + seconds(10);
    added.not_after = clock_.now().wall + seconds(20);
    directory_.add(std::move(added));
    EXPECT_EQ(key_of("a"), "");
    clock_.advance(seconds(10));
    EXPECT_EQ(key_of("a"), kPskInHex);
    clock_.advance(seconds(10));
    EXPECT_EQ(key_of("a"), kPskInHex);
    clock_.advance(seconds(1));
    EXPECT_EQ(key_of("a"), "");
    // Sessions that it has opened go on.
    EXPECT_TRUE(directory_.owner_of(1));
}

TEST_F(CredentialDirectoryTest, FleetsAreCountedThroughEveryChange) {
    directory_.add(row(1, "a", "water"));
    directory_.add(row(2, "b", "gas"));
    directory_.add(row(3, "c", "gas"));
    EXPECT_THAT(directory_.fleets(), ElementsAre(Pair("gas", 2U), Pair("water", 1U)));
    directory_.add(row(1, "a", "gas"));
    EXPECT_THAT(directory_.fleets(), ElementsAre(Pair("gas", 3U)));
    directory_.remove(std::array<store::CredentialId, 4>{1, 2, 3, 4});
    EXPECT_THAT(directory_.fleets(), IsEmpty());
}

TEST_F(CredentialDirectoryTest, ACredentialTellsWhichOneItReplacesAsLongAsThatWorks) {
    directory_.add(row(1, "a"));
    auto next = row(2, "a#2");
    next.replaces = 1;
    directory_.add(std::move(next));
    EXPECT_EQ(directory_.replaces_of(2), 1U);
    EXPECT_EQ(directory_.replaces_of(1), std::nullopt);
    directory_.remove(std::array<store::CredentialId, 1>{1});
    EXPECT_EQ(directory_.replaces_of(2), std::nullopt);
}

// A start must answer nodes before it has loaded everything, and the time that an answer takes must not tell
// a stranger which identities exist.
TEST_F(CredentialDirectoryTest, WhileLoadingEveryIdentityIsAskedForOnDiskKnownOrNot) {
    FakeShelf shelf;
    shelf.put(row(1, "a"));
    shelf.put(row(2, "b"));
    directory_.load_from(&shelf);
    directory_.load(std::array{row(1, "a")});
    EXPECT_EQ(key_of("a"), kPskInHex);
    EXPECT_EQ(shelf.asked, 1);
    EXPECT_EQ(key_of("b"), kPskInHex);
    EXPECT_EQ(shelf.asked, 2);
    EXPECT_EQ(key_of("nobody"), "");
    EXPECT_EQ(shelf.asked, 3);
    // Whose a session is, is asked for after an authentic record alone: from memory when it is there.
    EXPECT_TRUE(directory_.owner_of(1));
    EXPECT_EQ(shelf.asked, 3);
    EXPECT_TRUE(directory_.owner_of(2));
    EXPECT_EQ(shelf.asked, 4);

    directory_.load_from(nullptr);
    EXPECT_EQ(key_of("a"), kPskInHex);
    EXPECT_EQ(key_of("b"), "");
    EXPECT_EQ(shelf.asked, 4);
}

// The loader reads rows some time before it hands them in.
TEST_F(CredentialDirectoryTest, WhatWasRemovedOrChangedWhileLoadingDoesNotComeBack) {
    FakeShelf shelf;
    shelf.put(row(1, "removed"));
    shelf.put(row(2, "rekeyed"));
    shelf.put(row(3, "moved"));
    directory_.load_from(&shelf);
    directory_.remove(std::array<store::CredentialId, 2>{1, 2});
    directory_.add(row(9, "rekeyed", "water", kOtherPskInHex));
    directory_.add(row(3, "moved", "gas"));
    const auto expect_the_change = [&] {
        EXPECT_EQ(key_of("removed"), "");
        EXPECT_FALSE(directory_.owner_of(1));
        EXPECT_EQ(key_of("rekeyed"), kOtherPskInHex);
        EXPECT_FALSE(directory_.owner_of(2));
        EXPECT_EQ(directory_.owner_of(3)->fleet, "gas");
    };
    expect_the_change();
    directory_.load(std::array{row(1, "removed"), row(2, "rekeyed"), row(3, "moved")});
    expect_the_change();
    directory_.load_from(nullptr);
    expect_the_change();
    EXPECT_THAT(directory_.fleets(), ElementsAre(Pair("gas", 1U), Pair("water", 1U)));
}

TEST_F(CredentialDirectoryTest, WhatARotationReplacesIsKnownBeforeItIsLoaded) {
    FakeShelf shelf;
    shelf.put(row(1, "a"));
    auto next = row(2, "a#2");
    next.replaces = 1;
    shelf.put(std::move(next));
    directory_.load_from(&shelf);
    EXPECT_EQ(directory_.replaces_of(2), 1U);
    directory_.remove(std::array<store::CredentialId, 1>{1});
    EXPECT_EQ(directory_.replaces_of(2), std::nullopt);
}

TEST_F(CredentialDirectoryTest, ARevokedRowIsNeverTaken) {
    auto revoked = row(1, "a");
    revoked.revoked = clock_.now().wall;
    directory_.load(std::span(&revoked, 1));
    directory_.add(std::move(revoked));
    EXPECT_EQ(directory_.size(), 0U);
    FakeShelf shelf;
    auto on_disk = row(2, "b");
    on_disk.revoked = clock_.now().wall;
    shelf.put(std::move(on_disk));
    directory_.load_from(&shelf);
    EXPECT_EQ(key_of("b"), "");
    EXPECT_FALSE(directory_.owner_of(2));
}

// Against a model: entries of every size come and go, their room is used again, both indexes grow.
TEST_F(CredentialDirectoryTest, TwentyThousandChangesLeaveWhatTheyShould) {
    std::mt19937 random(1);  // NOLINT: the same run each time
    const auto up_to = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    std::map<store::CredentialId, std::pair<std::string, std::string>> model;  // identity and key
    store::CredentialId last = 0;
    for (int turn = 0; turn < 20'000; ++turn) {
        if (up_to(3) != 0 || model.empty()) {
            const store::CredentialId id = ++last;
            const std::string identity = std::to_string(id) + std::string(up_to(100), 'x');
            const std::string key = to_hex(Bytes(16 + up_to(49), static_cast<std::uint8_t>(id)));
            auto added = row(id, identity, "fleet-" + std::to_string(id % 7), key);
            if (id % 3 == 0) added.device = "device";
            if (id % 5 == 0) added.not_before = clock_.now().wall;
            if (id % 11 == 0) added.not_after = clock_.now().wall;
            directory_.add(std::move(added));
            model[id] = {identity, key};
        } else {
            const auto victim = std::next(
                model.begin(), up_to(static_cast<unsigned>(std::min<std::size_t>(model.size(), 50))));
            directory_.remove(std::array{victim->first});
            EXPECT_EQ(key_of(victim->second.first), "");
            model.erase(victim);
        }
    }
    ASSERT_EQ(directory_.size(), model.size());
    for (const auto& [id, entry] : model) {
        ASSERT_EQ(key_of(entry.first), entry.second);
        const auto owner = directory_.owner_of(id);
        ASSERT_TRUE(owner);
        ASSERT_EQ(owner->device, id % 3 == 0 ? "device" : entry.first);
        ASSERT_EQ(owner->fleet, "fleet-" + std::to_string(id % 7));
    }
}

// Shards look up while the loader fills, an operator changes, and loading ends.
TEST_F(CredentialDirectoryTest, LookUpsByShardsGoOnWhileRowsComeAndGo) {
    FakeShelf empty;
    directory_.load_from(&empty);
    directory_.add(row(1, "stays"));
    std::atomic<bool> done{false};
    std::atomic<int> missed{0};
    {
        std::vector<std::jthread> shards;
        for (int i = 0; i < 2; ++i) {
            shards.emplace_back([&] {
                while (!done) {
                    if (!directory_.owner_of(1)) ++missed;
                    (void)directory_.replaces_of(1);
                    (void)directory_.fleets();
                    std::this_thread::yield();
                }
            });
        }
        for (store::CredentialId id = 10; id < 1'000; id += 2) {
            directory_.load(std::array{row(id, std::to_string(id)), row(id + 1, std::to_string(id + 1))});
            if (id % 3 == 0) directory_.remove(std::array{id});
        }
        directory_.load_from(nullptr);
        done = true;
    }
    EXPECT_EQ(missed, 0);
    EXPECT_EQ(key_of("stays"), kPskInHex);
}

}  // namespace
}  // namespace narrowgate::daemon
