// SPDX-License-Identifier: Apache-2.0
#include "at/at.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "port/port.h"

namespace narrowgate::firmware {
namespace {

enum : int { kIncoming, kRegistration, kConnected, kReboot, kMaker };

constexpr std::array<at_unsolicited, 5> kTable = {{
    {"+NSONMI", false, kIncoming},
    {"+CEREG", false, kRegistration},
    {"+CSCON", false, kConnected},
    {"REBOOT_CAUSE", true, kReboot},
    {"u-blox", true, kMaker},
}};

class NodeAtTest : public ::testing::Test {
protected:
    NodeAtTest() {
        const at_listener listener{this,
                                   [](void* self, const char* line) {
                                       auto& test = *static_cast<NodeAtTest*>(self);
                                       if (test.refuses_) return false;
                                       test.answers_.emplace_back(line);
                                       return true;
                                   },
                                   [](void* self, int id, const char* line) {
                                       static_cast<NodeAtTest*>(self)->heard_.emplace_back(id, line);
                                   },
                                   kTable.data(), kTable.size()};
        at_init(&at_, &listener);
    }

    static at_command command(const char* text, const char* prefix = nullptr) {
        at_command made{};
        made.text = text;
        made.prefix = prefix;
        made.timeout_ms = 1'000;
        made.hex_field = AT_NO_FIELD;
        return made;
    }
    std::string pulled(std::size_t room = 1'000) {
        std::string out(room, '\0');
        out.resize(at_pull(&at_, out.data(), room, now_));
        return out;
    }
    void ask(const at_command& asked) {
        at_begin(&at_, &asked);
        while (at_is_sending(&at_))
            pulled();
    }
    void ask(const char* text, const char* prefix = nullptr) { ask(command(text, prefix)); }
    // NSORF, whose fifth field is data.
    void ask_for_data() {
        at_command asked = command("AT+NSORF=0,512");
        asked.hex_field = 4;
        asked.sink = sink_.data();
        asked.sink_capacity = sink_.size();
        ask(asked);
    }
    void modem(std::string_view text) { at_feed(&at_, bytes_of(text).data(), text.size()); }
    ByteView data() const { return ByteView(sink_).first(at_.sink_size); }

    at_client at_{};
    std::uint32_t now_ = 0xfffffff0U;
    std::vector<std::string> answers_;
    std::vector<std::pair<int, std::string>> heard_;
    bool refuses_ = false;
    std::array<std::uint8_t, 16> sink_{};
};

TEST_F(NodeAtTest, ACommandGoesOutInWhateverPiecesTheLineTakes) {
    const std::array<std::uint8_t, 3> data = {0x00, 0xab, 0xff};
    at_command asked = command("AT+NSOST=0,\"192.0.2.1\",5684,3,\"");
    asked.data = data.data();
    asked.data_size = data.size();
    asked.tail = "\"";
    for (std::size_t room = 1; room < 50; ++room) {
        at_begin(&at_, &asked);
        std::string all;
        while (at_is_sending(&at_))
            all += pulled(room);
        EXPECT_EQ(all, "AT+NSOST=0,\"192.0.2.1\",5684,3,\"00ABFF\"\r");
        EXPECT_TRUE(pulled().empty());
    }
}

TEST_F(NodeAtTest, AnswersEndInOneOfTheFinalLines) {
    struct Case {
        const char* said;
        at_result result;
        std::int32_t code;
    };
    for (const Case& each :
         {Case{"\r\nOK\r\n", AT_OK, -1}, Case{"OK\n", AT_OK, -1}, Case{"ERROR\r\n", AT_ERROR, -1},
          Case{"\r\n+CME ERROR: 50\r\n", AT_ERROR, 50}, Case{"+CME ERROR:159\r", AT_ERROR, 159},
          Case{"+CME ERROR: SIM failure\r", AT_ERROR, -1}, Case{"+CMS ERROR: 513\r", AT_ERROR, 513},
          Case{"OKAY\r\n", AT_PENDING, -1}, Case{"O", AT_PENDING, -1}}) {
        ask("AT");
        modem(each.said);
        EXPECT_EQ(at_.result, each.result) << each.said;
        EXPECT_EQ(at_.error_code, each.code) << each.said;
        at_reset(&at_);
    }
}

TEST_F(NodeAtTest, ABareNumberIsAnAnswer) {
    ask("AT+NSOCR=\"DGRAM\",17,0,1");
    modem("\r\n0\r\n\r\nOK\r\n");
    EXPECT_EQ(answers_, (std::vector<std::string>{"0"}));
    EXPECT_EQ(at_.result, AT_OK);
}

TEST_F(NodeAtTest, TheSameWordsAreAnAnswerWhenAskedForAndNewsWhenNot) {
    modem("+CEREG: 2\r\n");
    ask("AT+CEREG?", "+CEREG");
    modem("+CEREG: 0,1\r\nOK\r\n");
    EXPECT_EQ(answers_, (std::vector<std::string>{"+CEREG: 0,1"}));
    ASSERT_EQ(heard_.size(), 1U);
    EXPECT_EQ(heard_[0], std::pair(static_cast<int>(kRegistration), std::string("+CEREG: 2")));
}

// "+CEREG: 1" may come by itself while "AT+CEREG?" waits for "+CEREG: 0,1": who reads it decides.
TEST_F(NodeAtTest, WhatTheListenerDoesNotWantAsAnAnswerIsNews) {
    ask("AT+CEREG?", "+CEREG");
    refuses_ = true;
    modem("+CEREG: 1\r\n");
    refuses_ = false;
    modem("+CEREG: 0,1\r\nOK\r\n");
    EXPECT_EQ(answers_, (std::vector<std::string>{"+CEREG: 0,1"}));
    ASSERT_EQ(heard_.size(), 1U);
    EXPECT_EQ(heard_[0].second, "+CEREG: 1");
}

TEST_F(NodeAtTest, NewsMayComeInTheMiddleOfAnAnswer) {
    ask_for_data();
    modem("\r\n+NSONMI:0,12\r\n0,\"192.0.2.1\",5684,2,\"0a0B\",0\r\n+CSCON: 1\r\n\r\nOK\r\n");
    EXPECT_EQ(at_.result, AT_OK);
    EXPECT_EQ(to_hex(data()), "0a0b");
    EXPECT_EQ(answers_, (std::vector<std::string>{"0,\"192.0.2.1\",5684,2,\"\",0"}));
    ASSERT_EQ(heard_.size(), 2U);
    EXPECT_EQ(heard_[0].second, "+NSONMI:0,12");
    EXPECT_EQ(heard_[1].second, "+CSCON: 1");
}

TEST_F(NodeAtTest, DataOfAnySizeNeedNoLineAsLong) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, sink_.size()}) {
        ask_for_data();
        std::string hex;
        for (std::size_t i = 0; i < size; ++i)
            hex += "5A";
        modem("0,\"192.0.2.1\",5684," + std::to_string(size) + ",\"" + hex + "\",0\r\nOK\r\n");
        EXPECT_EQ(at_.result, AT_OK);
        EXPECT_EQ(at_.sink_size, size);
    }
}

