// SPDX-License-Identifier: Apache-2.0
//
// Promise P7: an upstream whose name hangs in the DNS delays nothing of another. In network and mount
// namespaces of its own, the only name server is a port of loopback that never answers.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "events.hpp"

namespace narrowgate::mqtt {
namespace {

void write_file(const char* path, const std::string& text) {
    std::ofstream(path) << text;
}

// What is missing on this machine for such namespaces; empty when this process is in them.
std::string enter_namespaces(const std::filesystem::path& resolv_conf) {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    const int user_namespace = user == 0 ? 0 : CLONE_NEWUSER;
    if (::unshare(user_namespace | CLONE_NEWNS | CLONE_NEWNET) != 0)
        return std::string("unshare: ") + std::strerror(errno);
    if (user_namespace != 0) {
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
        write_file("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(resolv_conf.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) != 0) {
        return std::string("mount: ") + std::strerror(errno);
    }
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    const int up = ::ioctl(fd, SIOCSIFFLAGS, &request);
    ::close(fd);
    return up == 0 ? "" : std::string("lo: ") + std::strerror(errno);
}

class SilentResolverTest : public testing::Test {
protected:
    void SetUp() override {
        std::ofstream(directory_.path() / "resolv.conf")
            << "nameserver 127.0.0.1\noptions timeout:8 attempts:2\n";
        // Before any thread is started: namespaces belong to threads.
        if (const std::string missing = enter_namespaces(directory_.path() / "resolv.conf");
            !missing.empty()) {
            GTEST_SKIP() << "needs root or user namespaces: " << missing;
        }
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
