// SPDX-License-Identifier: Apache-2.0
//
// What strangers send, and what it must not do (P5): end a handshake or a session, cost memory, tell
// identities from keys, or be answered with more than was sent.
#include <gtest/gtest.h>

#include <random>

#include "client_hello.hpp"
#include "gateway.hpp"
#include "handshake_config.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::uint8_t kChangeCipherSpec = 20, kAlert = 21, kHandshakeType = 22, kApplicationData = 23,
                       kCid = 25;

Bytes record(std::uint8_t type, std::uint16_t epoch, std::uint64_t sequence, ByteView fragment,
             ByteView cid = {}) {
    Bytes out;
    ByteWriter(out)
        .u8(type)
        .u16(kDtls12)
        .u16(epoch)
        .unsigned_integer(sequence, 6)
        .append(cid)
        .append_prefixed(fragment, 2);
    return out;
}

Bytes message(std::uint8_t type, std::uint16_t sequence, ByteView body, std::size_t claimed_length) {
    Bytes out;
    ByteWriter(out)
        .u8(type)
        .unsigned_integer(claimed_length, 3)
        .u16(sequence)
        .unsigned_integer(0, 3)
        .unsigned_integer(body.size(), 3)
        .append(body);
    return out;
}

// One of each kind of record that a stranger can make who sees the traffic but knows no key. None is what a
// handshake waits for next: a well-formed ClientKeyExchange of one's own is not among them (see
// handshake.hpp).
std::vector<Bytes> strays(ByteView cid) {
    std::vector<Bytes> all;
    std::mt19937 random(7);
    const std::uint64_t far_ahead = (std::uint64_t{1} << 48) - 2;
    for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{3}, far_ahead}) {
        for (const std::uint16_t epoch : std::initializer_list<std::uint16_t>{0, 1, 2, 65535}) {
            for (const std::uint8_t type : {kChangeCipherSpec, kAlert, kHandshakeType, kApplicationData}) {
                for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 2, 12, 24, 40, 300}) {
                    Bytes fragment(size);
                    for (auto& byte : fragment)
                        byte = static_cast<std::uint8_t>(random());
                    if (epoch == 0 && type == kHandshakeType && size > 0) fragment[0] = 14;
                    all.push_back(record(type, epoch, sequence, fragment));
                    if (!cid.empty()) all.push_back(record(kCid, epoch, sequence, fragment, cid));
                }
            }
        }
        all.push_back(record(kAlert, 0, sequence, Bytes{2, 40}));
        all.push_back(record(kAlert, 0, sequence, Bytes{1, 0}));
        all.push_back(record(kChangeCipherSpec, 0, sequence, Bytes{1}));
        for (const std::uint8_t type : Bytes{0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 24, 255}) {
            for (const std::uint16_t number : std::initializer_list<std::uint16_t>{0, 1, 2, 3, 9, 65535}) {
                if (type == 16 && number == 2) continue;
                all.push_back(record(kHandshakeType, 0, sequence, message(type, number, Bytes(6, 1), 6)));
                all.push_back(
                    record(kHandshakeType, 0, sequence, message(type, number, Bytes(6, 1), 0xffffff)));
            }
        }
        // ClientKeyExchange in its place, but contradicting itself.
        all.push_back(record(kHandshakeType, 0, sequence, message(16, 2, Bytes{0, 9, 'n', 'o'}, 4)));
        all.push_back(record(kHandshakeType, 0, sequence, message(16, 2, Bytes{0}, 1)));
        all.push_back(record(kHandshakeType, 0, sequence, message(16, 2, Bytes(400, 0), 400)));
    }
    all.push_back({});
    all.push_back(Bytes(1, 22));
    all.push_back(Bytes(600, 0xff));
    return all;
}

class HostileTest : public ::testing::TestWithParam<bool> {
protected:
    fakes::DtlsClientOptions options() const {
        fakes::DtlsClientOptions options;
        options.offer_cid = GetParam();
        options.pack_datagrams = false;  // more moments between datagrams
        return options;
    }

