// SPDX-License-Identifier: Apache-2.0
//
// The control socket with real clients, good and evil, on an event loop of its own thread.
#include "daemon/control/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <future>
#include <thread>

#include "daemon/control/client.hpp"
#include "fakes/child_process.hpp"
#include "narrowgate/io/unix_socket.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr ControlLimits kLimits{
    .max_clients = 4, .max_request_bytes = 100'000, .patience = milliseconds(300)};
constexpr milliseconds kPatience = seconds(20);

class ControlServerTest : public ::testing::Test {
protected:
    void SetUp() override {
        calls_.add("echo", [](json& arguments) -> Expected<json> { return arguments; });
        calls_.add("fail", [](json&) -> Expected<json> { return failure("it broke", "mend it"); });
        calls_.add("much", [](json&) -> Expected<json> { return std::string(5'000'000, 'x'); });
        calls_.add("who", [](json&, const Caller& caller) -> Expected<json> { return json(caller.name); });
        std::promise<void> listening;
        thread_ = std::thread([&] {
            auto loop = io::EventLoop::create();
            loop_ = loop->get();
            auto server = ControlServer::open(**loop, socket_, calls_, log_, kLimits);
            opened_ = server.has_value();
            listening.set_value();
            (*loop)->run();
        });
        listening.get_future().wait();
        ASSERT_TRUE(opened_);
    }
    void TearDown() override {
        loop_->stop();
        thread_.join();
    }

    io::UnixSocket connected() const {
        io::UnixSocket client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto address = io::unix_address(socket_);
        EXPECT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)), 0);
        return client;
    }
    // What the server sends until it closes.
    static std::string read_to_end(const io::UnixSocket& client) {
        std::string text;
        std::array<char, 4096> buffer;
        for (ssize_t count = 0; (count = recv(client.get(), buffer.data(), buffer.size(), 0)) > 0;)
            text.append(buffer.data(), static_cast<std::size_t>(count));
        return text;
    }
    bool answers() const {
        const auto result = ask_daemon(socket_, "echo", {{"a", 1}}, kPatience);
        return result && *result == json{{"a", 1}};
    }

    fakes::TemporaryDirectory directory_;
    const std::filesystem::path socket_ = directory_.path() / "run/control.sock";
    ControlCalls calls_;
    Log log_{LogLevel::kError};
    std::thread thread_;
    io::EventLoop* loop_ = nullptr;
    bool opened_ = false;
};

TEST_F(ControlServerTest, AnswersAndPassesErrorsOn) {
    EXPECT_TRUE(answers());
    const auto failed = ask_daemon(socket_, "fail", json::object(), kPatience);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind, ops::AskFailure::Kind::kRefused);
    EXPECT_EQ(failed.error().error.text(), "it broke; mend it");
}

// What a client says of itself is not asked.
TEST_F(ControlServerTest, TheKernelSaysWhoAsks) {
    const auto result = ask_daemon(socket_, "who", {{"uid", 4711}}, kPatience);
    ASSERT_TRUE(result);
    EXPECT_THAT(result->get<std::string>(), HasSubstr("uid " + std::to_string(getuid())));
}

