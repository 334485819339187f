// SPDX-License-Identifier: Apache-2.0
#include "page_body.hpp"

#include <gtest/gtest.h>

namespace narrowgate::store {
namespace {

const WallTime kPageNoon{std::chrono::seconds(1'772'366'400)};

NewReading reading(const std::string& device, std::optional<std::uint16_t> format, const std::string& payload,
                   std::chrono::microseconds later) {
    const auto bytes = bytes_of(payload);
    return {device, "water-meters", "telemetry", format, Bytes(bytes.begin(), bytes.end()), kPageNoon + later,
            3};
}

Bytes sample_page() {
    PageBody body;
    body.add(reading("wm-1", 112, "abc", {}));
    body.add(reading("wm-2", std::nullopt, "", std::chrono::microseconds(-5)));
    body.add(reading("wm-1", 65'535, std::string(300, 'x'), std::chrono::microseconds(250)));
    return body.finish();
}

TEST(PageBodyTest, GivesBackWhatWasPutIn) {
    const auto readings = decode_readings(sample_page(), 41);
    ASSERT_TRUE(readings.has_value());
    ASSERT_EQ(readings->size(), 3U);
    EXPECT_EQ((*readings)[0].number, 41U);
    EXPECT_EQ((*readings)[0].device, "wm-1");
    EXPECT_EQ((*readings)[0].content_format, 112);
    EXPECT_EQ((*readings)[1].device, "wm-2");
    EXPECT_EQ((*readings)[1].fleet, "water-meters");
    EXPECT_EQ((*readings)[1].resource, "telemetry");
    EXPECT_EQ((*readings)[1].content_format, std::nullopt);
    EXPECT_EQ((*readings)[1].received, kPageNoon - std::chrono::microseconds(5));
    EXPECT_EQ((*readings)[2].number, 43U);
    EXPECT_EQ((*readings)[2].content_format, 65'535);
    EXPECT_EQ((*readings)[2].payload.size(), 300U);
    EXPECT_EQ((*readings)[2].upstreams, 3U);
}

// The form of docs/store.md, byte by byte: a change here is a new format version.
TEST(PageBodyTest, HasTheDocumentedBytes) {
    PageBody body;
    body.add({"d", "f", "r", 0, {0xaa, 0xbb}, WallTime(std::chrono::microseconds(3)), 1});
    EXPECT_EQ(to_hex(body.finish()),
              "01"              // format
              "06"              // 3 µs, zigzag
              "03016401660172"  // three names: d, f, r
              "01"              // one reading
              "000102"          // its names
              "01"              // content format 0, plus one
              "00"              // received with the first
              "01"              // for upstream 0
              "02aabb");        // payload
}

TEST(PageBodyTest, RefusesEveryTruncation) {
    const auto whole = sample_page();
    for (std::size_t size = 1; size < whole.size(); ++size) {
        EXPECT_FALSE(decode_readings(ByteView(whole).first(size), 1).has_value()) << size;
    }
}

// A damaged disk may hold anything: the decoder must neither crash nor allocate without bound.
TEST(PageBodyTest, SurvivesEveryFlippedBit) {
    auto bytes = sample_page();
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const auto readings = decode_readings(bytes, 1);
        EXPECT_TRUE(!readings || readings->size() <= bytes.size());
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    }
}

}  // namespace
}  // namespace narrowgate::store