TEST_F(NodeAtTest, DataThatCannotBeReadMakeTheAnswerWorthless) {
    for (const char* said :
         {"0,\"1.2.3.4\",1,2,\"0a0g\",0\r\nOK\r\n",                                    // no digit
          "0,\"1.2.3.4\",1,2,\"0a0\",0\r\nOK\r\n",                                     // half a byte
          "0,\"1.2.3.4\",1,2,\"0a 0\",0\r\nOK\r\n",                                    // a space
          "0,\"1.2.3.4\",1,17,\"0000000000000000000000000000000000\",0\r\nOK\r\n"}) {  // too many
        ask_for_data();
        modem(said);
        EXPECT_EQ(at_.result, AT_GARBLED) << said;
        EXPECT_LE(at_.sink_size, sink_.size());
    }
}

TEST_F(NodeAtTest, TheNextCommandIsFreeOfWhatWasWrong) {
    ask_for_data();
    modem("0,\"1.2.3.4\",1,2,\"0a0g\",0\r\nOK\r\n");
    EXPECT_EQ(at_.result, AT_GARBLED);
    ask("AT");
    modem("OK\r\n");
    EXPECT_EQ(at_.result, AT_OK);
}

TEST_F(NodeAtTest, LostBytesMakeAnAnswerWorthlessAndNothingElse) {
    at_lost_bytes(&at_);
    ask("AT");
    modem("OK\r\n");
    EXPECT_EQ(at_.result, AT_OK);
    ask("AT+CSQ", "+CSQ");
    modem("+CSQ: 1");
    at_lost_bytes(&at_);
    modem(",99\r\nOK\r\n");
    EXPECT_EQ(at_.result, AT_GARBLED);
}

TEST_F(NodeAtTest, ALineThatIsTooLongIsCutAndSaidSo) {
    ask("AT+CGMM", "+CGMM");
    modem("+CGMM: " + std::string(500, 'x') + "\r\nOK\r\n");
    EXPECT_EQ(at_.result, AT_GARBLED);
    EXPECT_EQ(at_.cut_lines, 1U);
    EXPECT_TRUE(answers_.empty());
    ask("AT");
    modem(std::string(500, 'y') + "\r\nOK\r\n");  // none of ours
    EXPECT_EQ(at_.result, AT_OK);
}

