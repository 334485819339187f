// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/siphash.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace narrowgate {
namespace {

// The key of the reference implementation's vectors: 00 01 … 0f; its messages are 00 01 … of each length.
SipHash reference() {
    Bytes key(kSipHashKeyBytes);
    std::iota(key.begin(), key.end(), std::uint8_t{0});
    return SipHash(key);
}

Bytes counting(std::size_t size) {
    Bytes message(size);
    std::iota(message.begin(), message.end(), std::uint8_t{0});
    return message;
}

// The paper's appendix A, and the first of the reference implementation's vectors_sip64.
TEST(SipHashTest, GivesTheReferenceVectors) {
    const auto hash = reference();
    EXPECT_EQ(hash(counting(0)), 0x726fdb47dd0e0e31U);
    EXPECT_EQ(hash(counting(1)), 0x74f839c593dc67fdU);
    EXPECT_EQ(hash(counting(2)), 0x0d6c8009d9a94f5aU);
    EXPECT_EQ(hash(counting(3)), 0x85676696d7fb7e2dU);
    EXPECT_EQ(hash(counting(15)), 0xa129ca6149be45e5U);
}

TEST(SipHashTest, DiffersByLengthAndByKey) {
    std::set<std::uint64_t> seen;
    for (std::size_t size = 0; size < 64; ++size)
        seen.insert(reference()(Bytes(size, 0)));
    seen.insert(SipHash(Bytes(kSipHashKeyBytes, 1))(Bytes(8, 0)));
    EXPECT_EQ(seen.size(), 65U);
}

}  // namespace
}  // namespace narrowgate
