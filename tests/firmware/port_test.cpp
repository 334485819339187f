// SPDX-License-Identifier: Apache-2.0
#include "port/port.h"

#include <gtest/gtest.h>

#include "firmware/virtual_port.hpp"

namespace narrowgate::firmware {
namespace {

// 49.7 days after its start the node must not take each deadline for one that lies 49 days ahead.
TEST(NodePortTest, DeadlinesHoldOverTheWrapOfTheClock) {
    EXPECT_FALSE(port_reached(0xffffff00U, 0x00000100U));
    EXPECT_TRUE(port_reached(0x00000100U, 0xffffff00U));
    EXPECT_TRUE(port_reached(5, 5));
    EXPECT_EQ(port_until(0xffffff00U, 0x00000100U), 0x200U);
    EXPECT_EQ(port_until(0x00000100U, 0xffffff00U), 0U);
}

TEST(NodePortTest, TheVirtualBoardsClocksAgreeOverTheWrap) {
    VirtualPort board;
    const port_table* port = board.get();
    const std::uint32_t start = port->millis(port->self);
    std::uint32_t before = 0;
    ASSERT_TRUE(port->seconds(port->self, &before));
    for (int i = 0; i < 20; ++i)
        board.advance(750);
    std::uint32_t after = 0;
    ASSERT_TRUE(port->seconds(port->self, &after));
    EXPECT_LT(port->millis(port->self), start);  // it has wrapped
    EXPECT_EQ(port->millis(port->self) - start, 15'000U);
    EXPECT_EQ(after - before, 15U);
}

TEST(NodePortTest, TheProvisioningPageIsNotReadPastItsEnd) {
    VirtualPort board;
    std::uint8_t bytes[4] = {};
    const port_table* port = board.get();
    EXPECT_TRUE(port->nv_read(port->self, board.page.size() - 4, bytes, 4));
    EXPECT_FALSE(port->nv_read(port->self, board.page.size() - 3, bytes, 4));
    EXPECT_FALSE(port->nv_read(port->self, SIZE_MAX, bytes, 1));
}

}  // namespace
}  // namespace narrowgate::firmware
