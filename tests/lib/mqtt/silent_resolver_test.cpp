// SPDX-License-Identifier: Apache-2.0
//
// Promise P7: an upstream whose name hangs in the DNS delays nothing of another. In network and mount
// namespaces of its own, the only name server is a port of loopback that never answers.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "events.hpp"
#include "fakes/private_network.hpp"

namespace narrowgate::mqtt {
namespace {

class SilentResolverTest : public testing::Test {
protected:
    void SetUp() override {
        // Before any thread is started: namespaces belong to threads.
        const std::string missing = fakes::enter_private_network(
            directory_.path(), {{"resolv.conf", "nameserver 127.0.0.1\noptions timeout:8 attempts:2\n"}});
        if (!missing.empty()) GTEST_SKIP() << "needs root or user namespaces: " << missing;
        // Bound and never read: without it the kernel would refuse queries at once.
        resolver_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(53);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ASSERT_EQ(::bind(resolver_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    void TearDown() override { ::close(resolver_); }

    fakes::TemporaryDirectory directory_;
    int resolver_ = -1;
};

TEST_F(SilentResolverTest, ANameThatHangsInDnsDelaysNoPublishOfAnotherUpstream) {
    fakes::Pki pki;
    const fakes::KeyPair client = pki.client("gw-1");
    fakes::Mosquitto broker({.certificate = pki.server("broker", "DNS:localhost"),
                             .root = pki.root(),
                             .access_rules = {},
                             .further_lines = {},
                             .tls_1_2_only = false});
    Events healthy_events;
    auto healthy = Connection::open(options_for(broker, pki, client), healthy_events.post());
    ASSERT_TRUE(healthy);
    (*healthy)->connect();
    ASSERT_EQ(healthy_events.next_words(), "connected");
    const auto publish_once = [&] {
        const SteadyTime before = SystemClock{}.now().steady;
        EXPECT_TRUE((*healthy)->publish(1, {.topic = "dt/x", .payload = "1", .content_type = ""}));
        const auto event = healthy_events.next();
        EXPECT_TRUE(event && event->kind == Event::Kind::kPublished);
        return std::chrono::duration_cast<std::chrono::microseconds>(SystemClock{}.now().steady - before);
    };
    std::vector<std::chrono::microseconds> alone;
    for (int i = 0; i < 200; ++i)
        alone.push_back(publish_once());

    ConnectionOptions lost = options_for(broker, pki, client);
    lost.name = "pelion";
    lost.url = "mqtts://broker.lost.example:8883";
    Events lost_events;
    auto hanging = Connection::open(lost, lost_events.post(), {.resolve_timeout = milliseconds(2000)});
    ASSERT_TRUE(hanging);
    (*hanging)->connect();
    std::vector<std::chrono::microseconds> beside;
    std::optional<Event> end;
    while (!end) {
        beside.push_back(publish_once());
        end = lost_events.next(milliseconds(0));
    }
    EXPECT_THAT(end->error.text(), testing::HasSubstr("broker.lost.example was not resolved within 2 s"));

    std::ranges::sort(alone);
    std::ranges::sort(beside);
    const auto median = [](const auto& sorted) { return sorted[sorted.size() / 2].count(); };
    std::printf(
        "publish to PUBACK, us: alone median %ld worst %ld; beside a hanging name median %ld worst %ld of "
        "%zu\n",
        median(alone), alone.back().count(), median(beside), beside.back().count(), beside.size());
    // With the library's own look-ups, a publish waited for the resolver: seconds.
    EXPECT_LT(beside.back(), std::chrono::milliseconds(500) + alone.back());
    EXPECT_LT(median(beside), 3 * median(alone) + 2000);

    // The look-up still hangs: neither the next attempt nor the end waits for it.
    (*hanging)->connect();
    const SteadyTime before = SystemClock{}.now().steady;
    hanging->reset();
    EXPECT_LT(SystemClock{}.now().steady - before, std::chrono::seconds(1));
}

}  // namespace
}  // namespace narrowgate::mqtt
