// SPDX-License-Identifier: Apache-2.0
//
// What every board shares: the record of a fault, the lights, the lines of the console.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "boards/common/console.h"
#include "boards/common/crash.h"
#include "boards/common/lights.h"
#include "boards/common/log.h"
#include "firmware/virtual_port.hpp"

namespace {

// The board that is linked to the console here.
struct Console {
    narrowgate::firmware::VirtualPort board;
    port_table port = *board.get();
    std::string said, typed;
};
Console* console = nullptr;

}  // namespace

const char bd_name[] = "test";
const port_table* bd_port() {
    return &console->port;
}
void bd_console_write(const char* bytes, size_t size) {
    console->said.append(bytes, size);
}
size_t bd_console_read(uint8_t* bytes, size_t size) {
    const size_t given = std::min(size, console->typed.size());
    std::copy_n(console->typed.begin(), given, bytes);
    console->typed.erase(0, given);
    return given;
}
uint32_t bd_stack_used() {
    return 1'480;
}

namespace narrowgate::firmware {
namespace {

class BoardCrashTest : public ::testing::Test {
protected:
    BoardCrashTest() { memory_.fill(0x5a); }

    alignas(8) std::array<std::uint8_t, PORT_RETAINED_BYTES> memory_;
    cr_fault fault_{.exception = 6,
                    .pc = 0x08001234,
                    .lr = 0xfffffff9,
                    .psr = 1,
                    .cfsr = 0x10000,
                    .hfsr = 0,
                    .address = 7};
};

TEST_F(BoardCrashTest, AFaultIsFoundAfterTheReset) {
    cr_fault found{};
    EXPECT_FALSE(cr_find(memory_.data(), &found));  // memory after a loss of supply
    cr_leave(memory_.data(), &fault_);
    ASSERT_TRUE(cr_find(memory_.data(), &found));
    EXPECT_EQ(found.pc, 0x08001234U);
    EXPECT_EQ(found.lr, 0xfffffff9U);
    EXPECT_EQ(found.address, 7U);
    cr_forget(memory_.data());
    EXPECT_FALSE(cr_find(memory_.data(), &found));
}

TEST_F(BoardCrashTest, ADamagedRecordIsNone) {
    cr_fault found{};
    for (std::size_t at = PORT_RETAINED_BYTES - PORT_CRASH_BYTES; at < PORT_RETAINED_BYTES; ++at) {
        memory_.fill(0x5a);
        cr_leave(memory_.data(), &fault_);
        const bool used = memory_[at] != 0x5a;
        memory_[at] ^= 1;
        EXPECT_EQ(cr_find(memory_.data(), &found), !used) << at;
    }
}

TEST_F(BoardCrashTest, NothingElseOfTheRetainedBlockIsTouched) {
    cr_leave(memory_.data(), &fault_);
    cr_forget(memory_.data());
    for (std::size_t at = 0; at < PORT_RETAINED_BYTES - PORT_CRASH_BYTES; ++at)
        ASSERT_EQ(memory_[at], 0x5a) << at;
}

// The colours of a pattern, and how often it flashes before it repeats.
std::pair<unsigned, unsigned> look_of(lt_pattern pattern, std::uint32_t period) {
    unsigned colours = 0, flashes = 0;
    for (std::uint32_t ms = 0; ms < period; ++ms) {
        const unsigned lit = lt_lit(pattern, ms);
        colours |= lit;
        if (lit != 0 && (ms == 0 || lt_lit(pattern, ms - 1) == 0)) ++flashes;
    }
    return {colours, flashes};
}

TEST(BoardLightsTest, WhatIsWrongIsRedAndCounted) {
    EXPECT_EQ(look_of(LT_PROVISION_ME, 2'500), std::pair(unsigned{LT_RED}, 2U));
    EXPECT_EQ(look_of(LT_NO_RANDOM, 2'500), std::pair(unsigned{LT_RED}, 3U));
    EXPECT_EQ(look_of(LT_UNKNOWN_MODEM, 2'500), std::pair(unsigned{LT_RED}, 4U));
    EXPECT_EQ(look_of(LT_REFUSED, 2'500), std::pair(unsigned{LT_RED}, 1U));
}

TEST(BoardLightsTest, PatternsRepeatAndDiffer) {
    std::set<std::string> looks;
    for (int pattern = LT_STARTING; pattern < LT_PATTERNS; ++pattern) {
        std::string look;
        for (std::uint32_t ms = 0; ms < 30'000; ++ms)
            look.push_back(static_cast<char>('0' + lt_lit(static_cast<lt_pattern>(pattern), ms)));
        EXPECT_TRUE(look.substr(0, 15'000) == look.substr(15'000)) << pattern;
        EXPECT_NE(look.find_first_not_of('0'), std::string::npos) << pattern;
        looks.insert(look);
    }
    EXPECT_EQ(looks.size(), static_cast<std::size_t>(LT_PATTERNS));
}

TEST(BoardLightsTest, ShowsWhatTheNodeDoes) {
    auto node = std::make_unique<nd_node>();
    const auto shows = [&](bool delivered = false) { return lt_pattern_of(node.get(), delivered); };
    node->state = ND_UNPROVISIONED;
    EXPECT_EQ(shows(), LT_PROVISION_ME);
    node->state = ND_NO_ENTROPY;
    EXPECT_EQ(shows(), LT_NO_RANDOM);
    node->state = ND_RUNNING;
    EXPECT_EQ(shows(), LT_WAITING);
    node->modem_started = true;
    node->modem.phase = SN_ATTACHING;
    EXPECT_EQ(shows(), LT_SEARCHING);
    node->modem.phase = SN_READY;
    EXPECT_EQ(shows(), LT_TALKING);
    EXPECT_EQ(shows(true), LT_DELIVERED);
    node->holding_off = true;
    EXPECT_EQ(shows(), LT_WAITING);
    node->state = ND_STOPPED;
    EXPECT_EQ(shows(), LT_REFUSED);
    node->modem.phase = SN_UNKNOWN;
    EXPECT_EQ(shows(), LT_UNKNOWN_MODEM);
}

TEST(BoardLogTest, ALineHasItsTimeItsLevelAndItsEnd) {
    std::array<char, LG_LINE_BYTES> line{};
    EXPECT_EQ(std::string(line.data(), lg_compose(line.data(), 12'005, PORT_LOG_WARNING, "no network")),
              "12.005 W no network\r\n");
    const std::string longer(500, 'x');
    const std::size_t size = lg_compose(line.data(), 0xffffffff, PORT_LOG_INFO, longer.c_str());
    EXPECT_LT(size, line.size());
    EXPECT_EQ(std::string(line.data(), size).substr(size - 3), "x\r\n");
}

TEST(BoardLogTest, RegistersAreHexadecimal) {
    std::array<char, 16> text{};
    bs_text out = bs_text_in(text.data(), text.size());
    lg_put_hex(&out, 0x0800a0ff);
    EXPECT_STREQ(text.data(), "0x0800a0ff");
}

class BoardConsoleTest : public ::testing::Test {
protected:
    BoardConsoleTest() {
        console = &console_;
        console_.port.log = cs_log;
        console_.board.now = 1'500;
    }
    ~BoardConsoleTest() override {
        types("log info\r");
        console = nullptr;
    }

    std::string types(const std::string& text) {
        console_.said.clear();
        console_.typed += text;
        for (int turn = 0; turn < 8; ++turn)
            cs_turn(node_.get());
        return console_.said;
    }

    Console console_;
    std::unique_ptr<nd_node> node_ = std::make_unique<nd_node>();
};

TEST_F(BoardConsoleTest, AStartSaysWhyAndWhatFell) {
    const cr_fault fault{.exception = 3,
                         .pc = 0x08000100,
                         .lr = 0,
                         .psr = 0,
                         .cfsr = 0x8200,
                         .hfsr = 0x40000000,
                         .address = 16};
    cs_say_start(BD_FAULT, &fault);
    EXPECT_EQ(
        console_.said,
        "1.500 I narrowgate-node on test\r\n"
        "1.500 I boot: after a fault\r\n"
        "1.500 E the last fault: exception 3 pc 0x08000100 lr 0x00000000 cfsr 0x00008200 hfsr 0x40000000 "
        "address 0x00000010\r\n");
}

TEST_F(BoardConsoleTest, WithoutProvisioningItSaysWhichField) {
    node_->state = ND_UNPROVISIONED;
    node_->fault = PV_MISSING_FIELD;
    node_->fault_field = PV_GATEWAY;
    const std::string shown = types("show\r\n");
    EXPECT_NE(shown.find("waits for its provisioning"), std::string::npos);
    EXPECT_NE(shown.find(pv_field_text(PV_GATEWAY)), std::string::npos);
    EXPECT_EQ(shown.find("modem"), std::string::npos);
}

TEST_F(BoardConsoleTest, ShowsTheNodeButNotItsKey) {
    node_->state = ND_RUNNING;
    const std::string identity("wm-\0001\x1b[2J", 9), key = "secretsecretsecr";
    std::ranges::copy(identity, node_->provisioning.identity);
    node_->provisioning.identity_size = identity.size();
    std::ranges::copy(key, node_->provisioning.psk);
    node_->provisioning.psk_size = key.size();
    const std::string shown = types("show\r");
    EXPECT_NE(shown.find("identity: wm-?1?[2J"), std::string::npos) << shown;  // no terminal is given orders
    EXPECT_NE(shown.find("cost: stack 1480 bytes"), std::string::npos);
    EXPECT_EQ(shown.find("secret"), std::string::npos);
}

TEST_F(BoardConsoleTest, LevelsAreChosen) {
    types("log error\r");
    cs_log(nullptr, PORT_LOG_WARNING, "not wanted");
    EXPECT_EQ(console_.said, "");
    types("log debug\r");
    cs_log(nullptr, PORT_LOG_DEBUG, "wanted");
    EXPECT_NE(console_.said.find("D wanted"), std::string::npos);
    EXPECT_NE(types("log loud\r").find("log error, log warning"), std::string::npos);
}

TEST_F(BoardConsoleTest, AnythingElseGetsHelpAndALongLineIsCut) {
    EXPECT_NE(types("help\n").find("show: how it is"), std::string::npos);
    EXPECT_EQ(types("\r\n\r\n"), "");
    EXPECT_NE(types(std::string(100, 'x') + "\r").find("show: how it is"), std::string::npos);
    EXPECT_EQ(console_.board.resets, 0U);
    types("reset\r");
    EXPECT_EQ(console_.board.resets, 1U);
}

}  // namespace
}  // namespace narrowgate::firmware
