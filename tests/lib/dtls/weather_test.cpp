// SPDX-License-Identifier: Apache-2.0
//
// Handshakes through loss, duplication, reordering, late commits and crashes. The gateway of the tests audits
// that no number is sealed twice and nothing protected leaves early.
#include "weather.hpp"

#include <gtest/gtest.h>

#include <random>

namespace narrowgate::dtls {
namespace {

using Delays = std::vector<milliseconds>;

struct Style {
    const char* name;
    bool cid;
    bool packed;
};

class ThroughBadWeather : public ::testing::TestWithParam<Style> {
protected:
    static fakes::DtlsClientOptions options() {
        fakes::DtlsClientOptions options;
        options.offer_cid = GetParam().cid;
        options.pack_datagrams = GetParam().packed;
        return options;
    }

    // One session, one reading at least, and the node has shaken hands once.
    void expect_completes(const Weather::Plan& plan, const std::string& what, seconds limit = seconds(1500)) {
        SCOPED_TRACE(what);
        Gateway gateway;
        Node node(gateway, options());
        Weather weather(gateway, node, plan);
        ASSERT_TRUE(weather.run_until([&] { return !gateway.arrivals.empty(); }, limit));
        EXPECT_EQ(weather.handshakes_begun(), 1);
        EXPECT_EQ(gateway.counters().handshakes_completed, 1u);
        ASSERT_EQ(gateway.journal.size(), 1u);
        EXPECT_TRUE(gateway.journal.begin()->second.confirmed);
    }
};

// More than the 7 to 9 datagrams of a handshake without loss, plus the first of the reading.
constexpr std::size_t kDatagrams = 12;

TEST_P(ThroughBadWeather, AnyOneDatagramMayBeLostDoubledOrLate) {
    for (std::size_t victim = 0; victim < kDatagrams; ++victim) {
        const std::vector<std::pair<const char*, Delays>> evils = {
            {"lost", {}},
            {"doubled", {Weather::kDelay, Weather::kDelay}},
            {"doubled, the copy late", {Weather::kDelay, milliseconds(8000)}},
            {"after its successors", {milliseconds(900)}},
            {"late enough to be repeated before", {milliseconds(12'000)}},
        };
        for (const auto& [name, delays] : evils) {
            expect_completes(
                [&](std::size_t index) { return index == victim ? delays : Delays{Weather::kDelay}; },
                "datagram " + std::to_string(victim) + " is " + name);
        }
    }
}

TEST_P(ThroughBadWeather, AnyTwoDatagramsMayBeLost) {
    for (std::size_t first = 0; first < kDatagrams; ++first) {
        for (std::size_t second = first + 1; second < kDatagrams; ++second) {
            expect_completes(
                [&](std::size_t index) {
                    return index == first || index == second ? Delays{} : Delays{Weather::kDelay};
                },
                "datagrams " + std::to_string(first) + " and " + std::to_string(second) + " are lost");
        }
    }
}

// ClientKeyExchange, ChangeCipherSpec and Finished in datagrams of their own, in all six orders; the rest in
// order.
class InSingleDatagrams : public ThroughBadWeather {};

TEST_P(InSingleDatagrams, TheClientsLastFlightMayArriveInAnyOrder) {
    std::array<int, 3> order = {0, 1, 2};
    do {
        std::size_t flight_begins = 0;  // hello, verify request, hello, one or two of the server's flight
        {
            Gateway gateway;
            Node node(gateway, options());
            node.client.start(gateway.clock.now().steady);
            for (int turn = 0; turn < 2; ++turn) {
                for (const auto& datagram : node.client.take_datagrams()) {
                    ++flight_begins;
                    gateway.receive(datagram, node.path);
                }
                for (const Sent& sent : gateway.take_sent()) {
                    ++flight_begins;
                    node.client.receive(sent.datagram, gateway.clock.now().steady);
                }
            }
            ASSERT_EQ(node.client.take_datagrams().size(), 3u);
        }
        expect_completes(
            [&](std::size_t index) {
                if (index < flight_begins || index >= flight_begins + 3) return Delays{Weather::kDelay};
                return Delays{Weather::kDelay + milliseconds(100 * order[index - flight_begins])};
            },
            "order " + std::to_string(order[0]) + std::to_string(order[1]) + std::to_string(order[2]),
            seconds(8));  // before anybody's first retransmission
    } while (std::next_permutation(order.begin(), order.end()));
}

// The defect this guards against: a node believes in a session that a crash between its handshake and its
// commit took away. Commits are slow here, the gateway is killed again and again, a quarter of all datagrams
// is lost.
TEST_P(ThroughBadWeather, OnceTheNodeBelievesInASessionNoCrashTakesItAway) {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        Gateway gateway;
        gateway.commits_at_once = false;
        Node node(gateway, options());
        Weather weather(gateway, node, [&](std::size_t) {
            Delays delays;
            if (random() % 100 >= 25) delays.push_back(milliseconds(50 + random() % 3000));
            if (random() % 100 < 15) delays.push_back(milliseconds(50 + random() % 20'000));
            return delays;
        });
        weather.commit_delay = [&] { return milliseconds(random() % 3000); };
        int begun_when_established = 0;
        std::size_t arrivals_then = 0;
        for (int crash = 0; crash < 20; ++crash) {
            weather.at(milliseconds(random() % 300'000), [&] { gateway.crash(); });
        }
        ASSERT_TRUE(weather.run_until(
            [&] {
                if (node.client.established() && begun_when_established == 0) {
                    begun_when_established = weather.handshakes_begun();
                    arrivals_then = gateway.arrivals.size();
                }
                return begun_when_established != 0 && gateway.arrivals.size() >= arrivals_then + 3;
            },
            seconds(4000)));
        EXPECT_EQ(weather.handshakes_begun(), begun_when_established);
        std::size_t confirmed = 0;
        for (const auto& [id, row] : gateway.journal)
            confirmed += row.confirmed ? 1 : 0;
        EXPECT_EQ(confirmed, 1u);
        EXPECT_LE(gateway.journal.size(), 2u) << "one confirmed and one unconfirmed session a credential";
    }
}

constexpr auto kNameOfStyle = [](const auto& style) { return style.param.name; };
constexpr Style kPacked[] = {{"WithCid", true, true}, {"WithoutCid", false, true}};
constexpr Style kSingle[] = {{"WithCidInSingleDatagrams", true, false},
                             {"WithoutCidInSingleDatagrams", false, false}};

INSTANTIATE_TEST_SUITE_P(Packed, ThroughBadWeather, ::testing::ValuesIn(kPacked), kNameOfStyle);
INSTANTIATE_TEST_SUITE_P(Single, ThroughBadWeather, ::testing::ValuesIn(kSingle), kNameOfStyle);
INSTANTIATE_TEST_SUITE_P(Single, InSingleDatagrams, ::testing::ValuesIn(kSingle), kNameOfStyle);

}  // namespace
}  // namespace narrowgate::dtls
