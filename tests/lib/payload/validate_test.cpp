// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/validate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "cbor.hpp"

namespace narrowgate::payload {
namespace {

std::optional<std::string> reason(ContentFormat format, std::string_view payload, const Limits& limits = {}) {
    return reject_reason(format, bytes_of(payload), limits);
}

std::string repeated(std::string_view part, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
        text += part;
    return text;
}

TEST(ValidateTest, OpaqueBytesAreAlwaysWelcome) {
    const Bytes anything = {0x00, 0xFF, 0xC0};
    EXPECT_EQ(reject_reason(kOctetStream, anything), std::nullopt);
    EXPECT_EQ(reject_reason(std::nullopt, anything), std::nullopt);
    EXPECT_EQ(reject_reason(std::nullopt, {}), std::nullopt);
}

TEST(ValidateTest, AnUnknownFormatIsRefused) {
    EXPECT_EQ(reason(41, "<a/>"), "Content-Format that is not known");
    EXPECT_EQ(reason(11542, "x"), "Content-Format that is not known");
}

TEST(ValidateTest, TextIsUtf8WithoutZeroBytes) {
    EXPECT_EQ(reason(kTextPlain, "21.5 \u00b0C"), std::nullopt);
    EXPECT_EQ(reason(kTextPlain, ""), std::nullopt);
    EXPECT_EQ(reason(kTextPlain, "\xC0\x80"), "text that is not UTF-8");      // an overlong zero
    EXPECT_EQ(reason(kTextPlain, "\xED\xA0\x80"), "text that is not UTF-8");  // a surrogate
    EXPECT_EQ(reason(kTextPlain, std::string_view("a\0b", 3)), "text with a zero byte");
}

TEST(ValidateTest, AnEmptyPayloadIsNoMessage) {
    for (const auto format : {kJson, kCbor, kSenmlJson, kSenmlCbor})
        EXPECT_EQ(reject_reason(format, {}), "no payload");
}

TEST(ValidateTest, JsonIsStrict) {
    for (const auto* good :
         {"{}", "[]", "0", "\"\"", "null", " [1, 2.5e-3, {\"a\": [true]}]\r\n", "-0", "\"\\ud83d\\ude00\""})
        EXPECT_EQ(reason(kJson, good), std::nullopt) << good;
    for (const auto* bad :
         {"{",   "[1,]",     "{\"a\":1,}", "01",      "1.",          ".5",      "+1",       "nul",
          "'a'", "\"a",      "[1] x",      "// c\n1", "\"\\ud83d\"", "\"\\x\"", "\"\xFF\"", "\"\n\"",
          "NaN", "Infinity", "1e999",      " "})
        EXPECT_NE(reason(kJson, bad), std::nullopt) << bad;
}

// The parser takes a zero byte for the end of its input, and skips a byte order mark.
TEST(ValidateTest, NothingHidesBehindAZeroByteOrAByteOrderMark) {
    EXPECT_EQ(reason(kJson, std::string_view("1\0 not JSON", 11)), "not JSON at byte 2");
    EXPECT_EQ(reason(kSenmlJson, std::string_view("[{\"n\":\"a\",\"v\":1}]\0", 18)), "not JSON at byte 18");
    EXPECT_EQ(reason(kJson, "\xEF\xBB\xBF{}"), "JSON with a byte order mark");
    EXPECT_EQ(reason(kSenmlJson, "\xEF\xBB\xBF[]"), "JSON with a byte order mark");
}

TEST(ValidateTest, DepthOfJsonIsBounded) {
    EXPECT_EQ(reason(kJson, repeated("[", 16) + repeated("]", 16)), std::nullopt);
    EXPECT_EQ(reason(kJson, repeated("[", 17) + repeated("]", 17)), "nested deeper than 16");
    EXPECT_EQ(reason(kJson, repeated("{\"a\":", 100'000)), "nested deeper than 16");
    EXPECT_EQ(reason(kSenmlJson, "[{\"n\":\"a\",\"v\":1,\"x\":" + repeated("[", 100'000)),
              "nested deeper than 16");
    // The depth that is counted is the depth that is open, not the number of containers.
    EXPECT_EQ(reason(kJson, "[" + repeated("[],", 100) + "[]]"), std::nullopt);
}

TEST(ValidateTest, ItemsAreBounded) {
    const Limits limits{.max_items = 10};
    EXPECT_EQ(reason(kJson, "[" + repeated("1,", 8) + "1]", limits), std::nullopt);
    EXPECT_EQ(reason(kJson, "[" + repeated("1,", 9) + "1]", limits), "more than 10 items");
    EXPECT_EQ(reason(kCbor, "\x8A" + std::string(10, '\x01'), limits), "more than 10 items");
    EXPECT_EQ(reason(kSenmlJson, "[{\"x\":[" + repeated("1,", 20) + "1]}]", limits), "more than 10 items");
}

TEST(ValidateTest, RecordsAreBounded) {
    const Limits limits{.max_records = 3};
    const auto pack = [](std::size_t records) {
        return "[" + repeated(R"({"n":"a","v":1},)", records - 1) + R"({"n":"a","v":1}])";
    };
    EXPECT_EQ(reason(kSenmlJson, pack(3), limits), std::nullopt);
    EXPECT_EQ(reason(kSenmlJson, pack(4), limits), "more than 3 records");
    EXPECT_EQ(reject_reason(kSenmlCbor, tests::senml_cbor_of(pack(4)), limits), "more than 3 records");
}

TEST(ValidateTest, NamesAreBounded) {
    const auto pack = [](std::size_t base, std::size_t name) {
        return "[{\"bn\":\"" + repeated("b", base) + "\",\"n\":\"" + repeated("n", name) + "\",\"v\":1}]";
    };
    EXPECT_EQ(reason(kSenmlJson, pack(128, 128)), std::nullopt);
    EXPECT_EQ(reason(kSenmlJson, pack(128, 129)), "name of more than 256 bytes");
    EXPECT_EQ(reason(kSenmlJson, pack(16'000, 0)), "name of more than 256 bytes");
}

// A base unit of 8 KB and a thousand records of 5 bytes: 13 KB that would resolve to 8 MB.
TEST(ValidateTest, APackCannotUnfoldIntoMoreThanAnUpstreamTakes) {
    tests::Cbor pack;
    pack.array(1000).map(3).integer(-2).text("a").integer(-4).text(repeated("u", 8000)).integer(2).integer(1);
    for (int i = 1; i < 1000; ++i)
        pack.map(1).integer(2).integer(1);
    EXPECT_EQ(reject_reason(kSenmlCbor, pack), "resolved records exceed 122880 bytes");
}

// Control characters take six characters each in JSON, opaque bytes four for three.
TEST(ValidateTest, WhatIsAcknowledgedFitsAnUpstreamMessage) {
    EXPECT_EQ(reason(kTextPlain, std::string(20'000, '\x01')), std::nullopt);
    EXPECT_EQ(reason(kTextPlain, std::string(20'500, '\x01')), "more than 122880 bytes as JSON");
    EXPECT_EQ(reject_reason(std::nullopt, Bytes(92'000)), std::nullopt);
    EXPECT_EQ(reject_reason(std::nullopt, Bytes(92'500)), "more than 122880 bytes as JSON");
}

// A reason is sent to a node and may be shown on a terminal: it must not carry what the sender chose.
TEST(ValidateTest, ReasonsEchoNothingHostile) {
    const auto echoed =
        reason(kSenmlJson, "[{\"n\":\"a\",\"v\":1,\"\\u001b[31m\\\"\u00e9" + repeated("x", 500) + "_\":1}]");
    ASSERT_TRUE(echoed);
    EXPECT_LE(echoed->size(), kMaxReasonBytes);
    EXPECT_TRUE(std::ranges::all_of(*echoed, [](char c) { return c >= 0x20 && c < 0x7F; })) << *echoed;
    EXPECT_EQ(*echoed, "unknown label '?[31m???xxxxxxxx...' must be understood");
}

}  // namespace
}  // namespace narrowgate::payload
