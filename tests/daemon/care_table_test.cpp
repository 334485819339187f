// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/care_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "daemon/care/slow_devices.hpp"

namespace narrowgate::daemon {
namespace {

TEST(CareTableTest, FindsWhatWasInsertedAndNothingElse) {
    CareTable table;
    EXPECT_EQ(table.find(7), nullptr);
    table.insert(7).heard = 70;
    EXPECT_EQ(table.insert(7).heard, 70U);
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(table.find(8), nullptr);
    table.erase(8);
    table.erase(7);
    EXPECT_EQ(table.find(7), nullptr);
    EXPECT_EQ(table.size(), 0U);
}

// Keys that all want the same few places, at the end of the table and round its edge, with what leaves gaps.
TEST(CareTableTest, AgreesWithAMapWhateverIsInsertedAndErased) {
    std::mt19937_64 random(5);
    CareTable table;
    std::map<std::uint64_t, std::uint32_t> map;
    for (std::uint32_t step = 1; step < 20'000; ++step) {
        const std::uint64_t key =
            (random() % 2 == 0 ? ~std::uint64_t{0} << 40 : std::uint64_t{1} << 62) + random() % 300 + 1;
        if (random() % 3 == 0) {
            table.erase(key);
            map.erase(key);
        } else {
            table.insert(key).heard = step;
            map[key] = step;
        }
        ASSERT_EQ(table.size(), map.size());
        const std::uint64_t other = key ^ 1;
        const CareEntry* found = table.find(other);
        const auto known = map.find(other);
        ASSERT_EQ(found != nullptr, known != map.end());
        if (found != nullptr) {
            ASSERT_EQ(found->heard, known->second);
        }
    }
    std::size_t seen = 0;
    table.for_each([&](const CareEntry& entry) { seen += map.at(entry.key) == entry.heard ? 1U : 0U; });
    EXPECT_EQ(seen, map.size());
}

TEST(CareTableTest, AMillionDevicesTakeLessThan41Megabytes) {
    constexpr std::size_t kMillion = 1'000'000;
    std::mt19937_64 random(5);
    CareTable table;
    table.reserve(kMillion);
    EXPECT_LE(table.memory_bytes(), 37U * kMillion);
    for (std::size_t i = 0; i < kMillion; ++i)
        table.insert(random() | 1);
    EXPECT_LE(table.memory_bytes(), 37U * kMillion);  // no place was added on the way
    // And those that are added while it runs.
    for (std::size_t i = 0; i < kMillion / 2; ++i)
        table.insert(random() | 1);
    EXPECT_LE(table.memory_bytes(), 41U * table.size() + 41);
}

DeviceActivity repeating(std::uint32_t requests, std::uint32_t repeats) {
    DeviceActivity activity;
    activity.requests = requests;
    activity.repeats = repeats;
    return activity;
}

TEST(SlowDevicesTest, TheWorstComesFirstAndThoseWithoutTroubleNotAtAll) {
    const SteadyTime start(std::chrono::hours(1));
    SlowDevices slow;
    slow.add(1, repeating(100, 0), start);
    slow.add(2, repeating(1, 1), start);
    slow.add(3, repeating(50, 50), start);
    slow.add(4, repeating(100, 10), start);
    const auto worst = slow.worst(2, start);
    ASSERT_EQ(worst.size(), 2U);
    EXPECT_EQ(worst[0].credential, 3U);
    EXPECT_DOUBLE_EQ(worst[0].repeat_ratio(), 0.5);
    EXPECT_EQ(worst[1].credential, 4U);
    EXPECT_EQ(slow.worst(100, start).size(), 3U);
}

TEST(SlowDevicesTest, TroubleIsForgottenAfterTheHourThatFollows) {
    const SteadyTime start(std::chrono::hours(1));
    SlowDevices slow;
    slow.add(1, repeating(1, 1), start);
    slow.add(1, repeating(2, 1), start + std::chrono::minutes(70));
    const auto both = slow.worst(10, start + std::chrono::minutes(100));
    ASSERT_EQ(both.size(), 1U);
    EXPECT_EQ(both[0].repeats, 2U);
    EXPECT_EQ(both[0].requests, 3U);
    EXPECT_EQ(slow.worst(10, start + std::chrono::minutes(140)).at(0).repeats, 1U);
    EXPECT_TRUE(slow.worst(10, start + std::chrono::hours(9)).empty());
}

// A flood of devices with a little trouble each takes no more memory, and does not hide those with much.
TEST(SlowDevicesTest, TheListIsBoundedAndKeepsTheWorst) {
    const SteadyTime start(std::chrono::hours(1));
    SlowDevices slow;
    slow.add(1'000'000, repeating(10, 90), start);
    for (store::CredentialId credential = 1; credential <= 3 * SlowDevices::kMost; ++credential)
        slow.add(credential, repeating(100, 1), start);
    EXPECT_LE(slow.worst(1'000'000, start).size(), SlowDevices::kMost);
    EXPECT_EQ(slow.worst(1, start).at(0).credential, 1'000'000U);
}

}  // namespace
}  // namespace narrowgate::daemon
