// SPDX-License-Identifier: Apache-2.0
//
// The dialer in a network of its own, where names, routes and addresses are the test's: a wire at whose other
// end nobody is, addresses of this machine on it, and a name server on loopback.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fakes/child_process.hpp"
#include "fakes/name_server.hpp"
#include "fakes/private_network.hpp"
#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/mqtt/dialer.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Kind = TraceStep::Kind;

constexpr std::uint16_t kPort = 8883;
constexpr const char* kName = "broker.example";
// Addresses for documentation (RFC 5737, RFC 3849). Of this machine, on the wire:
constexpr const char* kHere4 = "192.0.2.1";
constexpr const char* kAlsoHere4 = "192.0.2.2";
constexpr const char* kHere6 = "2001:db8::1";
constexpr const char* kAlsoHere6 = "2001:db8::2";
constexpr const char* kThirdHere6 = "2001:db8::3";
// At the other end of it, where whatever is sent goes and nothing comes from.
constexpr const char* kHole4 = "192.0.2.99";
constexpr const char* kHole6 = "2001:db8::99";
// Those for whom the kernel has no route, and says so.
constexpr const char* kNoRoute4 = "198.51.100.1";

// As getaddrinfo(3) sorts (RFC 6724 section 2.1); "reload" makes it read the file again.
constexpr const char* kIpv6First = "reload yes\nprecedence ::/0 100\nprecedence ::ffff:0:0/96 10\n";
constexpr const char* kIpv4First = "reload yes\nprecedence ::/0 10\nprecedence ::ffff:0:0/96 100\n";

