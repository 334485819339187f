// SPDX-License-Identifier: Apache-2.0
//
// Content-Format 60: CBOR to JSON by the advice of RFC 8949 section 6.1; examples from its appendix A.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cbor.hpp"
#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {
namespace {

using tests::Cbor;
using tests::hex;

// The JSON value as text, or the reason for which the payload was refused.
std::string convert(ByteView payload, const Limits& limits = {}) {
    if (auto reason = reject_reason(kCbor, payload, limits)) return *reason;
    const Reading reading{.id = {},
                          .device = {},
                          .fleet = {},
                          .resource = {},
                          .received = {},
                          .content_format = kCbor,
                          .payload = payload};
    const auto envelope = render_envelope(reading);
    EXPECT_TRUE(nlohmann::json::accept(envelope)) << envelope;
    const auto begin = envelope.find("\"value\":") + 8;
    return envelope.substr(begin, envelope.size() - 1 - begin);
}

std::string convert(std::string_view digits) {
    return convert(ByteView(hex(digits)));
}

TEST(CborValueTest, IntegersAreExact) {
    EXPECT_EQ(convert("00"), "0");
    EXPECT_EQ(convert("1903e8"), "1000");
    EXPECT_EQ(convert("1bffffffffffffffff"), "18446744073709551615");
    EXPECT_EQ(convert("3bffffffffffffffff"), "-18446744073709551616");
    EXPECT_EQ(convert("20"), "-1");
}

TEST(CborValueTest, FloatsKeepTheirValue) {
    EXPECT_EQ(convert("f93c00"), "1");
    EXPECT_EQ(convert("fb3ff199999999999a"), "1.1");
    EXPECT_EQ(convert("fa47c35000"), "100000");
    EXPECT_EQ(convert("fb7e37e43c8800759c"), "1e300");
    EXPECT_EQ(convert("f90001"), "5.960464477539063e-8");
    EXPECT_EQ(convert("f9c400"), "-4");
}

TEST(CborValueTest, WhatJsonCannotSayIsNull) {
    for (const auto* digits : {"f97c00", "f97e00", "f9fc00", "fa7f800000", "fb7ff8000000000000", "f6", "f7"})
        EXPECT_EQ(convert(digits), "null") << digits;
}

TEST(CborValueTest, StringsAndContainers) {
    EXPECT_EQ(convert("6449455446"), R"("IETF")");
    EXPECT_EQ(convert("62225c"), R"("\"\\")");
    EXPECT_EQ(convert("62c3bc"), "\"\u00fc\"");
    EXPECT_EQ(convert("4401020304"), R"("AQIDBA")");
    EXPECT_EQ(convert("40"), R"("")");
    EXPECT_EQ(convert("80"), "[]");
    EXPECT_EQ(convert("a0"), "{}");
    EXPECT_EQ(convert("8301820203820405"), "[1,[2,3],[4,5]]");
    EXPECT_EQ(convert("a26161016162820203"), R"({"a":1,"b":[2,3]})");
    EXPECT_EQ(convert("9f018202039f0405ffff"), "[1,[2,3],[4,5]]");
    EXPECT_EQ(convert("bf6346756ef563416d7421ff"), R"({"Fun":true,"Amt":-2})");
    EXPECT_EQ(convert("5f42010243030405ff"), R"("AQIDBAU")");
    EXPECT_EQ(convert("7f657374726561646d696e67ff"), R"("streaming")");
}

TEST(CborValueTest, KeysBecomeText) {
    EXPECT_EQ(convert("a501020304 20f5 4101f4 f4 00"), R"({"1":2,"3":4,"-1":true,"AQ":false,"false":0})");
    EXPECT_EQ(convert("a1 f93e00 00"), R"({"1.5":0})");
    EXPECT_EQ(convert("a1 80 00"), "map key that is no text, number or byte string");
    EXPECT_EQ(convert("a1 c1 00 00"), "map key that is no text, number or byte string");
}

// 1 and "1" are two keys in CBOR and one in JSON: a reader would keep one of the values, nobody knows which.
TEST(CborValueTest, KeysThatMeetInJsonAreRefused) {
    EXPECT_EQ(convert("a2 01 00 6131 00"), "two map keys that are the same in JSON");
    EXPECT_EQ(convert("a2 6161 00 6161 01"), "two map keys that are the same in JSON");
    EXPECT_EQ(convert("a2 6161 a16161 00 6162 01"), R"({"a":{"a":0},"b":1})");
}

TEST(CborValueTest, TagsMeanWhatTheRfcSays) {
    EXPECT_EQ(convert("c249010000000000000000"), R"("AQAAAAAAAAAA")");   // 2^64
    EXPECT_EQ(convert("c349010000000000000000"), R"("~AQAAAAAAAAAA")");  // -1 - 2^64
    EXPECT_EQ(convert("c2480000000000000005"), "5");
    EXPECT_EQ(convert("c348ffffffffffffffff"), "-18446744073709551616");
    EXPECT_EQ(convert("c240"), "0");
    EXPECT_EQ(convert("c48221196ab3"), "273.15");
    EXPECT_EQ(convert("c5822003"), "1.5");
    EXPECT_EQ(convert("c11a514b67b0"), "1363896240");
    EXPECT_EQ(convert("d74401020304"), R"("01020304")");
    EXPECT_EQ(convert("d6 82 42fbff 43fbffff"), R"(["+/8=","+///"])");
    EXPECT_EQ(convert("d5 42fbff"), R"("-_8")");
    EXPECT_EQ(convert("d818456449455446"), R"("ZElFVEY")");
    EXPECT_EQ(convert("d9d9f7 01"), "1");
    EXPECT_EQ(convert("c2 01"), "bignum that is no byte string");
    EXPECT_EQ(convert("c4 01"), "decimal fraction that is malformed or out of range");
    EXPECT_EQ(convert("c5 82 1907d0 01"), "bigfloat out of range");
    EXPECT_EQ(convert("c5 81 01"), "bigfloat that is malformed");
}

TEST(CborValueTest, WhatIsNotOneItemIsRefused) {
    EXPECT_EQ(convert(""), "no payload");
    EXPECT_EQ(convert("0000"), "bytes after the CBOR item");
    EXPECT_EQ(convert("ff"), "not CBOR at byte 0");
    EXPECT_EQ(convert("1c"), "not CBOR at byte 0");
    EXPECT_EQ(convert("81f8ff"), "not CBOR at byte 1");
    EXPECT_EQ(convert("82 01 ff"), "not CBOR at byte 2");
    EXPECT_EQ(convert("bf 01 ff"), "not CBOR at byte 2");
    EXPECT_EQ(convert("61ff"), "text that is not UTF-8");
    EXPECT_EQ(convert("62c328"), "text that is not UTF-8");
    EXPECT_EQ(convert("7f 4161 ff"), "string of indefinite length with a chunk that does not fit");
    EXPECT_EQ(convert("5f 5f ff ff"), "string of indefinite length with a chunk that does not fit");
    // A character cut in two by its chunks.
    EXPECT_EQ(convert("7f 61c3 61bc ff"), "string of indefinite length with a chunk that does not fit");
}

// Lengths that no payload can hold: nothing may be reserved for them.
TEST(CborValueTest, LengthsAreNotBelieved) {
    for (const auto* digits :
         {"5bffffffffffffffff", "7b7fffffffffffffff00", "9bffffffffffffffff", "bbffffffffffffffff"})
        EXPECT_EQ(convert(digits), "CBOR ends in the middle of an item") << digits;
}

TEST(CborValueTest, DepthIsBounded) {
    const auto nested = [](std::size_t depth, std::uint8_t opener) {
        Bytes payload(depth, opener);
        payload.push_back(0);
        return payload;
    };
    EXPECT_EQ(convert(nested(16, 0x81)), std::string(16, '[') + "0" + std::string(16, ']'));
    EXPECT_EQ(convert(nested(17, 0x81)), "nested deeper than 16");
    EXPECT_EQ(convert(nested(17, 0xC1)), "nested deeper than 16");
    EXPECT_EQ(convert(nested(16'000, 0x9F)), "nested deeper than 16");
    // Whatever a fleet allows, the stack is ours.
    EXPECT_EQ(convert(nested(100'000, 0x81), {.max_depth = 1'000'000}), "nested deeper than 64");
}

}  // namespace
}  // namespace narrowgate::payload
