// SPDX-License-Identifier: Apache-2.0
#include "slot_index.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace narrowgate::dtls {
namespace {

// Few different hashes, so that long runs of probing, shared keys and wrap-around all occur.
TEST(SlotIndex, AgreesWithAMultimapThroughManyInsertionsAndRemovals) {
    std::mt19937 random(1);
    SlotIndex index;
    std::map<std::uint32_t, std::uint64_t> hash_of_slot;
    for (int turn = 0; turn < 20'000; ++turn) {
        if (hash_of_slot.empty() || random() % 100 < 52) {
            const auto slot = static_cast<std::uint32_t>(random() % 100'000);
            const std::uint64_t hash = std::uint64_t{static_cast<std::uint32_t>(-3 + int(random() % 40))}
                                       << 32;
            if (!hash_of_slot.emplace(slot, hash).second) continue;
            index.insert(hash, slot);
        } else {
            auto victim = hash_of_slot.lower_bound(static_cast<std::uint32_t>(random() % 100'000));
            if (victim == hash_of_slot.end()) victim = hash_of_slot.begin();
            index.erase(victim->second, victim->first);
            hash_of_slot.erase(victim);
        }
        ASSERT_EQ(index.size(), hash_of_slot.size());
        const auto probe = hash_of_slot.lower_bound(static_cast<std::uint32_t>(random() % 100'000));
        if (probe == hash_of_slot.end()) continue;
        const auto found =
            index.find(probe->second, [&](std::uint32_t slot) { return slot == probe->first; });
        ASSERT_EQ(found, probe->first);
    }
    for (const auto& [slot, hash] : hash_of_slot) {
        EXPECT_TRUE(
            index.find(hash, [&, wanted = slot](std::uint32_t each) { return each == wanted; }).has_value());
        EXPECT_FALSE(index.find(hash, [](std::uint32_t) { return false; }).has_value());
    }
}

TEST(SlotIndex, IsEmptyAtFirst) {
    const SlotIndex index;
    EXPECT_FALSE(index.find(1, [](std::uint32_t) { return true; }).has_value());
}

}  // namespace
}  // namespace narrowgate::dtls
