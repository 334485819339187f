// SPDX-License-Identifier: Apache-2.0
#include "client_hello.hpp"

#include <gtest/gtest.h>

#include "fakes/dtls_client.hpp"

namespace narrowgate::dtls {
namespace {

Bytes first_hello(const fakes::DtlsClientOptions& options) {
    fakes::DtlsClient client(options);
    client.start(SteadyTime(seconds(1)));
    return client.take_datagrams().front();
}

std::expected<ClientHello, Fate> read(ByteView datagram) {
    const auto record = take_record(datagram, 6);
    if (!record) return std::unexpected(Fate::kMalformed);
    return read_client_hello(*record);
}

TEST(ClientHello, OfALiveClientIsRead) {
    fakes::DtlsClientOptions options;
    options.own_cid = {1, 2, 3};
    const auto hello = read(first_hello(options));
    ASSERT_TRUE(hello.has_value());
    EXPECT_TRUE(hello->cookie.empty());
    ASSERT_TRUE(hello->peer_cid.has_value());
    EXPECT_EQ(to_hex(hello->peer_cid->view()), "010203");
    options.offer_cid = false;
    EXPECT_FALSE(read(first_hello(options))->peer_cid.has_value());
}

// Each prefix with all its lengths put right but the ClientHello's own content cut: none may be read beyond.
TEST(ClientHello, CutShortAnywhereIsMalformedNotRead) {
    const Bytes whole = first_hello({});
    constexpr std::size_t kHeaders = kPlainHeaderBytes + kHandshakeHeaderBytes;
    std::size_t accepted = 0;
    for (std::size_t body = 0; body + kHeaders < whole.size(); ++body) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kHeaders + body));
        const auto put = [&](std::size_t at, std::size_t value) {
            cut[at] = static_cast<std::uint8_t>(value >> 8);
            cut[at + 1] = static_cast<std::uint8_t>(value);
        };
        put(11, kHandshakeHeaderBytes + body);
        put(kPlainHeaderBytes + 2, body);
        put(kPlainHeaderBytes + 10, body);
        if (read(cut).has_value()) ++accepted;
    }
    EXPECT_EQ(accepted, 1u) << "only the one that ends before its extensions (RFC 5246 section 7.4.1.2)";
}

TEST(ClientHello, InFragmentsHasAFateOfItsOwn) {
    Bytes fragment = first_hello({});
    fragment[kPlainHeaderBytes + 3] = 0xff;  // the message is longer than this part of it
    EXPECT_EQ(read(fragment).error(), Fate::kFragmentedHello);
}

TEST(ClientHello, ForDtls10OrWithoutSuitesIsMalformed) {
    Bytes old = first_hello({});
    old[kPlainHeaderBytes + kHandshakeHeaderBytes + 1] = 0xff;
    EXPECT_EQ(read(old).error(), Fate::kMalformedHello);
}

// The anti-amplification rule of RFC 6347 section 4.2.1, and its two numbering rules.
TEST(HelloVerifyRequest, IsShorterThanTheShortestClientHello) {
    ClientHello hello;
    hello.record_version = kDtls10;
    hello.record_sequence = 0x123456;
    hello.message_sequence = 1;
    const Bytes answer = hello_verify_request(hello, Bytes(8, 9));
    const std::size_t shortest = kPlainHeaderBytes + kHandshakeHeaderBytes + 2 + 32 + 1 + 1 + 4 + 2;
    EXPECT_LT(answer.size(), shortest);
    EXPECT_EQ(to_hex(ByteView(answer).subspan(3, 8)), "0000000000123456")
        << "epoch 0, the ClientHello's number";
    EXPECT_EQ(to_hex(ByteView(answer).subspan(kPlainHeaderBytes + 4, 2)), "0000") << "message 0";
}

}  // namespace
}  // namespace narrowgate::dtls
