// SPDX-License-Identifier: Apache-2.0
#include "cookie.hpp"

#include <gtest/gtest.h>

namespace narrowgate::dtls {
namespace {

constexpr SteadyTime kMintStart{CookieMint::kBucket * 100};

const Address kNode = *Address::from_text("198.51.100.7:40000");

TEST(CookieMint, ACookieIsGoodForAtLeastOneBucketAndAtMostTwo) {
    const CookieMint mint(Bytes(32, 1));
    const auto cookie = mint.make(kNode, kMintStart);
    EXPECT_TRUE(mint.is_good(cookie, kNode, kMintStart));
    EXPECT_TRUE(mint.is_good(cookie, kNode, kMintStart + 2 * CookieMint::kBucket - seconds(1)));
    EXPECT_FALSE(mint.is_good(cookie, kNode, kMintStart + 2 * CookieMint::kBucket));
}

TEST(CookieMint, ACookieIsGoodForOneAddressAndOneKeyOnly) {
    const CookieMint mint(Bytes(32, 1));
    const auto cookie = mint.make(kNode, kMintStart);
    EXPECT_FALSE(mint.is_good(cookie, *Address::from_text("198.51.100.7:40001"), kMintStart));
    EXPECT_FALSE(mint.is_good(cookie, *Address::from_text("198.51.100.8:40000"), kMintStart));
    EXPECT_FALSE(CookieMint(Bytes(32, 2)).is_good(cookie, kNode, kMintStart));
    EXPECT_TRUE(CookieMint(Bytes(32, 1)).is_good(cookie, kNode, kMintStart)) << "another shard, the same key";
}

TEST(CookieMint, PartsOfACookieAreNotGood) {
    const CookieMint mint(Bytes(32, 1));
    const auto cookie = mint.make(kNode, kMintStart);
    for (std::size_t size = 0; size < cookie.size(); ++size) {
        EXPECT_FALSE(mint.is_good(ByteView(cookie).first(size), kNode, kMintStart));
    }
    Bytes longer(cookie.begin(), cookie.end());
    longer.push_back(0);
    EXPECT_FALSE(mint.is_good(longer, kNode, kMintStart));
}

}  // namespace
}  // namespace narrowgate::dtls
