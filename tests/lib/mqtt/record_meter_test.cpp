// SPDX-License-Identifier: Apache-2.0
#include "record_meter.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace narrowgate::mqtt {
namespace {

Bytes record(std::uint8_t type, std::size_t content_bytes, std::uint8_t fill) {
    Bytes bytes{type, 3, 3, static_cast<std::uint8_t>(content_bytes >> 8),
                static_cast<std::uint8_t>(content_bytes)};
    bytes.insert(bytes.end(), content_bytes, fill);
    return bytes;
}

std::vector<RecordSeen> seen_in(ByteView stream, std::size_t piece) {
    RecordMeter meter;
    std::vector<RecordSeen> seen;
    while (!stream.empty()) {
        const std::size_t now = std::min(piece, stream.size());
        meter.feed(stream.first(now), [&](const RecordSeen& one) { seen.push_back(one); });
        stream = stream.subspan(now);
    }
    EXPECT_EQ(meter.pending_bytes(), 0U);
    return seen;
}

// Single bytes, headers cut in two, several records in one piece.
TEST(RecordMeterTest, RecordsAreTheSameHoweverTheStreamIsCut) {
    Bytes stream = record(kTypeHandshake, 200, 1);
    for (const Bytes& more : {record(kTypeChangeCipherSpec, 1, 1), record(kTypeHandshake, 40, 9),
                              record(kTypeApplicationData, 16'384, 7), record(kTypeAlert, 2, 2),
                              record(kTypeApplicationData, 0, 0)}) {
        stream.insert(stream.end(), more.begin(), more.end());
    }
    for (const std::size_t piece : {1, 2, 3, 4, 5, 6, 7, 536, 1393, 65'536}) {
        const auto seen = seen_in(stream, piece);
        ASSERT_EQ(seen.size(), 6U) << piece;
        EXPECT_EQ(seen[0].content_type, kTypeHandshake);
        EXPECT_EQ(seen[0].size_bytes, 205U);
        EXPECT_EQ(seen[0].head[0], 1);
        EXPECT_FALSE(seen[1].after_change_cipher_spec);
        EXPECT_TRUE(seen[2].after_change_cipher_spec);
        EXPECT_EQ(seen[3].size_bytes, 16'389U);
        EXPECT_EQ(seen[4].head[1], 2);
        EXPECT_EQ(seen[5].content_bytes, 0U);
    }
}

TEST(RecordMeterTest, AStreamThatIsNotTlsIsLeftAlone) {
    RecordMeter meter;
    unsigned count = 0;
    const auto counting = [&](const RecordSeen&) { ++count; };
    meter.feed(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"), counting);
    meter.feed(record(kTypeHandshake, 10, 0), counting);
    EXPECT_EQ(count, 0U);
}

TEST(RecordMeterTest, AStallInsideARecordShowsItsBytes) {
    RecordMeter meter;
    const Bytes whole = record(kTypeHandshake, 1000, 2);
    meter.feed(ByteView(whole).first(700), [](const RecordSeen&) { FAIL(); });
    EXPECT_EQ(meter.pending_bytes(), 700U);
}

}  // namespace
}  // namespace narrowgate::mqtt