    // The CID that is handed out in a ServerHello, as an eavesdropper reads it: the extension is the first of
    // its kind, so a search will do.
    static Bytes eavesdrop_cid(ByteView datagram) {
        const Bytes head = {0, 54, 0, 7, 6};
        const auto found = std::search(datagram.begin(), datagram.end(), head.begin(), head.end());
        if (datagram.end() - found < 11) return {};
        return Bytes(found + 5, found + 11);
    }
};

INSTANTIATE_TEST_SUITE_P(Dtls, HostileTest, ::testing::Bool(),
                         [](const auto& cid) { return cid.param ? "WithCid" : "WithoutCid"; });

// Before each datagram of the handshake, all strays and all former datagrams once more, from the node's
// address.
TEST_P(HostileTest, StraysAtEveryStepDoNotEndAHandshakeOrASession) {
    Gateway gateway;
    Node node(gateway, options());
    Bytes cid;
    std::vector<Bytes> past;
    const auto inject = [&] {
        for (const auto& stray : strays(cid))
            gateway.receive(stray, node.path);
        for (const auto& again : past)
            gateway.receive(again, node.path);
    };
    node.client.start(gateway.clock.now().steady);
    for (int turn = 0; turn < 12 && !node.client.established(); ++turn) {
        for (const auto& datagram : node.client.take_datagrams()) {
            inject();
            gateway.receive(datagram, node.path);
            past.push_back(datagram);
        }
        for (const Sent& sent : gateway.take_sent()) {
            if (cid.empty()) cid = eavesdrop_cid(sent.datagram);
            node.client.receive(sent.datagram, gateway.clock.now().steady);
        }
    }
    ASSERT_TRUE(node.client.established());
    EXPECT_EQ(cid.empty(), !GetParam());
    EXPECT_EQ(gateway.counters().handshakes_completed, 1u);
    ASSERT_EQ(gateway.journal.size(), 1u);
    const Row before = gateway.journal.begin()->second;
    inject();
    const Row& after = gateway.journal.begin()->second;
    EXPECT_EQ(after.right_edge, before.right_edge);
    EXPECT_EQ(after.path, before.path);
    EXPECT_EQ(node.says("still here"), Fate::kReceipt);
    EXPECT_EQ(node.hears(gateway.journal.begin()->first, "yes"), "yes");
}

