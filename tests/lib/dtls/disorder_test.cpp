// SPDX-License-Identifier: Apache-2.0
//
// Nodes that share keys and addresses, start again, close and move, while commits are late, fail or are lost
// in a crash, all drawn from a seed. Whatever happens: a session that memory knows is one that the journal
// has, so that no crash takes it away (P2), and no number is sealed twice (P3, by the gateway's audit).
#include <gtest/gtest.h>

#include <random>

#include "gateway.hpp"

namespace narrowgate::dtls {
namespace {

class DisorderTest : public ::testing::TestWithParam<unsigned> {
protected:
    static constexpr unsigned kKeys = 3;
    static constexpr CredentialId kFirstCredential = 10;

    DisorderTest() {
        gateway_.commits_at_once = false;
        for (std::uint8_t key = 0; key < kKeys; ++key)
            gateway_.credentials.add({'k', key}, kFirstCredential + key, Bytes(16, key));
        for (unsigned i = 0; i < 8; ++i) {
            const auto key = static_cast<std::uint8_t>(below(kKeys));
            fakes::DtlsClientOptions options;
            options.identity = {'k', key};
            options.psk = Bytes(16, key);
            options.offer_cid = i < 4;
            options.timeout_min = seconds(1);
            options.timeout_max = seconds(4);
            // Those without CID crowd on two addresses.
            const unsigned port = 40'000 + (options.offer_cid ? i : 100 + below(2));
            nodes_.push_back(std::make_unique<Node>(gateway_, options, static_cast<std::uint16_t>(port)));
        }
    }

    // A small lease, so that it has to be renewed within every commit.
    Options options() {
        Options options;
        options.lease_block = 2 + below(8);
        options.displace_after = milliseconds(0);
        options.repeat_answer_interval = milliseconds(0);
        return options;
    }

    unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }
    SteadyTime now() const { return gateway_.clock.now().steady; }

    void disturb(Node& node) {
        const bool established = node.client.established();
        switch (below(12)) {
            case 0:
            case 1:
                return node.client.start(now());
            case 2:
            case 3:
            case 4:
                if (established) gateway_.receive(node.sealed("x"), below(8) == 0 ? elsewhere_ : node.path);
                return;
            case 5:
                if (established && below(10) == 0) gateway_.receive(node.client.close(now()), node.path);
                return;
            case 6:
            case 7:
                if (gateway_.has_commits_waiting()) gateway_.commit_next();
                return;
            case 8:
                return below(3) == 0 && gateway_.has_commits_waiting() ? gateway_.fail_next()
                                                                       : gateway_.commit_all();
            case 9:
                return reply_to_somebody();
            case 10:
                return pass_time(milliseconds(below(2) == 0 ? 20 : 900));
            default:
                if (!captured_.empty()) {
                    gateway_.receive(captured_[below(static_cast<unsigned>(captured_.size()))], node.path);
                }
                if (below(6) == 0) gateway_.crash();
                if (below(20) == 0) {
                    gateway_.endpoint().end_sessions_of(kFirstCredential + below(kKeys),
                                                        gateway_.clock.now());
                }
        }
    }

    // As many replies as come to mind, whether or not a lease covers them.
    void reply_to_somebody() {
        if (gateway_.journal.empty()) return;
        const auto session =
            std::next(gateway_.journal.begin(), below(static_cast<unsigned>(gateway_.journal.size())));
        for (unsigned count = below(12); count-- > 0;)
            (void)gateway_.reply(session->first, "reply");
    }

    void pass_time(milliseconds time) {
        gateway_.clock.advance(time);
        for (const auto& node : nodes_) {
            if (const auto due = node->client.deadline(); due && *due <= now()) node->client.advance(now());
        }
        if (const auto due = gateway_.endpoint().next_deadline(); due && *due <= now()) {
            gateway_.endpoint().advance(gateway_.clock.now());
        }
    }

    // A fifth of all datagrams is lost.
    void carry() {
        for (const auto& node : nodes_) {
            for (const Bytes& datagram : node->client.take_datagrams()) {
                if (below(5) != 0) gateway_.receive(datagram, node->path);
                if (below(4) == 0) captured_.push_back(datagram);
            }
        }
        for (const Sent& sent : gateway_.take_sent()) {
            for (const auto& node : nodes_) {
                if (node->path == sent.path && below(5) != 0) node->client.receive(sent.datagram, now());
            }
        }
    }

    std::mt19937 random_{GetParam()};
    Gateway gateway_{options()};
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<Bytes> captured_;
    const Path elsewhere_ = path_from(50'000);
};

// The journal may have more: ends that could not be written wait for the next start.
TEST_P(DisorderTest, EverySessionInMemoryIsInTheJournal) {
    for (int step = 0; step < 1500; ++step) {
        disturb(*nodes_[below(static_cast<unsigned>(nodes_.size()))]);
        carry();
        if (gateway_.has_commits_waiting()) continue;
        const auto in_both = std::ranges::count_if(gateway_.journal, [this](const auto& entry) {
            return gateway_.endpoint().path_of(entry.first).has_value();
        });
        ASSERT_EQ(gateway_.endpoint().sessions(), static_cast<std::size_t>(in_both)) << "step " << step;
    }
    const auto established =
        std::ranges::count(gateway_.traces, HandshakeOutcome::kEstablished, &HandshakeTrace::outcome);
    EXPECT_GT(established, 10);
    EXPECT_GT(gateway_.arrivals.size(), 10u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DisorderTest, ::testing::Range(1u, 21u));

}  // namespace
}  // namespace narrowgate::dtls
