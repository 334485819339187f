// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/siphash.hpp"

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate {
namespace {

std::uint64_t little_endian(const std::uint8_t* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
}

// Sections 2.1 to 2.4 of the paper.
struct State {
    std::uint64_t v0, v1, v2, v3;

    void round() {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
    void compress(std::uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }
};

}  // namespace

SipHash SipHash::with_random_key() {
    std::array<std::uint8_t, kSipHashKeyBytes> key{};
    crypto::fill_random(key);
    return SipHash(key);
}

SipHash::SipHash(ByteView key) {
    if (key.size() != kSipHashKeyBytes) std::abort();
    k0_ = little_endian(key.data());
    k1_ = little_endian(key.data() + 8);
}

std::uint64_t SipHash::operator()(ByteView message) const {
    State state{k0_ ^ 0x736f6d6570736575, k1_ ^ 0x646f72616e646f6d, k0_ ^ 0x6c7967656e657261,
                k1_ ^ 0x7465646279746573};
    std::uint64_t last = static_cast<std::uint64_t>(message.size()) << 56;
    for (; message.size() >= 8; message = message.subspan(8))
        state.compress(little_endian(message.data()));
    for (std::size_t i = 0; i < message.size(); ++i)
        last |= static_cast<std::uint64_t>(message[i]) << (8 * i);
    state.compress(last);
    state.v2 ^= 0xff;
    for (int i = 0; i < 4; ++i)
        state.round();
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace narrowgate