TEST_F(NodeAtTest, AModemThatEchoesIsUnderstood) {
    ask("AT+CSQ", "+CSQ");
    modem("AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
    EXPECT_EQ(answers_, (std::vector<std::string>{"+CSQ: 20,99"}));
    EXPECT_EQ(at_.result, AT_OK);
    const std::string echoed = "AT+NSOST=0,\"192.0.2.1\",5684,512,\"" + std::string(1'024, 'A') + "\"\r";
    ask("AT");
    modem(echoed + "\r\n0,512\r\nOK\r\n");
    EXPECT_EQ(answers_.back(), "0,512");
    EXPECT_EQ(at_.cut_lines, 0U);
}

TEST_F(NodeAtTest, ARebootIsHeardThroughItsNoise) {
    ask("AT+NRB", nullptr);
    modem("\r\nREBOOTING\r\n\x80\xff\x01\x02\xfe\r\nREBOOT_CAUSE_APPLICATION_AT\r\nu-blox \r\nOK\r\n");
    EXPECT_EQ(at_.result, AT_OK);
    ASSERT_EQ(heard_.size(), 2U);
    EXPECT_EQ(heard_[0].second, "REBOOT_CAUSE_APPLICATION_AT");
    EXPECT_EQ(heard_[1].first, kMaker);
}

TEST_F(NodeAtTest, AnyLineMayBeAnAnswerWhereThatWasAsked) {
    ask("AT+CGMM", "");
    modem("+CSCON: 1\r\nSARA-N211-02X-00\r\nOK\r\n");
    EXPECT_EQ(answers_, (std::vector<std::string>{"SARA-N211-02X-00"}));
    EXPECT_EQ(heard_.size(), 1U);
}

TEST_F(NodeAtTest, SilenceIsATimeoutThatCountsFromTheLastByteOut) {
    const at_command asked = command("AT");
    at_begin(&at_, &asked);
    EXPECT_EQ(pulled(2), "AT");
    now_ += 60'000;  // a slow line
    EXPECT_EQ(at_step(&at_, now_), PORT_NEVER);
    EXPECT_EQ(pulled(2), "\r");
    EXPECT_EQ(at_step(&at_, now_), 1'000U);
    now_ += 999;
    EXPECT_EQ(at_step(&at_, now_), 1U);
    EXPECT_EQ(at_.result, AT_PENDING);
    now_ += 1;
    EXPECT_EQ(at_step(&at_, now_), 0U);
    EXPECT_EQ(at_.result, AT_TIMEOUT);
    modem("OK\r\n");
    EXPECT_EQ(at_.result, AT_TIMEOUT);
    EXPECT_EQ(at_.late_results, 1U);
}

TEST_F(NodeAtTest, WhatIsNotKnownIsCountedAndPassedOver) {
    modem("+NPSMR: 1\r\nhello\r\n0,1\r\nOK\r\n");
    EXPECT_EQ(at_.unknown_lines, 3U);
    EXPECT_EQ(at_.late_results, 1U);
    EXPECT_TRUE(answers_.empty());
    EXPECT_TRUE(heard_.empty());
}

TEST(NodeAtFieldsTest, PrefixesAreWholeWords) {
    EXPECT_TRUE(at_has_prefix("+CEREG: 1", "+CEREG"));
    EXPECT_TRUE(at_has_prefix("+CEREG:1", "+CEREG"));
    EXPECT_TRUE(at_has_prefix("NUESTATS,\"RADIO\"", "NUESTATS"));
    EXPECT_FALSE(at_has_prefix("+CEREGX: 1", "+CEREG"));
    EXPECT_FALSE(at_has_prefix("+CE", "+CEREG"));
}

TEST(NodeAtFieldsTest, FieldsComeInOrderWithTheirQuotesOff) {
    at_fields fields = at_fields_of("+X: 3, \"a,b\",,-104,\"17\"", "+X");
    char text[8];
    EXPECT_EQ(at_integer(&fields), 3);
    EXPECT_TRUE(at_is_quoted(&fields));
    at_string(&fields, text, sizeof text);
    EXPECT_STREQ(text, "a,b");
    EXPECT_EQ(at_integer_or(&fields, 9), 9);
    EXPECT_EQ(at_integer(&fields), -104);
    EXPECT_EQ(at_integer(&fields), 17);
    EXPECT_FALSE(at_more(&fields));
    EXPECT_FALSE(fields.failed);
    EXPECT_EQ(at_integer_or(&fields, 5), 5);
    EXPECT_FALSE(fields.failed);
    EXPECT_EQ(at_integer(&fields), 0);
    EXPECT_TRUE(fields.failed);
}

TEST(NodeAtFieldsTest, AnErrorSticks) {
    for (const char* line : {"x", "1x", "", "-", "99999999999", "2147483648", "\"1\"2", "1.5", "0x10"}) {
        at_fields fields = at_fields_of(line, nullptr);
        at_integer(&fields);
        EXPECT_TRUE(fields.failed) << line;
        at_integer_or(&fields, 1);
        EXPECT_TRUE(fields.failed) << line;
    }
    at_fields most = at_fields_of("2147483647,-2147483648", nullptr);
    EXPECT_EQ(at_integer(&most), INT32_MAX);
    EXPECT_EQ(at_integer(&most), INT32_MIN);
    EXPECT_FALSE(most.failed);
}

TEST(NodeAtFieldsTest, AStringThatDoesNotFitIsNone) {
    char text[4];
    at_fields fields = at_fields_of("\"abc\",\"abcd\",\"open", nullptr);
    at_string(&fields, text, sizeof text);
    EXPECT_STREQ(text, "abc");
    EXPECT_FALSE(fields.failed);
    at_string(&fields, text, sizeof text);
    EXPECT_STREQ(text, "");
    EXPECT_TRUE(fields.failed);
}

}  // namespace
}  // namespace narrowgate::firmware
