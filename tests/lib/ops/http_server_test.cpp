// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/ops/http_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "narrowgate/io/file_descriptor.hpp"
#include "narrowgate/ops/http_client.hpp"

namespace narrowgate::ops {
namespace {

HttpAnswer text(std::string body) {
    return {{.status = 200, .content_type = "text/plain", .body = std::move(body), .headers = {}}, nullptr};
}

// Says what it was asked.
HttpAnswer echo(const HttpRequest& request) {
    std::string out = request.method + " " + request.path;
    for (const auto& [name, value] : request.query)
        out += " " + name + "=" + value;
    return text(out + (request.over_socket ? " socket" : " loopback"));
}

// A patience that does not end before a test does.
constexpr seconds kForTheWholeTest{600};

class HttpServerTest : public testing::Test {
protected:
    HttpServerTest() {
        std::string name = (std::filesystem::temp_directory_path() / "ops-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        socket_ = folder_ / "run" / "api.sock";
    }
    ~HttpServerTest() override { std::filesystem::remove_all(folder_); }

    std::unique_ptr<HttpServer> open(HttpServer::Handler handler, bool loopback = false,
                                     std::size_t threads = 4,
                                     seconds patience = HttpServerOptions{}.patience) {
        HttpServerOptions options = at_socket();
        options.threads = threads;
        options.patience = patience;
        if (loopback) options.loopback_port = 0;
        auto server = HttpServer::open(options, std::move(handler));
        if (!server) ADD_FAILURE() << server.error().text();
        return server ? std::move(*server) : nullptr;
    }
    HttpServerOptions at_socket() const {
        HttpServerOptions options;
        options.socket = socket_;
        return options;
    }
    std::string get(const std::string& target) const {
        const auto response = HttpClient(socket_).get(target);
        return response ? response->body : response.error().error.text();
    }

    io::FileDescriptor connect_to_socket() const {
        io::FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, socket_.c_str(), sizeof(address.sun_path) - 1);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        return fd;
    }
    static io::FileDescriptor connect_to_port(std::uint16_t port) {
        io::FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        return fd;
    }
    // Sends all, and reads until the server has closed.
    static std::string talk(const io::FileDescriptor& fd, std::string_view request) {
        EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(request.size()));
        std::string answer;
        std::array<char, 4096> piece;
        for (ssize_t size = 0; (size = ::recv(fd.get(), piece.data(), piece.size(), 0)) > 0;)
            answer.append(piece.data(), static_cast<std::size_t>(size));
        return answer;
    }

