// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/shard_map.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace narrowgate::dtls {
namespace {

Path path_of(std::uint16_t port) {
    return {*Address::from_text("192.0.2.1:5684"),
            *Address::from_text("198.51.100.7:" + std::to_string(port))};
}

Bytes record_with_cid(std::uint8_t first_byte) {
    Bytes record(40, 0);
    record[0] = 25;
    record[kCidOffset] = first_byte;
    return record;
}

TEST(ShardMap, RecordsWithACidGoByItsLowNibble) {
    const ShardMap map(3, Bytes(16, 1));
    for (std::uint8_t nibble = 0; nibble < 16; ++nibble) {
        const auto record = record_with_cid(static_cast<std::uint8_t>(0x70 | nibble));
        EXPECT_EQ(map.owner_of(record, path_of(1)), nibble % 3);
        EXPECT_EQ(map.owner_of_session(ByteView(record).subspan(kCidOffset, 6), path_of(2)), nibble % 3);
    }
}

TEST(ShardMap, AllElseGoesByItsPathAndSpreads) {
    const ShardMap map(4, Bytes(16, 1));
    std::array<int, 4> count{};
    Bytes hello(60, 0);
    hello[0] = 22;
    for (std::uint16_t port = 1000; port < 2000; ++port) {
        const auto owner = map.owner_of(hello, path_of(port));
        ASSERT_LT(owner, 4);
        ++count[owner];
        EXPECT_EQ(map.owner_of_session({}, path_of(port)), owner);
        EXPECT_EQ(map.owner_of({}, path_of(port)), owner);
    }
    for (const int each : count)
        EXPECT_GT(each, 180);
}

// Cut before the CID, it names no shard; it must still go somewhere, and not be read beyond its end.
TEST(ShardMap, ARecordCutBeforeItsCidGoesByItsPath) {
    const ShardMap map(16, Bytes(16, 1));
    const auto record = record_with_cid(5);
    const auto by_path = map.owner_of_session({}, path_of(9));
    for (std::size_t size = 0; size <= kCidOffset; ++size)
        EXPECT_EQ(map.owner_of(ByteView(record).first(size), path_of(9)), by_path);
    EXPECT_EQ(map.owner_of(ByteView(record).first(kCidOffset + 1), path_of(9)), 5);
}

// A client that repeats its last flight behind a NAT that has forgotten it: ClientKeyExchange and
// ChangeCipherSpec in plain, and its Finished under the CID that a shard has handed out.
TEST(ShardMap, ACidBehindPlainRecordsDecides) {
    const ShardMap map(16, Bytes(16, 1));
    Bytes flight(13 + 20, 0);
    flight[0] = 22;
    flight[12] = 20;
    Bytes change(13 + 1, 0);
    change[0] = 20;
    change[12] = 1;
    const auto finished = record_with_cid(9);
    flight.insert(flight.end(), change.begin(), change.end());
    flight.insert(flight.end(), finished.begin(), finished.end());
    for (std::uint16_t port = 1; port < 100; ++port)
        EXPECT_EQ(map.owner_of(flight, path_of(port)), 9);
    // Lengths that lead beyond the end lead nowhere.
    flight[12] = 0xff;
    EXPECT_EQ(map.owner_of(flight, path_of(9)), map.owner_of_session({}, path_of(9)));
}

TEST(ShardMap, AnotherBootSpreadsPathsAnew) {
    const ShardMap one(16, Bytes(16, 1)), other(16, Bytes(16, 2));
    int moved = 0;
    for (std::uint16_t port = 1000; port < 1100; ++port)
        moved += one.owner_of_session({}, path_of(port)) != other.owner_of_session({}, path_of(port));
    EXPECT_GT(moved, 70);
}

}  // namespace
}  // namespace narrowgate::dtls
