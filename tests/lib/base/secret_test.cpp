// SPDX-License-Identifier: Apache-2.0
//
// This binary's heap looks at each block that is given back: a secret's bytes must not be among them.
#include "narrowgate/base/secret.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

// Long enough to be nobody else's, and the same byte throughout so that any part of it is found.
constexpr std::size_t kSecretBytes = 200;
constexpr unsigned char kSecretByte = 0xA7;
constexpr std::size_t kTellingRun = 16;  // an allocator's own links overwrite the first bytes of a block

std::atomic<int> leaks = 0;

void inspect(const void* block) {
    const auto* bytes = static_cast<const volatile unsigned char*>(block);
    const std::size_t size = malloc_usable_size(const_cast<void*>(block));
    std::size_t run = 0;
    for (std::size_t i = 0; i < size; ++i) {
        run = bytes[i] == kSecretByte ? run + 1 : 0;
        if (run == kTellingRun) {
            ++leaks;
            return;
        }
    }
}

void give_back(void* block) {
    if (block == nullptr) return;
    inspect(block);
    std::free(block);
}

}  // namespace

void* operator new(std::size_t size) {
    void* block = std::malloc(size == 0 ? 1 : size);
    if (block == nullptr) std::abort();
    return block;
}
void operator delete(void* block) noexcept {
    give_back(block);
}
void operator delete(void* block, std::size_t) noexcept {
    give_back(block);
}

namespace narrowgate {
namespace {

Bytes secret_bytes() {
    return Bytes(kSecretBytes, kSecretByte);
}

class SecretTest : public ::testing::Test {
protected:
    void SetUp() override { leaks = 0; }
};

TEST_F(SecretTest, TheHeapSeesWhatIsNotWiped) {
    {
        const Bytes careless = secret_bytes();
    }
    EXPECT_EQ(leaks, 1);
}

TEST_F(SecretTest, WipesWhatItHeldWhenItGoes) {
    {
        const Secret secret(secret_bytes());
    }
    EXPECT_EQ(leaks, 0);
}

TEST_F(SecretTest, WipesWhatAnAssignmentReplaces) {
    Secret secret(secret_bytes());
    secret = Secret(Bytes{1, 2, 3});
    EXPECT_EQ(leaks, 0);
    EXPECT_EQ(to_hex(secret.view()), "010203");
}

TEST_F(SecretTest, MovesLeaveNothingBehind) {
    Bytes source = secret_bytes();
    Secret first(std::move(source));
    EXPECT_TRUE(source.empty());
    Secret second(std::move(first));
    EXPECT_TRUE(first.empty());
    EXPECT_EQ(second.size(), kSecretBytes);
    Secret third;
    third = std::move(second);
    EXPECT_TRUE(second.empty());
    auto& same = third;
    third = std::move(same);
    EXPECT_EQ(third.size(), kSecretBytes);
}

TEST_F(SecretTest, CopiesAreSecretsOfTheirOwn) {
    {
        const Secret secret(secret_bytes());
        const Secret copy = secret.copy();
        EXPECT_TRUE(equal_in_constant_time(copy.view(), secret.view()));
        EXPECT_NE(copy.view().data(), secret.view().data());
    }
    EXPECT_EQ(leaks, 0);
    static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
}

TEST_F(SecretTest, WipeOverwritesAllOfIt) {
    Bytes bytes = secret_bytes();
    wipe(bytes);
    EXPECT_EQ(std::ranges::count(bytes, 0), static_cast<std::ptrdiff_t>(kSecretBytes));
    wipe({});
}

}  // namespace
}  // namespace narrowgate
