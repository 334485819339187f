// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/bytes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace narrowgate {
namespace {

bool utf8(std::string_view text) {
    return is_utf8(bytes_of(text));
}

TEST(BytesTest, HexReadsBothCasesAndWritesLower) {
    const Bytes bytes = {0x00, 0x9F, 0xAB, 0xFF};
    EXPECT_EQ(to_hex(bytes), "009fabff");
    EXPECT_EQ(from_hex("009FabfF"), bytes);
    EXPECT_EQ(from_hex(""), Bytes{});
    EXPECT_EQ(to_hex({}), "");
}

TEST(BytesTest, WhatIsNotHexIsRefused) {
    for (const auto* bad : {"0", "0g", "g0", " 00", "00 ", "0x00", "-1", "\xC3\xA4"})
        EXPECT_FALSE(from_hex(bad)) << bad;
}

// RFC 4648 section 10.
TEST(BytesTest, Base64IsThatOfTheRfc) {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, padded] : vectors) {
        EXPECT_EQ(to_base64(bytes_of(plain)), padded);
        const std::string url = to_base64url(bytes_of(plain));
        EXPECT_EQ(url, std::string(padded).substr(0, std::string_view(padded).find('=')));
        EXPECT_EQ(text_of(*from_base64url(url)), plain);
        EXPECT_EQ(text_of(*from_base64url(padded)), plain);
    }
    const Bytes tail = {0xFB, 0xEF, 0xFF};
    EXPECT_EQ(to_base64(tail), "++//");
    EXPECT_EQ(to_base64url(tail), "--__");
    EXPECT_EQ(from_base64url("--__"), tail);
}

TEST(BytesTest, WhatIsNotBase64urlIsRefused) {
    for (const auto* bad :
         {"A", "AAAAA", "++//", "Zm 9v", "Zm9v\n", "Z=g=", "Zg=", "Zg===", "Zm9v=", "====", "=", "Zh"})
        EXPECT_FALSE(from_base64url(bad)) << bad;
}

TEST(BytesTest, Base64urlRoundTripsEveryLength) {
    Bytes bytes;
    for (unsigned i = 0; i < 300; ++i) {
        EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
        EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
        bytes.push_back(static_cast<std::uint8_t>(i * 37));
    }
}

TEST(BytesTest, Utf8AcceptsTheEndsOfEachLength) {
    EXPECT_TRUE(utf8(""));
    EXPECT_TRUE(utf8(std::string_view("\0", 1)));
    for (const auto* good : {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                             "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        EXPECT_TRUE(utf8(good)) << to_hex(bytes_of(good));
}

// RFC 3629: overlong forms, surrogates, beyond U+10FFFF, strays and cut sequences.
TEST(BytesTest, Utf8RefusesWhatTheRfcForbids) {
    for (const auto* bad :
         {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF", "\xC2", "\xE2\x82",
          "\xF0\x9F\x98", "\xC2\xC2", "\xE2\x28\xA1", "a\xC2z"})
        EXPECT_FALSE(utf8(bad)) << to_hex(bytes_of(bad));
}

TEST(BytesTest, ComparesLengthAndEveryByte) {
    const Bytes left = {1, 2, 3};
    EXPECT_TRUE(equal_in_constant_time(left, Bytes{1, 2, 3}));
    EXPECT_TRUE(equal_in_constant_time({}, {}));
    EXPECT_FALSE(equal_in_constant_time(left, Bytes{1, 2}));
    for (std::size_t bit = 0; bit < 24; ++bit) {
        auto right = left;
        right[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(equal_in_constant_time(left, right)) << bit;
    }
}

TEST(ByteReaderTest, ReadsIntegersInNetworkOrder) {
    const auto bytes = *from_hex("0102030405060708090a0b0c0d0e0f101112");
    ByteReader reader(bytes);
    EXPECT_EQ(reader.u8(), 0x01);
    EXPECT_EQ(reader.u16(), 0x0203);
    EXPECT_EQ(reader.u32(), 0x04050607U);
    EXPECT_EQ(reader.u64(), 0x08090A0B0C0D0E0FU);
    EXPECT_EQ(reader.unsigned_integer(3), 0x101112U);
    EXPECT_TRUE(reader.finished());
}

// One check at the end of a chain is enough: what failed stays failed, and yields nothing that was there.
TEST(ByteReaderTest, AReadPastTheEndMovesNothingAndStays) {
    const Bytes bytes = {1, 2, 3};
    ByteReader reader(bytes);
    EXPECT_EQ(reader.u32(), 0U);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.remaining(), 3U);
    EXPECT_EQ(reader.u8(), 0);
    EXPECT_TRUE(reader.take(1).empty());
    EXPECT_EQ(reader.remaining(), 3U);
    EXPECT_FALSE(reader.finished());
}

TEST(ByteReaderTest, LengthsThatLieAreCaught) {
    const Bytes bytes = {0x00, 0x03, 'a', 'b'};
    ByteReader reader(bytes);
    EXPECT_TRUE(reader.take_prefixed(2).empty());
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.remaining(), 4U);

    const Bytes huge = *from_hex("ffffffffffffffff00");
    ByteReader huge_reader(huge);
    EXPECT_TRUE(huge_reader.take_prefixed(8).empty());
    EXPECT_FALSE(huge_reader.ok());
}

TEST(ByteReaderTest, AnEmptyVectorIsNotAFailure) {
    const Bytes bytes = {0x00};
    ByteReader reader(bytes);
    EXPECT_TRUE(reader.take_prefixed(1).empty());
    EXPECT_TRUE(reader.finished());
}

TEST(ByteWriterTest, WritesWhatTheReaderReads) {
    Bytes out;
    ByteWriter(out).u8(1).u16(0x0203).u32(0x04050607).u64(0x08090A0B0C0D0E0F).unsigned_integer(0x101112, 3);
    EXPECT_EQ(to_hex(out), "0102030405060708090a0b0c0d0e0f101112");
    Bytes vector;
    ByteWriter(vector).append_prefixed(bytes_of("abc"), 2).append_prefixed({}, 1).append(bytes_of("d"));
    EXPECT_EQ(to_hex(vector), "00036162630064");
    ByteReader reader(vector);
    EXPECT_EQ(text_of(reader.take_prefixed(2)), "abc");
    EXPECT_TRUE(reader.take_prefixed(1).empty());
    EXPECT_EQ(text_of(reader.rest()), "d");
}

TEST(ByteWriterDeathTest, AVectorLongerThanItsLengthCanSayAborts) {
    Bytes out;
    const Bytes long_vector(256);
    EXPECT_DEATH(ByteWriter(out).append_prefixed(long_vector, 1), "");
}

}  // namespace
}  // namespace narrowgate
