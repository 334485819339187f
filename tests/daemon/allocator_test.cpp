// SPDX-License-Identifier: Apache-2.0
#include "daemon/allocator.hpp"

#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

using std::chrono::milliseconds;

TEST(SpareMemoryTest, IsGivenBackAtRestAlone) {
    SpareMemory spare;
    EXPECT_FALSE(spare.look(milliseconds(500))) << "starting is work";
    EXPECT_TRUE(spare.look(milliseconds(510)));
    EXPECT_TRUE(spare.look(milliseconds(610)));
    EXPECT_FALSE(spare.look(milliseconds(900))) << "at work again";
    EXPECT_TRUE(spare.look(milliseconds(901)));
}

TEST(SpareMemoryTest, LooksAtTimeThatTheProcessUsed) {
    const auto before = process_cpu_time();
    volatile unsigned counted = 0;
    while (process_cpu_time() - before < milliseconds(2))
        counted = counted + 1;
    EXPECT_GT(counted, 0U);
    EXPECT_GT(process_cpu_time(), before);
}

}  // namespace
}  // namespace narrowgate::daemon
