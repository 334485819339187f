// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/udp_socket.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace narrowgate::io {
namespace {

UdpSocket open_at(const char* address) {
    auto socket = UdpSocket::open({.listen = *Address::from_text(address)});
    EXPECT_TRUE(socket.has_value()) << (socket ? "" : socket.error().text());
    return std::move(*socket);
}

struct Received {
    std::string text;
    Path path;
};

std::vector<Received> receive(UdpSocket& socket) {
    pollfd poller{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    std::vector<Received> all;
    if (poll(&poller, 1, 5000) != 1) return all;
    socket.receive(
        [&](ByteView datagram, const Path& path) { all.push_back({std::string(text_of(datagram)), path}); });
    return all;
}

// A node behind a NAT only hears answers that come from the address it asked: all of 127/8 is ours, and the
// socket is bound to none of it in particular.
TEST(UdpSocketTest, RepliesLeaveFromTheAddressThatWasAsked) {
    UdpSocket gateway = open_at("0.0.0.0:0");
    UdpSocket node = open_at("127.0.0.1:0");
    Address asked = *Address::from_text("127.0.0.7:1");
    asked.port = gateway.local().port;

    node.send({node.local(), asked}, bytes_of("question"));
    node.flush();
    const auto questions = receive(gateway);
    ASSERT_EQ(questions.size(), 1u);
    EXPECT_EQ(questions[0].text, "question");
    EXPECT_EQ(questions[0].path.local, asked);
    EXPECT_EQ(questions[0].path.remote, node.local());

    gateway.send(questions[0].path, bytes_of("answer"));
    gateway.flush();
    const auto answers = receive(node);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].text, "answer");
    EXPECT_EQ(answers[0].path.remote, asked);
}

// "[::]:port" serves IPv4 too; its addresses are seen in their mapped form and answered from there.
TEST(UdpSocketTest, ADualStackSocketAnswersIPv4FromTheAddressThatWasAsked) {
    UdpSocket gateway = open_at("[::]:0");
    UdpSocket node = open_at("127.0.0.1:0");
    Address asked = *Address::from_text("127.0.0.9:1");
    asked.port = gateway.local().port;

    node.send({node.local(), asked}, bytes_of("question"));
    node.flush();
    const auto questions = receive(gateway);
    ASSERT_EQ(questions.size(), 1u);
    EXPECT_EQ(questions[0].path.local, asked);
    gateway.send(questions[0].path, bytes_of("answer"));
    gateway.flush();
    const auto answers = receive(node);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].path.remote, asked);
}

TEST(UdpSocketTest, MovesMoreThanABatchAtOnce) {
    UdpSocket gateway = open_at("127.0.0.1:0");
    UdpSocket node = open_at("127.0.0.1:0");
    constexpr std::size_t kCount = UdpSocket::kBatch * 2 + 3;
    for (std::size_t i = 0; i < kCount; ++i) {
        node.send({node.local(), gateway.local()}, bytes_of(std::to_string(i)));
    }
    node.flush();
    std::vector<Received> all;
    while (all.size() < kCount) {
        const auto batch = receive(gateway);
        ASSERT_FALSE(batch.empty());
        all.insert(all.end(), batch.begin(), batch.end());
    }
    for (std::size_t i = 0; i < kCount; ++i)
        EXPECT_EQ(all[i].text, std::to_string(i));
}

TEST(UdpSocketTest, CountsAndDropsWhatIsLargerThanItsBuffers) {
    UdpSocket gateway = open_at("127.0.0.1:0");
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(fd, 0);
    sockaddr_storage name{};
    const socklen_t bytes = gateway.local().to_sockaddr(name, true);
    const std::vector<char> large(UdpSocket::kMaxDatagramBytes + 1, 'x');
    ASSERT_GT(sendto(fd, large.data(), large.size(), 0, reinterpret_cast<sockaddr*>(&name), bytes), 0);
    EXPECT_TRUE(receive(gateway).empty());
    EXPECT_EQ(gateway.counters().oversized, 1u);
    close(fd);
}

TEST(UdpSocketTest, APortInUseIsExplained) {
    UdpSocket first = open_at("127.0.0.1:0");
    const auto second = UdpSocket::open({.listen = first.local()});
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().what.find(first.local().text()), std::string::npos);
    EXPECT_NE(second.error().cure.find("listen"), std::string::npos);
}

}  // namespace
}  // namespace narrowgate::io