class Listener {
public:
    explicit Listener(const char* address) {
        sockaddr_storage storage{};
        auto parsed = Address::from_text(address_text(address));
        const socklen_t size = parsed->to_sockaddr(storage, parsed->is_v4());
        fd_ = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&storage), size), 0);
        EXPECT_EQ(::listen(fd_, 4), 0);
    }
    ~Listener() { ::close(fd_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int accept() const { return ::accept(fd_, nullptr, nullptr); }
    static std::string address_text(const std::string& address) {
        const bool v6 = address.find(':') != std::string::npos;
        return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(kPort);
    }

private:
    int fd_ = -1;
};

class DialerNetworkTest : public testing::Test {
protected:
    void SetUp() override {
        const std::string missing = fakes::enter_private_network(
            directory_.path(),
            {{"resolv.conf", "nameserver 127.0.0.1\nsearch .\noptions timeout:1 attempts:1\n"},
             {"nsswitch.conf", "hosts: files dns\n"},
             {"gai.conf", kIpv6First}});
        if (!missing.empty()) GTEST_SKIP() << "needs root or user namespaces, and ip(8): " << missing;
        ip({"link", "add", "wire", "type", "veth", "peer", "name", "end"});
        ip({"link", "set", "wire", "up"});
        ip({"link", "set", "end", "up"});
        for (const char* address : {kHere4, kAlsoHere4})
            ip({"address", "add", std::string(address) + "/24", "dev", "wire"});
        for (const char* address : {kHere6, kAlsoHere6, kThirdHere6})
            ip({"address", "add", std::string(address) + "/64", "dev", "wire", "nodad"});
        for (const char* address : {kHole4, kHole6}) {
            ip({"neighbor", "add", address, "lladdr", "02:00:00:00:00:99", "dev", "wire", "nud",
                "permanent"});
        }
        ip({"route", "add", "unreachable", "198.51.100.0/24"});
        names_.emplace();
        open();
    }

    void ip(std::vector<std::string> arguments) { fakes::ip(std::move(arguments), directory_.path()); }
    void open(const DialerOptions& options = {}) { dialer_ = *Dialer::open("aws", options); }
    void prefer_ipv4() { std::ofstream(directory_.path() / "gai.conf") << kIpv4First; }
    void name_is(std::vector<std::string> addresses) {
        names_->set(kName, {.addresses = std::move(addresses)});
    }

    Expected<Tunnel> dial(const std::string& host = kName) {
        auto result = std::make_shared<std::promise<Expected<Tunnel>>>();
        auto future = result->get_future();
        dialer_->dial({host, kPort}, seconds(60),
                      [result](Expected<Tunnel> tunnel) { result->set_value(std::move(tunnel)); });
        if (future.wait_for(seconds(15)) != std::future_status::ready) return failure("no result");
        return future.get();
    }
    std::string failure_of(const std::string& host) {
        const auto tunnel = dial(host);
        return tunnel ? "a tunnel" : tunnel.error().text();
    }
    // The steps of the TCP part, each as its kind and address.
    std::vector<std::string> race() const {
        std::vector<std::string> words;
        for (const TraceStep& step : dialer_->trace().steps) {
            if (step.kind == Kind::kConnecting) words.push_back("try " + step.detail);
            if (step.kind == Kind::kConnectFailed) words.push_back("failed " + step.detail);
            if (step.kind == Kind::kConnected)
                words.push_back("won" + step.detail.substr(step.detail.find(" to ") + 3));
        }
        return words;
    }
    std::chrono::microseconds time_of(Kind kind, std::size_t which = 0) const {
        for (const TraceStep& step : dialer_->trace().steps) {
            if (step.kind == kind && which-- == 0) return step.at;
        }
        ADD_FAILURE() << "no such step";
        return {};
    }

    fakes::TemporaryDirectory directory_;
    std::optional<fakes::NameServer> names_;
    std::unique_ptr<Dialer> dialer_;
};

std::string tried(const char* address) {
    return "try " + Listener::address_text(address);
}
std::string won(const char* address) {
    return "won " + Listener::address_text(address) + ",";
}
std::string failed(const char* address) {
    return "failed " + Listener::address_text(address) + ":";
}

// A SYN that is lost is sent again after a second (RFC 6298 section 2): to win before, the other address must
// have been raced.
constexpr seconds kSynAgain{1};

TEST_F(DialerNetworkTest, WhereIpv6DropsEverythingIpv4WinsAfterOneHeadStart) {
    const Listener broker(kHere4);
    name_is({kHole6, kHere4});
    ASSERT_TRUE(dial());
    EXPECT_THAT(race(), ElementsAre(tried(kHole6), tried(kHere4), StartsWith(won(kHere4))));
    const auto head_start = time_of(Kind::kConnecting, 1) - time_of(Kind::kConnecting, 0);
    EXPECT_GE(head_start, DialerOptions{}.attempt_delay);
    EXPECT_LT(time_of(Kind::kConnected) - time_of(Kind::kConnecting), kSynAgain);
}

TEST_F(DialerNetworkTest, WhereIpv4DropsEverythingIpv6WinsAfterOneHeadStart) {
    prefer_ipv4();
    const Listener broker(kHere6);
    name_is({kHole4, kHere6});
    ASSERT_TRUE(dial());
    EXPECT_THAT(race(), ElementsAre(tried(kHole4), tried(kHere6), StartsWith(won(kHere6))));
    const auto head_start = time_of(Kind::kConnecting, 1) - time_of(Kind::kConnecting, 0);
    EXPECT_GE(head_start, DialerOptions{}.attempt_delay);
    EXPECT_LT(time_of(Kind::kConnected) - time_of(Kind::kConnecting), kSynAgain);
}

// One that answers is not raced.
TEST_F(DialerNetworkTest, TheFirstOfBothFamiliesThatAnswersIsTheOnlyOneTried) {
    const Listener v6(kHere6);
    const Listener v4(kHere4);
    open({.attempt_delay = seconds(30)});
    name_is({kHere4, kHere6});
    ASSERT_TRUE(dial());
    EXPECT_THAT(race(), ElementsAre(tried(kHere6), StartsWith(won(kHere6))));
}

// RFC 8305 section 4. Each of them refuses, so that all are tried at once.
TEST_F(DialerNetworkTest, FamiliesAlternateFromTheOneThatTheSystemPrefers) {
    name_is({kHere4, kAlsoHere4, kHere6, kAlsoHere6, kThirdHere6});
    const auto order = [&] {
        EXPECT_FALSE(dial());
        std::vector<std::string> tries = race();
        std::erase_if(tries, [](const std::string& step) { return !step.starts_with("try "); });
        return tries;
    };
    EXPECT_THAT(order(), ElementsAre(tried(kHere6), tried(kHere4), tried(kAlsoHere6), tried(kAlsoHere4),
                                     tried(kThirdHere6)));
    prefer_ipv4();
    EXPECT_THAT(order(), ElementsAre(tried(kHere4), tried(kHere6), tried(kAlsoHere4), tried(kAlsoHere6),
                                     tried(kThirdHere6)));
}

// The head start is for one that may still answer.
TEST_F(DialerNetworkTest, AnAddressThatRefusesIsFollowedAtOnce) {
    const Listener broker(kHere4);
    open({.attempt_delay = seconds(30)});
    name_is({kHere6, kHere4});
    ASSERT_TRUE(dial());
    EXPECT_THAT(race(),
                ElementsAre(tried(kHere6), AllOf(StartsWith(failed(kHere6)), HasSubstr("Connection refused")),
                            tried(kHere4), StartsWith(won(kHere4))));
}

// The system puts addresses without a route behind all others (RFC 6724 section 6, rule 1), so it is the
// last.
TEST_F(DialerNetworkTest, AnAddressWithoutARouteIsToldAtOnce) {
    open({.attempt_delay = seconds(30)});
    name_is({kNoRoute4, kHere6});
    EXPECT_THAT(failure_of(kName), AllOf(HasSubstr("No route to host"), HasSubstr("route and firewall")));
    EXPECT_THAT(race(), ElementsAre(tried(kHere6), StartsWith(failed(kHere6)), tried(kNoRoute4),
                                    StartsWith(failed(kNoRoute4))));
}

TEST_F(DialerNetworkTest, AnAnswerOfTheDnsThatHasChangedIsUsedByTheNextDial) {
    const Listener broker(kHere4);
    name_is({kAlsoHere4});
    EXPECT_THAT(failure_of(kName), AllOf(HasSubstr(kAlsoHere4), HasSubstr("Connection refused")));
    name_is({kHere4});
    ASSERT_TRUE(dial());
    EXPECT_THAT(race(), ElementsAre(tried(kHere4), StartsWith(won(kHere4))));
    names_->set(kName, {.addresses = {}, .code = fakes::NameServer::Code::kNameError});
    EXPECT_THAT(failure_of(kName), HasSubstr("does not exist"));
}

TEST_F(DialerNetworkTest, EachFailureOfTheDnsHasItsOwnWordsAndCure) {
    using Code = fakes::NameServer::Code;
    const auto code_of_failure = [&] {
        for (const TraceStep& step : dialer_->trace().steps)
            if (step.kind == Kind::kResolveFailed) return step.code;
        return -1;
    };
    EXPECT_THAT(failure_of("nowhere.example"), AllOf(HasSubstr("the name nowhere.example does not exist"),
                                                     HasSubstr("correct the host in url")));
    EXPECT_EQ(code_of_failure(), TraceStep::kNoSuchName);

    names_->set("bare.example", {.addresses = {}});
    EXPECT_THAT(failure_of("bare.example"),
                AllOf(HasSubstr("has no address"), HasSubstr("add one to the DNS")));
    EXPECT_EQ(code_of_failure(), TraceStep::kNoSuchName);

    names_->set("broken.example", {.addresses = {}, .code = Code::kServerFailure});
    EXPECT_THAT(failure_of("broken.example"),
                AllOf(HasSubstr("broken.example was not resolved: the name server answered SERVFAIL"),
                      HasSubstr("ask its operator")));
    EXPECT_EQ(code_of_failure(), TraceStep::kResolverTrouble);

    names_->set("guarded.example", {.addresses = {}, .code = Code::kRefused});
    EXPECT_THAT(failure_of("guarded.example"), AllOf(HasSubstr("the name server answered REFUSED"),
                                                     HasSubstr("does not serve this machine")));
    EXPECT_EQ(code_of_failure(), TraceStep::kResolverTrouble);

    names_->set("silent.example", {.addresses = {}, .silent = true});
    EXPECT_THAT(failure_of("silent.example"),
                AllOf(HasSubstr("silent.example was not resolved: no name server answered"),
                      HasSubstr("the way to them")));
    EXPECT_EQ(code_of_failure(), TraceStep::kNoAnswer);

    // The dialer does not wait for the system's resolver to give up.
    open({.resolve_timeout = milliseconds(200)});
    EXPECT_THAT(failure_of("silent.example"),
                AllOf(HasSubstr("silent.example was not resolved within"), HasSubstr("/etc/resolv.conf")));
    EXPECT_EQ(code_of_failure(), TraceStep::kNoAnswer);
}

// The address of the broker's end moves to where nobody answers, with data of ours under way to it.
TEST_F(DialerNetworkTest, APeerThatGoesDarkEndsTheTunnelAfterTheUserTimeout) {
    constexpr milliseconds kUserTimeout{1'500};
    open({.user_timeout = kUserTimeout});
    std::optional<Listener> broker(kAlsoHere4);
    const auto tunnel = dial(kAlsoHere4);
    ASSERT_TRUE(tunnel) << tunnel.error().text();
    const int peer = broker->accept();
    const int library = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(tunnel->port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(library, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const std::string credentials = tunnel->user + ":" + tunnel->password;
    const std::string request =
        "CONNECT x:1 HTTP/1.1\r\nProxy-authorization: Basic " + to_base64(bytes_of(credentials)) + "\r\n\r\n";
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(library, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ASSERT_EQ(::send(library, (request + "lit").data(), request.size() + 3, MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size() + 3));
    std::array<char, 256> buffer{};
    ASSERT_EQ(::recv(peer, buffer.data(), 3, MSG_WAITALL), 3);

    ip({"neighbor", "add", kAlsoHere4, "lladdr", "02:00:00:00:00:98", "dev", "wire", "nud", "permanent"});
    ip({"address", "delete", std::string(kAlsoHere4) + "/24", "dev", "wire"});
    const SteadyTime dark = SystemClock{}.now().steady;
    ASSERT_EQ(::send(library, "dark", 4, MSG_NOSIGNAL), 4);
    ssize_t count = 1;
    while (count > 0)  // the 200, and then the end
        count = ::recv(library, buffer.data(), buffer.size(), 0);
    const auto took = SystemClock{}.now().steady - dark;
    EXPECT_EQ(count, 0) << "the tunnel still stood";
    EXPECT_GE(took, kUserTimeout);
    // Of 60 s by default, and a quarter of an hour without the option.
    EXPECT_LT(took, 3 * kUserTimeout);
    const auto steps = dialer_->trace().steps;
    EXPECT_THAT(to_words(steps.back()), HasSubstr("the broker's connection: Connection timed out"));
    ::close(peer);
    ::close(library);
}

}  // namespace
}  // namespace narrowgate::mqtt
