// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/device_share.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "fakes/memory_upstream.hpp"

namespace narrowgate::daemon {
namespace {

// Every reading is in exactly one share, a device's all in the same, and none is passed over however long the
// others' runs are.
TEST(DeviceShareTest, SharesDivideReadingsByDevice) {
    constexpr std::size_t kShares = 3;
    std::map<std::string, std::set<std::size_t>> shares_of_device;
    std::set<ReadingNumber> seen;
    for (std::size_t index = 0; index < kShares; ++index) {
        auto source = std::make_unique<fakes::MemorySource>();
        for (int run = 0; run < 20; ++run) {
            for (int i = 0; i < 30; ++i)
                source->add("wm-" + std::to_string(run));
        }
        const auto share = device_share(std::move(source), index, kShares);
        ReadingNumber from = 0;
        while (true) {
            const auto readings = share->read(from, 10, 1 << 20);
            ASSERT_TRUE(readings);
            if (readings->empty()) break;
            for (const Reading& reading : *readings) {
                EXPECT_TRUE(seen.insert(reading.number).second);
                shares_of_device[reading.device].insert(index);
            }
            from = readings->back().number + 1;
        }
    }
    EXPECT_EQ(seen.size(), 600U);
    std::set<std::size_t> used;
    for (const auto& [device, shares] : shares_of_device) {
        EXPECT_EQ(shares.size(), 1U) << device;
        used.insert(shares.begin(), shares.end());
    }
    EXPECT_EQ(used.size(), kShares);
}

}  // namespace
}  // namespace narrowgate::daemon