TEST_F(ControlServerTest, TheSocketIsForItsOwnerAndGroupAlone) {
    struct stat status{};
    ASSERT_EQ(stat(socket_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0660U);
    ASSERT_EQ(stat(socket_.parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0750U);
}

TEST_F(ControlServerTest, AnAnswerThatTheSocketCannotTakeAtOnceArrivesWhole) {
    const auto result = ask_daemon(socket_, "much", json::object(), kPatience);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->get_ref<const std::string&>().size(), 5'000'000U);
}

TEST_F(ControlServerTest, GarbageIsAnsweredWithAnErrorAndTheNextIsServed) {
    const io::UnixSocket client = connected();
    const std::string garbage = "\x16\xFE\xFDGET / HTTP/1.1\r\n";
    ASSERT_GT(send(client.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
    EXPECT_THAT(read_to_end(client), HasSubstr("no JSON object"));
    EXPECT_TRUE(answers());
}

// A line that never ends must not be kept.
TEST_F(ControlServerTest, AnOversizeRequestIsRefused) {
    const io::UnixSocket client = connected();
    const std::string block(10'000, 'x');
    for (int i = 0; i < 20; ++i)
        if (send(client.get(), block.data(), block.size(), MSG_NOSIGNAL) < 0) break;
    EXPECT_THAT(read_to_end(client), HasSubstr("too long"));
    const auto refused = ask_daemon(socket_, "echo", {{"a", std::string(200'000, 'x')}}, kPatience);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().error.what, HasSubstr("too long"));
    EXPECT_TRUE(answers());
}

// Clients that connect and say nothing take the places of all; the next one pushes the oldest out.
TEST_F(ControlServerTest, SilentClientsDoNotKeepOthersOut) {
    std::vector<io::UnixSocket> silent;
    for (int i = 0; i < 32; ++i)
        silent.push_back(connected());
    EXPECT_TRUE(answers());
    EXPECT_EQ(read_to_end(silent.front()), "");
}

TEST_F(ControlServerTest, ASilentClientIsShownTheDoor) {
    const io::UnixSocket client = connected();
    ASSERT_EQ(send(client.get(), "{", 1, MSG_NOSIGNAL), 1);
    EXPECT_EQ(read_to_end(client), "");
}

// A client that asks and does not read.
TEST_F(ControlServerTest, AClientThatDoesNotReadIsShownTheDoor) {
    const io::UnixSocket client = connected();
    const std::string request = control_request("much", json::object()) + "\n";
    ASSERT_GT(send(client.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
    pollfd hangup{.fd = client.get(), .events = 0, .revents = 0};
    EXPECT_EQ(poll(&hangup, 1, static_cast<int>(kPatience.count())), 1);
    EXPECT_TRUE(answers());
}

TEST_F(ControlServerTest, ClientsThatLeaveInTheMiddleAreForgotten) {
    for (int i = 0; i < 20; ++i) {
        const io::UnixSocket client = connected();
        std::string request = control_request(i % 2 == 0 ? "much" : "echo", json::object());
        if (i % 4 == 0) request += '\n';
        const std::size_t sent = i % 3 == 0 ? request.size() / 2 : request.size();
        ASSERT_GT(send(client.get(), request.data(), sent, MSG_NOSIGNAL), 0);
    }
    EXPECT_TRUE(answers());
}

TEST_F(ControlServerTest, ASecondServerIsRefusedWhileTheFirstServes) {
    auto loop = io::EventLoop::create();
    ASSERT_TRUE(loop);
    const auto second = ControlServer::open(**loop, socket_, calls_, log_);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().what, HasSubstr("another process serves"));
    EXPECT_TRUE(answers());
}

TEST(ControlServerStartTest, ASocketThatACrashLeftBehindIsReplaced) {
    const fakes::TemporaryDirectory directory;
    const auto socket = directory.path() / "control.sock";
    {
        const io::UnixSocket dead = io::UnixSocket::stream();
        const auto address = io::unix_address(socket);
        ASSERT_EQ(bind(dead.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)), 0);
    }
    auto loop = io::EventLoop::create();
    ASSERT_TRUE(loop);
    Log log(LogLevel::kError);
    const ControlCalls calls;
    {
        const auto server = ControlServer::open(**loop, socket, calls, log);
        ASSERT_TRUE(server) << server.error().text();
    }
    EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST(ControlClientTest, NobodyAtTheSocketMeansNotRunning) {
    const fakes::TemporaryDirectory directory;
    const auto result = ask_daemon(directory.path() / "control.sock", "echo", json::object(), kPatience);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ops::AskFailure::Kind::kNotRunning);
}

// A daemon that hangs: its kernel accepts, nobody answers.
TEST(ControlClientTest, ASilentDaemonIsGivenUp) {
    const fakes::TemporaryDirectory directory;
    const auto path = directory.path() / "control.sock";
    const io::UnixSocket listener = io::UnixSocket::stream();
    const auto address = io::unix_address(path);
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)), 0);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    const auto result = ask_daemon(path, "echo", json::object(), milliseconds(50));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ops::AskFailure::Kind::kUnreachable);
    EXPECT_THAT(result.error().error.what, HasSubstr("does not answer"));
}

}  // namespace
}  // namespace narrowgate::daemon
