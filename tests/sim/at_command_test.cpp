// SPDX-License-Identifier: Apache-2.0
#include "sim/at_command.hpp"

#include <gtest/gtest.h>

namespace narrowgate::sim {
namespace {

using Form = AtCommand::Form;

AtCommand only(std::string_view line) {
    const auto commands = read_at_line(line);
    EXPECT_TRUE(commands && commands->size() == 1) << line;
    return commands ? commands->front() : AtCommand{};
}

TEST(AtCommand, TellsTheFourForms) {
    EXPECT_EQ(only("AT+NRB").form, Form::kExecute);
    EXPECT_EQ(only("AT+CEREG?").form, Form::kRead);
    EXPECT_EQ(only("AT+CEREG=?").form, Form::kTest);
    EXPECT_EQ(only("at+cereg=2").form, Form::kSet);
    EXPECT_EQ(only("at+cereg=2").name, "+CEREG");
}

TEST(AtCommand, TakesQuotesOffAndKeepsWhatIsLeftOut) {
    const AtCommand command = only("AT+NSOCR=\"DGRAM\",17,,0");
    ASSERT_EQ(command.arguments.size(), 4u);
    EXPECT_EQ(command.text(0), "DGRAM");
    EXPECT_EQ(command.number(1), 17u);
    EXPECT_FALSE(command.has(2));
    EXPECT_EQ(command.number(3), 0u);
    EXPECT_EQ(command.text(9), "");
}

TEST(AtCommand, SeparatorsInsideQuotesAreText) {
    const auto commands = read_at_line("AT+CGDCONT=1,\"IP\",\"a,b;c\";+CSQ");
    ASSERT_TRUE(commands);
    ASSERT_EQ(commands->size(), 2u);
    EXPECT_EQ(commands->at(0).text(2), "a,b;c");
    EXPECT_EQ(commands->at(1).name, "+CSQ");
}

TEST(AtCommand, ReadsNumbersInBothBases) {
    const AtCommand command = only("AT+NSOSTF=0,0x400,-1,12a,99999999999");
    EXPECT_EQ(command.number(1), 0x400u);
    EXPECT_FALSE(command.number(2));
    EXPECT_FALSE(command.number(3));
    EXPECT_FALSE(command.number(4));
}

TEST(AtCommand, ReadsBasicCommands) {
    EXPECT_EQ(only("ATE0").name, "E");
    EXPECT_EQ(only("ATE0").number(0), 0u);
    EXPECT_EQ(only("AT").name, "");
}

TEST(AtCommand, IsNotWhatDoesNotBeginWithAt) {
    EXPECT_FALSE(read_at_line("T+CSQ"));
    EXPECT_FALSE(read_at_line(""));
    EXPECT_FALSE(read_at_line("A"));
}

}  // namespace
}  // namespace narrowgate::sim