// Every datagram of a handshake and some data, with bytes changed at random, into a gateway that has a
// session and a handshake: nothing crashes, nothing authentic comes of it.
TEST_P(HostileTest, MutilatedDatagramsHaveNoEffect) {
    Gateway gateway;
    Node node(gateway, options());
    std::vector<Bytes> seen;
    node.client.start(gateway.clock.now().steady);
    while (!node.client.established()) {
        for (const auto& datagram : node.client.take_datagrams()) {
            seen.push_back(datagram);
            gateway.receive(datagram, node.path);
        }
        for (const Sent& sent : gateway.take_sent()) {
            seen.push_back(sent.datagram);
            node.client.receive(sent.datagram, gateway.clock.now().steady);
        }
    }
    seen.push_back(node.sealed("data"));
    Node second(gateway, options(), 40'001);
    second.client.start(gateway.clock.now().steady);

    std::mt19937 random(3);
    for (int i = 0; i < 20'000; ++i) {
        Bytes datagram = seen[random() % seen.size()];
        // The number is always another one: else a lucky mutation of nothing would be the genuine record.
        for (unsigned change = 0; change <= random() % 4; ++change) {
            datagram[random() % datagram.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
        }
        if (random() % 4 == 0) datagram.resize(random() % datagram.size());
        gateway.receive(datagram, random() % 2 == 0 ? node.path : second.path);
        (void)gateway.take_sent();
    }
    EXPECT_TRUE(gateway.arrivals.empty());
    EXPECT_EQ(gateway.endpoint().sessions(), 1u);
    EXPECT_EQ(node.says("still here"), Fate::kReceipt);
}

// Forged source addresses: each hello is answered with less than it was, and leaves nothing behind.
TEST(Strangers, AFloodOfHellosIsAnsweredWithLessAndLeavesNothing) {
    Gateway gateway;
    fakes::DtlsClient client({});
    client.start(gateway.clock.now().steady);
    const Bytes hello = client.take_datagrams().front();
    for (int i = 0; i < 50'000; ++i) {
        const auto path = path_from(static_cast<std::uint16_t>(1024 + i % 60'000));
        EXPECT_EQ(gateway.receive(hello, path), Fate::kHelloVerify);
        const auto sent = gateway.take_sent();
        ASSERT_EQ(sent.size(), 1u);
        EXPECT_LE(sent[0].datagram.size(), hello.size());
    }
    EXPECT_EQ(gateway.endpoint().handshakes(), 0u);
    EXPECT_EQ(gateway.endpoint().sessions(), 0u);
    EXPECT_FALSE(gateway.endpoint().next_deadline().has_value());
}

TEST(Strangers, AFragmentedHelloHasItsOwnFate) {
    Gateway gateway;
    fakes::DtlsClient client({});
    client.start(gateway.clock.now().steady);
    Bytes hello = client.take_datagrams().front();
    hello[15] = 0xff;  // the message's length, far beyond this fragment's
    EXPECT_EQ(gateway.receive(hello, path_from(1)), Fate::kFragmentedHello);
    EXPECT_TRUE(gateway.take_sent().empty());
}

// Shape of all that a peer sees until the gateway gives up: times, sizes, content types, fates.
std::string shape_of_failure(Bytes identity, Bytes psk) {
    Gateway gateway;
    fakes::DtlsClientOptions options;
    options.identity = std::move(identity);
    options.psk = std::move(psk);
    Node node(gateway, options);
    std::string shape;
    node.client.start(gateway.clock.now().steady);
    for (int second = 0; second < 300; ++second) {
        for (const auto& datagram : node.client.take_datagrams()) {
            const auto fate = gateway.receive(datagram, node.path);
            shape += std::to_string(second) + " " + std::string(name_of(fate)) + "\n";
        }
        for (const Sent& sent : gateway.take_sent()) {
            shape += std::to_string(second) + " sent " + std::to_string(sent.datagram.size()) + " of type " +
                     std::to_string(sent.datagram[0]) + "\n";
            node.client.receive(sent.datagram, gateway.clock.now().steady);
        }
        gateway.clock.advance(seconds(1));
        node.client.advance(gateway.clock.now().steady);
        gateway.endpoint().advance(gateway.clock.now());
    }
    EXPECT_FALSE(node.client.established());
    EXPECT_TRUE(gateway.journal.empty());
    EXPECT_EQ(gateway.endpoint().handshakes(), 0u);
    EXPECT_FALSE(gateway.traces.empty());
    for (const auto& trace : gateway.traces)
        EXPECT_EQ(trace.outcome, HandshakeOutcome::kTimedOut);
    EXPECT_EQ(gateway.traces.front().step, HandshakeStep::kFinished);
    EXPECT_GT(gateway.traces.front().unfitting_finished, 0u);
    return shape;
}

TEST(Strangers, AnUnknownIdentityLooksLikeAWrongKey) {
    const std::string wrong_key = shape_of_failure({'n', 'o', 'd', 'e'}, Bytes(16, 1));
    const std::string unknown = shape_of_failure({'n', 'o', 'n', 'e'}, Bytes(16, 1));
    EXPECT_EQ(wrong_key, unknown);
    EXPECT_NE(wrong_key.find("unfitting_finished"), std::string::npos);
}

// The premaster secret of a longer key is hashed once more (RFC 2104 section 2), which takes time.
TEST(Strangers, AnUnknownIdentityIsGivenAKeyAsLongAsAUsualOne) {
    KnownCredentials credentials;
    const Bytes usual(16, 0x5a);
    credentials.add({'n', 'o', 'd', 'e'}, 1, usual);
    const HandshakeConfig config(Options{}, credentials);
    const auto unknown = config.key_of(bytes_of("none"));
    EXPECT_FALSE(unknown.known);
    EXPECT_EQ(unknown.psk.size(), usual.size());
    EXPECT_TRUE(equal_in_constant_time(unknown.psk.view(), config.key_of(bytes_of("none")).psk.view()));
    EXPECT_FALSE(equal_in_constant_time(unknown.psk.view(), config.key_of(bytes_of("nobody")).psk.view()));
}

TEST(Strangers, TheLongestIdentityAndKeyWorkAndLongerOnesDoNot) {
    for (const std::size_t bytes : std::initializer_list<std::size_t>{1, 2, 64, 127, 128}) {
        Gateway gateway;
        fakes::DtlsClientOptions options;
        options.identity = Bytes(bytes, 'i');
        options.psk = Bytes(std::min<std::size_t>(bytes, kMaxPskBytes), 0x77);
        gateway.credentials.add(options.identity, 5, options.psk);
        Node node(gateway, options);
        EXPECT_TRUE(node.shake_hands()) << bytes;
    }
    Gateway gateway;
    fakes::DtlsClientOptions options;
    options.identity = Bytes(kMaxIdentityBytes + 1, 'i');
    gateway.credentials.add(options.identity, 5, options.psk);
    Node node(gateway, options);
    EXPECT_FALSE(node.shake_hands());
}

// P6, with everything that makes a flight longer. The audit of the tests' gateway looks at each datagram.
TEST(Strangers, EveryDatagramFitsTheMtuWhateverTheSizesOfCidsAndIdentities) {
    for (const std::size_t mtu : {kMinMtuBytes, std::size_t{300}, std::size_t{512}}) {
        for (std::size_t own = kMinCidBytes; own <= kMaxCidBytes; ++own) {
            for (const std::size_t peer : std::initializer_list<std::size_t>{0, 1, 8, 32}) {
                Options options;
                options.mtu = mtu;
                options.cid_bytes = own;
                options.node = 0xa;
                options.shard = 0x5;
                options.shards = 16;
                Gateway gateway(options);
                fakes::DtlsClientOptions client;
                client.own_cid = Bytes(peer, 0xcc);
                client.max_fragment = 512;
                client.identity = Bytes(128, 'i');
                gateway.credentials.add(client.identity, 9, client.psk);
                Node node(gateway, client);
                ASSERT_TRUE(node.shake_hands()) << mtu << " " << own << " " << peer;
                const auto& [session, row] = *gateway.journal.begin();
                ASSERT_EQ(row.cid.size(), own);
                EXPECT_EQ(row.cid[0], 0xa5) << "node and shard, for steering";
                ASSERT_EQ(node.says("reading"), Fate::kReceipt);
                const std::string most(gateway.endpoint().max_application_bytes(session), 'x');
                EXPECT_EQ(node.hears(session, most), most);
            }
        }
    }
}

TEST(Strangers, AFullPoolShedsNewHandshakesAndNothingElse) {
    Options options;
    options.max_handshakes = 3;
    Gateway gateway(options);
    Node established(gateway);
    ASSERT_TRUE(established.shake_hands());
    std::vector<std::unique_ptr<fakes::DtlsClient>> stalled;
    Fate last{};
    for (std::uint16_t i = 0; i < 4; ++i) {
        auto& client = *stalled.emplace_back(std::make_unique<fakes::DtlsClient>(fakes::DtlsClientOptions{}));
        const auto path = path_from(static_cast<std::uint16_t>(100 + i));
        client.start(gateway.clock.now().steady);
        gateway.receive(client.take_datagrams().front(), path);
        client.receive(gateway.take_sent().front().datagram, gateway.clock.now().steady);
        last = gateway.receive(client.take_datagrams().front(), path);
        EXPECT_EQ(last, i < 3 ? Fate::kHandshakeStarted : Fate::kHandshakeShed);
        (void)gateway.take_sent();
    }
    EXPECT_EQ(gateway.endpoint().handshakes(), 3u);
    EXPECT_EQ(gateway.endpoint().handshake_load(), (PoolLoad{.used = 3, .capacity = 3}));
    EXPECT_EQ(established.says("not my problem"), Fate::kReceipt);

    // The stalled ones are given up after their retransmissions (9, 18, 36 and 60 s), and there is room
    // again.
    for (int second = 0; second < 200; ++second) {
        gateway.clock.advance(seconds(1));
        gateway.endpoint().advance(gateway.clock.now());
    }
    EXPECT_EQ(gateway.endpoint().handshakes(), 0u);
    (void)gateway.take_sent();
    EXPECT_TRUE(Node(gateway, {}, 9).shake_hands());
}

// A ClientHello of another attempt on the path of a handshake that moves: dropped, so that a late duplicate
// ends nothing; once that handshake is silent, a rebooted node gets through.
TEST(Strangers, AnotherHelloOnTheSamePathReplacesASilentHandshakeOnly) {
    Gateway gateway;
    Node node(gateway);
    const auto up_to_server_hello = [&] {
        (void)gateway.take_sent();
        node.client.start(gateway.clock.now().steady);
        gateway.receive(node.client.take_datagrams().front(), node.path);
        node.client.receive(gateway.take_sent().front().datagram, gateway.clock.now().steady);
        return gateway.receive(node.client.take_datagrams().front(), node.path);
    };
    EXPECT_EQ(up_to_server_hello(), Fate::kHandshakeStarted);
    EXPECT_EQ(up_to_server_hello(), Fate::kHandshakeBusy);
    gateway.clock.advance(seconds(3));
    EXPECT_EQ(up_to_server_hello(), Fate::kHandshakeStarted);
    EXPECT_EQ(gateway.endpoint().handshakes(), 1u);
    ASSERT_EQ(gateway.traces.size(), 1u);
    EXPECT_EQ(gateway.traces[0].outcome, HandshakeOutcome::kDisplaced);
}

TEST(Strangers, ARevokedCredentialsHandshakeEndsBeforeItsCommit) {
    Gateway gateway;
    gateway.commits_at_once = false;
    fakes::DtlsClientOptions options;
    options.pack_datagrams = false;
    Node node(gateway, options);
    node.client.start(gateway.clock.now().steady);
    std::vector<Bytes> flight;
    while (flight.size() < 3) {
        for (const auto& datagram : flight)
            gateway.receive(datagram, node.path);
        for (const Sent& sent : gateway.take_sent()) {
            node.client.receive(sent.datagram, gateway.clock.now().steady);
        }
        flight = node.client.take_datagrams();
    }
    gateway.receive(flight[0], node.path);  // ClientKeyExchange: the credential is known
    gateway.endpoint().end_sessions_of(1, gateway.clock.now());
    EXPECT_EQ(gateway.endpoint().handshakes(), 0u);
    ASSERT_EQ(gateway.traces.size(), 1u);
    EXPECT_EQ(gateway.traces[0].outcome, HandshakeOutcome::kRevoked);
    gateway.receive(flight[1], node.path);
    EXPECT_EQ(gateway.receive(flight[2], node.path), Fate::kUnknownCid);
}

TEST(Strangers, NoCommonSuiteIsRefusedWithAnAlert) {
    Gateway gateway;
    fakes::DtlsClientOptions options;
    options.suites = {0x00ae};  // PSK_WITH_AES_128_CBC_SHA256
    Node node(gateway, options);
    EXPECT_FALSE(node.shake_hands());
    EXPECT_EQ(node.client.state(), fakes::DtlsClient::State::kFailed);
    ASSERT_EQ(gateway.traces.size(), 1u);
    EXPECT_EQ(gateway.traces[0].outcome, HandshakeOutcome::kRefused);
}

TEST(Strangers, UnknownCidsAndAddressesAreOnlyCounted) {
    Gateway gateway;
    EXPECT_EQ(gateway.receive(record(kCid, 1, 1, Bytes(40, 1), Bytes(6, 9)), path_from(1)),
              Fate::kUnknownCid);
    EXPECT_EQ(gateway.receive(record(kApplicationData, 1, 1, Bytes(40, 1)), path_from(1)),
              Fate::kUnknownAddress);
    EXPECT_EQ(gateway.receive(record(kApplicationData, 0, 1, Bytes(40, 1)), path_from(1)),
              Fate::kStrayPlaintext);
    EXPECT_EQ(gateway.receive(Bytes{}, path_from(1)), Fate::kMalformed);
    EXPECT_EQ(gateway.receive(Bytes(65'507, 0x16), path_from(1)), Fate::kMalformed);
    EXPECT_EQ(gateway.counters().of(Fate::kMalformed), 2u);
    EXPECT_TRUE(gateway.take_sent().empty());
    for (std::size_t i = 0; i < kFates; ++i) {
        EXPECT_NE(name_of(static_cast<Fate>(i)), "unknown");
    }
}

}  // namespace
}  // namespace narrowgate::dtls
