// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/gzip.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

namespace narrowgate::payload {
namespace {

std::string unpacked(std::string_view packed) {
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    std::string out(1 << 20, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

TEST(GzipTest, WhatIsPackedComesOutAgain) {
    std::mt19937 random(1);
    std::string noise;
    for (int i = 0; i < 100'000; ++i)
        noise += static_cast<char>(random());
    for (const std::string& text : {std::string(), std::string("x"), std::string(200'000, 'x'), noise}) {
        const auto packed = gzip(text);
        ASSERT_TRUE(packed);
        EXPECT_TRUE(unpacked(*packed) == text) << text.size();
    }
}

TEST(GzipTest, TheSameTextIsAlwaysTheSameBytes) {
    const auto packed = gzip("a batch");
    ASSERT_TRUE(packed);
    EXPECT_EQ(packed, gzip("a batch"));
    EXPECT_EQ(packed->substr(0, 4), std::string("\x1f\x8b\x08\x00", 4)) << "RFC 1952: no name, no time";
    EXPECT_EQ(packed->substr(4, 4), std::string(4, '\0'));
}

}  // namespace
}  // namespace narrowgate::payload
