// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/content_format.hpp"

#include <gtest/gtest.h>

namespace narrowgate::payload {
namespace {

TEST(ContentFormatTest, NumbersAreThoseOfTheRegistry) {
    EXPECT_EQ(media_type(0), "text/plain;charset=utf-8");
    EXPECT_EQ(media_type(42), "application/octet-stream");
    EXPECT_EQ(media_type(50), "application/json");
    EXPECT_EQ(media_type(60), "application/cbor");
    EXPECT_EQ(media_type(110), "application/senml+json");
    EXPECT_EQ(media_type(112), "application/senml+cbor");
}

TEST(ContentFormatTest, KnowsExactlyTheFormatsThatHaveAMediaType) {
    std::size_t known = 0;
    for (unsigned format = 0; format <= 0xFFFF; ++format) {
        const auto number = static_cast<ContentFormat>(format);
        EXPECT_EQ(is_known(number), !media_type(number).empty()) << format;
        if (is_known(number)) ++known;
    }
    EXPECT_EQ(known, kKnownContentFormats.size());
}

}  // namespace
}  // namespace narrowgate::payload
