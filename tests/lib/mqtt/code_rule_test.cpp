// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/code_rule.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <utility>

namespace narrowgate::mqtt {
namespace {

struct Row {
    Packet packet;
    std::uint8_t code;
    Reaction reaction;
};

// Every code that AWS IoT Core documents for these packets, one by one.
TEST(CodeRuleTest, EachCodeOfAwsIotCoreHasItsOwnReaction) {
    for (const Row& row : {
             Row{Packet::kConnack, 0x80, Reaction::kReconnect},
             Row{Packet::kConnack, 0x85, Reaction::kOperator},
             Row{Packet::kConnack, 0x86, Reaction::kOperator},
             Row{Packet::kConnack, 0x87, Reaction::kOperator},
             Row{Packet::kConnack, 0x90, Reaction::kOperator},
             Row{Packet::kConnack, 0x97, Reaction::kWaitLonger},
             Row{Packet::kConnack, 0x9B, Reaction::kOperator},
             Row{Packet::kPuback, 0x00, Reaction::kTaken},
             Row{Packet::kPuback, 0x10, Reaction::kTaken},
             Row{Packet::kPuback, 0x80, Reaction::kSlowBacklog},
             Row{Packet::kPuback, 0x87, Reaction::kSetAside},
             Row{Packet::kPuback, 0x90, Reaction::kSetAside},
             Row{Packet::kPuback, 0x91, Reaction::kSlowBacklog},
             Row{Packet::kPuback, 0x97, Reaction::kSlowBacklog},
             Row{Packet::kDisconnect, 0x81, Reaction::kBlamePublish},
             Row{Packet::kDisconnect, 0x82, Reaction::kBlamePublish},
             Row{Packet::kDisconnect, 0x87, Reaction::kBlamePublish},
             Row{Packet::kDisconnect, 0x8B, Reaction::kSpread},
             Row{Packet::kDisconnect, 0x8D, Reaction::kReconnect},
             Row{Packet::kDisconnect, 0x8E, Reaction::kDuplicate},
             Row{Packet::kDisconnect, 0x8F, Reaction::kOperator},
             Row{Packet::kDisconnect, 0x90, Reaction::kBlamePublish},
             Row{Packet::kDisconnect, 0x93, Reaction::kHalveWindow},
             Row{Packet::kDisconnect, 0x94, Reaction::kNoAliases},
             Row{Packet::kDisconnect, 0x95, Reaction::kShrinkPacket},
             Row{Packet::kDisconnect, 0x97, Reaction::kWaitLonger},
             Row{Packet::kDisconnect, 0x98, Reaction::kSpread},
             Row{Packet::kDisconnect, 0x9B, Reaction::kOperator},
             Row{Packet::kDisconnect, 0xA1, Reaction::kOperator},
         }) {
        const auto code = static_cast<ReasonCode>(row.code);
        EXPECT_EQ(rule_of(row.packet, code).reaction, row.reaction) << to_words(code);
    }
}

TEST(CodeRuleTest, EachRowIsThereOnceWithAPacketsReactionANameAndACure) {
    std::set<std::pair<Packet, ReasonCode>> seen;
    for (const CodeRule& rule : code_rules()) {
        EXPECT_TRUE(seen.emplace(rule.packet, rule.code).second) << to_words(rule.code);
        EXPECT_FALSE(rule.cure.empty()) << to_words(rule.code);
        EXPECT_THAT(to_words(rule.code), testing::Not(testing::StartsWith("reason")))
            << "a code without a name";
        const bool of_puback =
            rule.reaction == Reaction::kSlowBacklog || rule.reaction == Reaction::kSetAside;
        EXPECT_EQ(of_puback, rule.packet == Packet::kPuback) << to_words(rule.code);
    }
}

TEST(CodeRuleTest, ACodeThatNobodyKnowsGivesNothingUp) {
    const auto unknown = static_cast<ReasonCode>(0xF3);
    EXPECT_EQ(rule_of(Packet::kConnack, unknown).reaction, Reaction::kReconnect);
    EXPECT_EQ(rule_of(Packet::kPuback, unknown).reaction, Reaction::kSlowBacklog);
    EXPECT_EQ(rule_of(Packet::kDisconnect, unknown).reaction, Reaction::kReconnect);
    EXPECT_EQ(rule_of(Packet::kDisconnect, ReasonCode::kSuccess).reaction, Reaction::kReconnect)
        << "a broker that leaves without a reason";
}

TEST(CodeRuleTest, TheDocumentationHasEachRow) {
    std::ifstream stream(NARROWGATE_SOURCE_DIRECTORY "/docs/protocols.md");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (const CodeRule& rule : code_rules()) {
        const char* const packet = rule.packet == Packet::kConnack  ? "CONNACK"
                                   : rule.packet == Packet::kPuback ? "PUBACK"
                                                                    : "DISCONNECT";
        const std::string begin = fmt::format("\n| {} | ", packet);
        const std::string code = fmt::format("0x{:02X}", static_cast<unsigned>(rule.code));
        bool found = false;
        for (std::size_t at = text.find(begin); at != std::string::npos && !found;
             at = text.find(begin, at + 1)) {
            const std::string codes = text.substr(at + begin.size(), text.find(" |", at + begin.size()) - at);
            found = codes.find(code) != std::string::npos;
        }
        EXPECT_TRUE(found) << packet << " " << code << " is missing in docs/protocols.md";
    }
}

}  // namespace
}  // namespace narrowgate::mqtt