    std::filesystem::path folder_;
    std::filesystem::path socket_;
};

TEST_F(HttpServerTest, AnswersOverItsSocket) {
    const auto server = open(echo);
    EXPECT_EQ(get("/v1/devices/wm-0001?limit=5&after=a%26b"),
              "GET /v1/devices/wm-0001 after=a&b limit=5 socket");
    const auto posted = HttpClient(socket_).post("/v1/reload");
    ASSERT_TRUE(posted);
    EXPECT_EQ(posted->body, "POST /v1/reload socket");
}

TEST_F(HttpServerTest, DecodesWhatTheClientEncoded) {
    const auto server = open(echo);
    EXPECT_EQ(get("/v1/devices/" + url_encoded("a/b c?d")), "GET /v1/devices/a/b c?d socket");
}

TEST_F(HttpServerTest, TheSocketIsForOwnerAndGroupAndGoesWithTheServer) {
    {
        const auto server = open(echo);
        struct stat status{};
        ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0660U);
        ASSERT_EQ(::stat(socket_.parent_path().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0750U);
    }
    EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(HttpServerTest, TakesTheNameOfASocketThatNobodyServes) {
    std::filesystem::create_directory(socket_.parent_path());
    {
        const io::FileDescriptor left(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, socket_.c_str(), sizeof(address.sun_path) - 1);
        ASSERT_EQ(::bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    const auto server = open(echo);
    EXPECT_EQ(get("/"), "GET / socket");
}

TEST_F(HttpServerTest, LeavesASocketThatIsServedAndAFileThatIsNone) {
    {
        const auto server = open(echo);
        const auto second = HttpServer::open(at_socket(), echo);
        ASSERT_FALSE(second);
        EXPECT_NE(second.error().text().find("another process serves it"), std::string::npos);
        EXPECT_EQ(get("/"), "GET / socket");
    }
    std::ofstream(socket_) << "precious";
    const auto over_a_file = HttpServer::open(at_socket(), echo);
    ASSERT_FALSE(over_a_file);
    EXPECT_NE(over_a_file.error().text().find("is no socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(socket_));
}

TEST_F(HttpServerTest, SaysThatNobodyServes) {
    const auto response = HttpClient(socket_).get("/");
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, AskFailure::Kind::kNotRunning);
}

TEST_F(HttpServerTest, LoopbackMayLookAndNotChange) {
    const auto server = open(echo, true);
    ASSERT_TRUE(server->loopback_port());
    const auto port = *server->loopback_port();
    const std::string host = "Host: localhost:" + std::to_string(port) + "\r\n\r\n";
    EXPECT_NE(talk(connect_to_port(port), "GET / HTTP/1.1\r\n" + host).find("GET / loopback"),
              std::string::npos);
    const auto answer =
        talk(connect_to_port(port), "POST /v1/reload HTTP/1.1\r\nContent-Length: 0\r\n" + host);
    EXPECT_EQ(answer.rfind("HTTP/1.1 403", 0), 0U) << answer;
}

// A page of somebody else's whose name was pointed at this machine (DNS rebinding).
TEST_F(HttpServerTest, LoopbackAnswersToItsOwnNamesAlone) {
    const auto server = open(echo, true);
    for (const std::string host : {"evil.example", "evil.example:80", "127.0.0.1.evil.example", ""}) {
        const auto answer =
            talk(connect_to_port(*server->loopback_port()), "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
        EXPECT_EQ(answer.rfind("HTTP/1.1 403", 0), 0U) << host << ": " << answer;
    }
    const auto answer =
        talk(connect_to_port(*server->loopback_port()), "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
    EXPECT_EQ(answer.rfind("HTTP/1.1 200", 0), 0U) << answer;
}

TEST_F(HttpServerTest, SurvivesGarbage) {
    const auto server = open(echo);
    const std::vector<std::string> garbage = {
        "",
        "\r\n\r\n\r\n",
        std::string(100'000, 'A'),
        "GET " + std::string(20'000, '/') + " HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "DELETE /v1/devices HTTP/1.1\r\n\r\n",
        "GET /%00%ff%zz HTTP/1.1\r\n\r\n",
        std::string("\x16\x03\x01\x00\x05hello\0\0\0", 13),
        "GET / HTTP/1.1\r\n" + std::string(50'000, 'h') + ": x\r\n\r\n",
    };
    for (const std::string& bytes : garbage) {
        const auto fd = connect_to_socket();
        ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        ::shutdown(fd.get(), SHUT_WR);
    }
    EXPECT_EQ(get("/still"), "GET /still socket");
}

// The bound is that of a request, not of a line or a header: what is beyond is not taken, let alone kept.
TEST_F(HttpServerTest, ARequestThatDoesNotEndIsCutOff) {
    const auto server = open(echo);
    const auto fd = connect_to_socket();
    const std::string block(64 * 1024, 'A');
    std::size_t taken = 0;
    constexpr std::size_t kFarTooMuch = std::size_t{64} << 20;
    while (taken < kFarTooMuch) {
        const ssize_t count = ::send(fd.get(), block.data(), block.size(), MSG_NOSIGNAL);
        if (count <= 0) break;
        taken += static_cast<std::size_t>(count);
    }
    EXPECT_LT(taken, std::size_t{4} << 20);  // what the kernel's buffers hold besides
    EXPECT_EQ(get("/still"), "GET /still socket");
}

// Byte after byte, each in time: the request as a whole is not. There is one thread, and it is held up by
// none.
TEST_F(HttpServerTest, WhoDripsHoldsUpNobodyAndIsClosedAfterOneRequestsTime) {
    const auto server = open(echo, false, 1, seconds(1));
    ASSERT_TRUE(server);
    const auto slow = connect_to_socket();
    const std::jthread drip([&slow](const std::stop_token& over) {
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        while (!over.stop_requested() && ::send(slow.get(), "G", 1, MSG_NOSIGNAL) == 1)
            never.wait_for(lock, over, std::chrono::milliseconds(100), [] { return false; });
    });
    EXPECT_EQ(get("/next"), "GET /next socket");
    char byte = 0;
    EXPECT_LE(::recv(slow.get(), &byte, 1, 0), 0);
}

// Nobody's patience ends during the test: whoever waited for one of them would do so for ever.
TEST_F(HttpServerTest, WhoBeginsARequestAndStopsHoldsUpNobody) {
    const auto server = open(echo, true, 1, kForTheWholeTest);
    ASSERT_TRUE(server);
    std::vector<io::FileDescriptor> begun;
    for (const std::string_view piece :
         {"G", "GET /a HTTP/1.1\r\n", "GET /a HTTP/1.1\r\nHost: localhost\r\n\r"}) {
        begun.push_back(connect_to_socket());
        begun.push_back(connect_to_port(*server->loopback_port()));
        for (const auto* fd : {&begun[begun.size() - 2], &begun.back()})
            ASSERT_EQ(::send(fd->get(), piece.data(), piece.size(), 0), static_cast<ssize_t>(piece.size()));
    }
    EXPECT_EQ(get("/now"), "GET /now socket");
    // And once one of them goes on, with the last byte of its head, it is answered.
    EXPECT_NE(talk(begun[4], "\n").find("GET /a socket"), std::string::npos);
    EXPECT_NE(talk(begun[5], "\n").find("GET /a loopback"), std::string::npos);
}

TEST_F(HttpServerTest, WhoSaysFarTooMuchBeforeTheHeadEndsIsClosed) {
    const auto server = open(echo, false, 4, kForTheWholeTest);
    ASSERT_TRUE(server);
    const auto talker = connect_to_socket();
    const std::string line = "X-More: " + std::string(1000, 'x') + "\r\n";
    ASSERT_GT(::send(talker.get(), "GET / HTTP/1.1\r\n", 16, 0), 0);
    int lines = 0;
    while (lines < 1000 && ::send(talker.get(), line.data(), line.size(), MSG_NOSIGNAL) > 0)
        ++lines;
    EXPECT_LT(lines, 1000);
    char byte = 0;
    EXPECT_LE(::recv(talker.get(), &byte, 1, 0), 0);
    EXPECT_EQ(get("/still"), "GET /still socket");
}

// Far more than there are threads, and nobody's patience ends during the test.
TEST_F(HttpServerTest, WhoSaysNothingHoldsUpNobody) {
    const auto server = open(echo, true, 2, kForTheWholeTest);
    ASSERT_TRUE(server);
    const auto begun = std::chrono::steady_clock::now();
    std::vector<io::FileDescriptor> silent;
    for (int i = 0; i < 32; ++i) {
        silent.push_back(connect_to_socket());
        silent.push_back(connect_to_port(*server->loopback_port()));
    }
    EXPECT_EQ(get("/now"), "GET /now socket");
    const auto answer =
        talk(connect_to_port(*server->loopback_port()), "GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_NE(answer.find("GET /now loopback"), std::string::npos) << answer;
    EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(30));
}

TEST_F(HttpServerTest, OfTooManySilentOnesTheOldestIsClosed) {
    HttpServerOptions options = at_socket();
    options.most_waiting = 2;
    options.patience = kForTheWholeTest;
    const auto server = HttpServer::open(options, echo);
    ASSERT_TRUE(server);
    const auto oldest = connect_to_socket();
    const auto second = connect_to_socket();
    const auto third = connect_to_socket();
    char byte = 0;
    EXPECT_EQ(::recv(oldest.get(), &byte, 1, 0), 0);
    for (const auto* fd : {&third, &second})
        EXPECT_NE(talk(*fd, "GET /late HTTP/1.1\r\n\r\n").find("GET /late"), std::string::npos);
}

TEST_F(HttpServerTest, WhoSaysNothingForTooLongIsClosed) {
    HttpServerOptions options = at_socket();
    options.patience = seconds(1);
    const auto server = HttpServer::open(options, echo);
    ASSERT_TRUE(server);
    const auto silent = connect_to_socket();
    char byte = 0;
    EXPECT_EQ(::recv(silent.get(), &byte, 1, 0), 0);
    EXPECT_EQ(get("/still"), "GET /still socket");
}

TEST_F(HttpServerTest, AHandlerThatFailsIsAnAnswerAndNoEnd) {
    const auto server = open([](const HttpRequest& request) -> HttpAnswer {
        if (request.path == "/bad") throw std::runtime_error("secret of the inside");
        return text("well");
    });
    const auto response = HttpClient(socket_).get("/bad");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 500);
    EXPECT_EQ(response->body.find("secret"), std::string::npos);
    EXPECT_EQ(get("/good"), "well");
}

// Says a line each time it is let.
class Lines final : public HttpStream {
public:
    explicit Lines(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
    ~Lines() override { --alive_; }
    bool next(std::string& out) override {
        out += "data: " + std::to_string(count_) + "\n\n";
        return ++count_ < kLines;
    }
    static constexpr int kLines = 3;

private:
    std::atomic<int>& alive_;
    int count_ = 0;
};

TEST_F(HttpServerTest, AStreamComesInPiecesAndEnds) {
    std::atomic<int> alive = 0;
    const auto server = open([&](const HttpRequest&) {
        HttpAnswer answer = text("");
        answer.stream = std::make_unique<Lines>(alive);
        return answer;
    });
    std::string body;
    const auto response = HttpClient(socket_).stream("/v1/events", [&](std::string_view piece) {
        body += piece;
        return true;
    });
    ASSERT_TRUE(response) << response.error().error.text();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
}

// Goes on until the client leaves or the server ends.
class Endless final : public HttpStream {
public:
    bool next(std::string& out) override {
        out += ":\n";
        return true;
    }
};

TEST_F(HttpServerTest, StreamsTakeHalfOfThePoolAtMost) {
    const auto server = open(
        [](const HttpRequest& request) {
            HttpAnswer answer = text("short");
            if (request.path == "/live") answer.stream = std::make_unique<Endless>();
            return answer;
        },
        false, 4);
    std::latch begun(2);
    std::latch enough(1);
    std::vector<std::future<void>> watchers;
    for (int i = 0; i < 2; ++i) {
        watchers.push_back(std::async(std::launch::async, [&, first = true]() mutable {
            (void)HttpClient(socket_).stream("/live", [&](std::string_view) {
                if (std::exchange(first, false)) begun.count_down();
                return !enough.try_wait();
            });
        }));
    }
    begun.wait();
    EXPECT_EQ(server->load().streams, (PoolLoad{.used = 2, .capacity = 2}));
    EXPECT_EQ(server->load().requests, (PoolLoad{.used = 2, .capacity = 4}));
    const auto third = HttpClient(socket_).get("/live");
    ASSERT_TRUE(third);
    EXPECT_EQ(third->status, 503);
    EXPECT_EQ(get("/short"), "short");
    enough.count_down();
    for (auto& watcher : watchers)
        watcher.wait();
}

TEST_F(HttpServerTest, EndsWhileSomebodyWatches) {
    auto server = open([](const HttpRequest&) {
        HttpAnswer answer = text("");
        answer.stream = std::make_unique<Endless>();
        return answer;
    });
    std::latch begun(1);
    auto watcher = std::async(std::launch::async, [&, first = true]() mutable {
        (void)HttpClient(socket_).stream("/live", [&](std::string_view) {
            if (std::exchange(first, false)) begun.count_down();
            return true;
        });
    });
    begun.wait();
    server.reset();
    watcher.wait();
    EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(HttpServerTest, ManyAtOnceAreAllAnswered) {
    const auto server = open(echo);
    std::vector<std::future<std::string>> answers;
    for (int i = 0; i < 40; ++i)
        answers.push_back(std::async(std::launch::async, [&, i] { return get("/" + std::to_string(i)); }));
    for (int i = 0; i < 40; ++i)
        EXPECT_EQ(answers[static_cast<std::size_t>(i)].get(), "GET /" + std::to_string(i) + " socket");
}

}  // namespace
}  // namespace narrowgate::ops
