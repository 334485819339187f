// SPDX-License-Identifier: Apache-2.0
//
// Known answers, so that a change of library or of its configuration cannot go unseen.
#include "narrowgate/base/crypto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace narrowgate::crypto {
namespace {

Bytes hex(std::string_view digits) {
    return from_hex(digits).value();
}

std::string hmac(ByteView key, ByteView message) {
    return to_hex(hmac_sha256(key, message));
}

// FIPS 180-4, examples of NIST's Cryptographic Toolkit.
TEST(CryptoTest, Sha256) {
    EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256(bytes_of("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(sha256(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

// RFC 4231 sections 4.2, 4.3, 4.4 and 4.7 (a key longer than a block).
TEST(CryptoTest, HmacSha256) {
    EXPECT_EQ(hmac(Bytes(20, 0x0B), bytes_of("Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hmac(bytes_of("Jefe"), bytes_of("what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hmac(Bytes(20, 0xAA), Bytes(50, 0xDD)),
              "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    EXPECT_EQ(hmac(Bytes(131, 0xAA), bytes_of("Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 5869 appendices A.1 and A.3 (no salt, no info).
TEST(CryptoTest, HkdfSha256) {
    EXPECT_EQ(to_hex(hkdf_sha256(Bytes(22, 0x0B), hex("000102030405060708090a0b0c"),
                                 hex("f0f1f2f3f4f5f6f7f8f9"), 42)
                         .view()),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    EXPECT_EQ(to_hex(hkdf_sha256(Bytes(22, 0x0B), {}, {}, 42).view()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

// The Galois/Counter Mode submission to NIST (McGrew and Viega), appendix B, test cases 13, 14 and 16.
TEST(CryptoTest, Aes256Gcm) {
    const Bytes zero_key(kAes256KeyBytes);
    const Bytes zero_nonce(kGcmNonceBytes);
    EXPECT_EQ(to_hex(aes256_gcm_seal(zero_key, zero_nonce, {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
    EXPECT_EQ(to_hex(aes256_gcm_seal(zero_key, zero_nonce, {}, Bytes(16))),
              "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    const auto plaintext =
        hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    const auto sealed = aes256_gcm_seal(
        hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
        hex("cafebabefacedbaddecaf888"), hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), plaintext);
    EXPECT_EQ(to_hex(sealed),
              "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
              "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
              "76fc6ece0f4e1768cddf8853bb2d551b");
}

class SealedTest : public ::testing::Test {
protected:
    const Bytes key_ = Bytes(kAes256KeyBytes, 0x11);
    const Bytes nonce_ = Bytes(kGcmNonceBytes, 0x22);
    const Bytes sealed_ = aes256_gcm_seal(key_, nonce_, bytes_of("row 7"), bytes_of("psk"));
};

TEST_F(SealedTest, OpensToWhatWasSealed) {
    const auto opened = aes256_gcm_open(key_, nonce_, bytes_of("row 7"), sealed_);
    ASSERT_TRUE(opened);
    EXPECT_EQ(text_of(opened->view()), "psk");
    const auto nothing = aes256_gcm_open(key_, nonce_, {}, aes256_gcm_seal(key_, nonce_, {}, {}));
    ASSERT_TRUE(nothing);
    EXPECT_TRUE(nothing->empty());
}

TEST_F(SealedTest, EveryBitIsGuarded) {
    for (std::size_t bit = 0; bit < sealed_.size() * 8; ++bit) {
        auto forged = sealed_;
        forged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(aes256_gcm_open(key_, nonce_, bytes_of("row 7"), forged)) << bit;
    }
}

// A sealed row moved to another place, or cut, must not open.
TEST_F(SealedTest, OpensOnlyWithItsKeyItsNonceAndItsPlace) {
    EXPECT_FALSE(aes256_gcm_open(key_, nonce_, bytes_of("row 8"), sealed_));
    EXPECT_FALSE(aes256_gcm_open(key_, Bytes(kGcmNonceBytes, 0x23), bytes_of("row 7"), sealed_));
    EXPECT_FALSE(aes256_gcm_open(Bytes(kAes256KeyBytes, 0x12), nonce_, bytes_of("row 7"), sealed_));
    for (std::size_t size = 0; size < sealed_.size(); ++size)
        EXPECT_FALSE(aes256_gcm_open(key_, nonce_, bytes_of("row 7"), ByteView(sealed_).first(size))) << size;
}

TEST(CryptoTest, RandomBytesAreFilledToTheEnd) {
    // 64 bytes twice the same, or a byte that 64 fills leave at zero, is what a broken generator looks like.
    Bytes first(64);
    Bytes second(64);
    fill_random(first);
    fill_random(second);
    EXPECT_NE(first, second);
    EXPECT_NE(random_u64(), random_u64());
    Bytes seen(64);
    for (int fill = 0; fill < 64; ++fill) {
        fill_random(first);
        for (std::size_t i = 0; i < first.size(); ++i)
            seen[i] |= first[i];
    }
    EXPECT_EQ(std::ranges::count(seen, 0), 0);
    fill_random({});
}

}  // namespace
}  // namespace narrowgate::crypto
