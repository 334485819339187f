// SPDX-License-Identifier: Apache-2.0
//
// The dialer alone, with sockets of loopback at both ends.
#include "narrowgate/mqtt/dialer.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <future>
#include <string>

#include "fakes/child_process.hpp"
#include "narrowgate/base/bytes.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::HasSubstr;

// A blocking socket of loopback that gives up after 5 s.
class Socket {
public:
    explicit Socket(int fd) : fd_(fd) {
        const timeval limit{.tv_sec = 5, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    ~Socket() { ::close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    int fd() const { return fd_; }
    void send(std::string_view text) const {
        ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    // Until the other end closes, `count` bytes are there, or 5 s are over.
    std::string receive(std::size_t count) const {
        std::string text(count, '\0');
        std::size_t have = 0;
        while (have < count) {
            const ssize_t now = ::recv(fd_, text.data() + have, count - have, 0);
            if (now <= 0) break;
            have += static_cast<std::size_t>(now);
        }
        text.resize(have);
        return text;
    }
    bool is_closed_by_peer() const {
        char byte = 0;
        return ::recv(fd_, &byte, 1, 0) == 0;
    }

private:
    int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

class DialerTest : public testing::Test {
protected:
    DialerTest() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_.fd(), 4), 0);
        EXPECT_EQ(::getsockname(listener_.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        broker_port_ = ntohs(address.sin_port);
        dialer_ = *Dialer::open("aws", {});
    }

    Expected<Tunnel> dial(const Endpoint& endpoint, milliseconds limit = seconds(60)) {
        auto result = std::make_shared<std::promise<Expected<Tunnel>>>();
        auto future = result->get_future();
        dialer_->dial(endpoint, limit,
                      [result](Expected<Tunnel> tunnel) { result->set_value(std::move(tunnel)); });
        if (future.wait_for(std::chrono::seconds(15)) != std::future_status::ready)
            return failure("no result");
        return future.get();
    }
    std::unique_ptr<Socket> accept() {
        return std::make_unique<Socket>(::accept(listener_.fd(), nullptr, nullptr));
    }
    static std::unique_ptr<Socket> connect(std::uint16_t port) {
        auto socket = std::make_unique<Socket>(::socket(AF_INET, SOCK_STREAM, 0));
        const sockaddr_in address = loopback(port);
        EXPECT_EQ(::connect(socket->fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return socket;
    }
    static std::string request(const Tunnel& tunnel) {
        const std::string credentials = tunnel.user + ":" + tunnel.password;
        return "CONNECT broker:8883 HTTP/1.1\r\nHost: broker\r\nProxy-authorization: Basic " +
               to_base64(bytes_of(credentials)) + "\r\n\r\n";
    }
    static constexpr std::string_view kAnswer = "HTTP/1.1 200 Connection established\r\n\r\n";

    Socket listener_;
    std::uint16_t broker_port_ = 0;
    std::unique_ptr<Dialer> dialer_;
};

TEST_F(DialerTest, BytesPassBothWaysAndSoDoHalfCloses) {
    const auto tunnel = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(tunnel) << tunnel.error().text();
    const auto broker = accept();
    const auto library = connect(tunnel->port);
    library->send(request(*tunnel) + "early");
    EXPECT_EQ(library->receive(kAnswer.size()), kAnswer);
    EXPECT_EQ(broker->receive(5), "early");
    broker->send("answer");
    EXPECT_EQ(library->receive(6), "answer");
    ::shutdown(library->fd(), SHUT_WR);
    EXPECT_TRUE(broker->is_closed_by_peer());
    broker->send("last words");
    EXPECT_EQ(library->receive(10), "last words");
}

// The request comes a byte at a time, and then TLS records do, header by header.
TEST_F(DialerTest, FragmentsOfAnySizeMakeTheSameStreamAndTrace) {
    const auto tunnel = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(tunnel) << tunnel.error().text();
    const auto broker = accept();
    const auto library = connect(tunnel->port);
    for (const char c : request(*tunnel))
        library->send(std::string_view(&c, 1));
    const std::string hello("\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9);
    for (const char c : hello)
        library->send(std::string_view(&c, 1));
    EXPECT_EQ(broker->receive(hello.size()), hello);
    const std::string alert("\x15\x03\x03\x00\x02\x02\x30", 7);
    for (const char c : alert)
        broker->send(std::string_view(&c, 1));
    EXPECT_EQ(library->receive(kAnswer.size() + alert.size()), std::string(kAnswer) + alert);
    std::string words;
    for (const TraceStep& step : dialer_->trace().steps)
        words += to_words(step) + "\n";
    EXPECT_THAT(words, HasSubstr("-> ClientHello, 9 bytes"));
    EXPECT_THAT(words, HasSubstr("<- TLS alert: unknown CA"));
}

// More than both socket buffers hold: the sender must be held back, not the dialer's memory filled.
TEST_F(DialerTest, AReaderThatIsSlowHoldsTheSenderBackAndGetsEverything) {
    const auto tunnel = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(tunnel) << tunnel.error().text();
    const auto broker = accept();
    const auto library = connect(tunnel->port);
    library->send(request(*tunnel));
    constexpr std::size_t kBytes = 16U << 20U;
    const std::string much(kBytes, 'x');
    auto sender = std::async(std::launch::async, [&] {
        library->send(much);
        ::shutdown(library->fd(), SHUT_WR);
    });
    EXPECT_EQ(broker->receive(kBytes), much);
    EXPECT_TRUE(broker->is_closed_by_peer());
    sender.get();
    EXPECT_EQ(dialer_->trace().bytes_to_server, kBytes);
}

TEST_F(DialerTest, AnotherProcessWithoutThePasswordGetsNothingThrough) {
    const auto tunnel = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(tunnel) << tunnel.error().text();
    const auto broker = accept();
    Tunnel guess = *tunnel;
    guess.password.back() = guess.password.back() == '0' ? '1' : '0';
    for (const std::string& attempt :
         {request(guess) + "stolen", std::string("GET / HTTP/1.1\r\n\r\n"),
          std::string("CONNECT broker:8883 HTTP/1.1\r\n\r\nstolen"), std::string(100'000, 'A')}) {
        const auto stranger = connect(tunnel->port);
        (void)::send(stranger->fd(), attempt.data(), attempt.size(), MSG_NOSIGNAL);
        const std::string got = stranger->receive(1000);
        EXPECT_TRUE(got == kAnswer || got.empty());
    }
    // The rightful owner is not in the least disturbed.
    const auto library = connect(tunnel->port);
    library->send(request(*tunnel) + "mine");
    EXPECT_EQ(broker->receive(4), "mine");
}

TEST_F(DialerTest, APasswordIsGoodForOneConnection) {
    const auto tunnel = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(tunnel) << tunnel.error().text();
    const auto broker = accept();
    const auto library = connect(tunnel->port);
    library->send(request(*tunnel) + "mine");
    ASSERT_EQ(broker->receive(4), "mine");
    const auto second = connect(tunnel->port);
    (void)::send(second->fd(), request(*tunnel).data(), request(*tunnel).size(), MSG_NOSIGNAL);
    EXPECT_EQ(second->receive(1), "");
}

// The dialer's own socket is the one of this process whose peer is the broker.
TEST_F(DialerTest, TheBrokersConnectionIsTunedForALinkThatMayDieWithoutAWord) {
    const auto tunnel = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(tunnel) << tunnel.error().text();
    std::vector<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename().string());
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == broker_port_)
            found.push_back(fd);
    }
    ASSERT_EQ(found.size(), 1U);
    const auto option = [&](int level, int name) {
        int value = -1;
        socklen_t size = sizeof value;
        EXPECT_EQ(::getsockopt(found.front(), level, name, &value, &size), 0);
        return value;
    };
    EXPECT_EQ(milliseconds(option(IPPROTO_TCP, TCP_USER_TIMEOUT)), DialerOptions{}.user_timeout);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 10);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 6);
}

TEST_F(DialerTest, ANewDialClosesTheTunnelBefore) {
    const auto first = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(first);
    const auto first_broker = accept();
    const auto second = dial({"127.0.0.1", broker_port_});
    ASSERT_TRUE(second);
    EXPECT_NE(first->password, second->password);
    EXPECT_TRUE(first_broker->is_closed_by_peer());
}

// "localhost" is ::1 and 127.0.0.1 on most machines and the broker listens on one of them only.
TEST_F(DialerTest, AnAddressThatRefusesIsFollowedByTheNext) {
    const auto tunnel = dial({"localhost", broker_port_});
    EXPECT_TRUE(tunnel) << tunnel.error().text();
}

// A firewall that drops every SYN: a backlog that is full does the same. The dialer's own limit is 30 s.
TEST_F(DialerTest, TheLimitOfADialEndsTheWaitForTcp) {
    const Socket full(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(full.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(full.fd(), 0), 0);
    ASSERT_EQ(::getsockname(full.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    const auto filler = connect(ntohs(address.sin_port));
    const auto filtered = dial({"127.0.0.1", ntohs(address.sin_port)}, milliseconds(1'200));
    ASSERT_FALSE(filtered);
    EXPECT_THAT(filtered.error().what, HasSubstr("no answer to TCP within 1 s"));
}

TEST_F(DialerTest, FailuresNameTheAddressAndTheSystemsWords) {
    const auto refused = dial({"127.0.0.1", fakes::free_port()});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("127.0.0.1:"));
    EXPECT_THAT(refused.error().what, HasSubstr("Connection refused"));
    EXPECT_THAT(refused.error().cure, HasSubstr("listens on that port"));
    const auto unknown = dial({"no-such-host.invalid", 8883});
    ASSERT_FALSE(unknown);
    EXPECT_THAT(unknown.error().what, HasSubstr("no-such-host.invalid"));
}

}  // namespace
}  // namespace narrowgate::mqtt
