// SPDX-License-Identifier: Apache-2.0
#include "race.hpp"

#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace narrowgate::mqtt {
namespace {

// A silent peer is asked after a minute, then each 10 s, 6 times: below what NATs and TCP_USER_TIMEOUT allow.
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveIntervalSeconds = 10;
constexpr int kKeepAliveProbes = 6;

void set(int fd, int level, int option, int value) {
    // Each is an improvement and no condition: a kernel without it is no reason to fail.
    (void)::setsockopt(fd, level, option, &value, sizeof value);
}

void tune(int fd, const DialerOptions& options) {
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout.count()));
}

std::string local_text(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "?";
    const auto address = Address::from_sockaddr(storage);
    return address ? address->text() : "?";
}

std::string tcp_facts(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
    return fmt::format(", MSS {}, round trip {:.1f} ms", info.tcpi_snd_mss, info.tcpi_rtt / 1000.0);
}

}  // namespace

ConnectRace::ConnectRace(io::EventLoop& loop, const DialerOptions& options, std::vector<Address> addresses,
                         TraceLog& trace, Done done)
    : loop_(loop),
      options_(options),
      trace_(trace),
      addresses_(std::move(addresses)),
      done_(std::move(done)) {
    head_start_ = loop_.timer([this] { start_next(); });
    deadline_ = loop_.timer([this] {
        for (const Runner& runner : runners_) {
            trace_.add(TraceStep::Kind::kConnectFailed, fmt::format("{}: no answer", runner.address.text()),
                       ETIMEDOUT);
        }
        finish(
            failure(fmt::format("no answer to TCP within {} s{}", options_.connect_timeout.count() / 1000,
                                failures_.empty() ? "" : " (" + failures_ + ")"),
                    "a firewall drops it, or the host is down: try the address and port from this machine"));
    });
    const SteadyTime now = loop_.now().steady;
    deadline_.arm(now + options_.connect_timeout);
    // From the loop, so that `done` is never called before the owner holds this.
    head_start_.arm(now);
}

void ConnectRace::start_next() {
    while (next_ < addresses_.size()) {
        const Address address = addresses_[next_++];
        trace_.add(TraceStep::Kind::kConnecting, address.text());
        sockaddr_storage storage{};
        const socklen_t size = address.to_sockaddr(storage, address.is_v4());
        io::FileDescriptor fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (fd) tune(fd.get(), options_);
        const bool begun =
            fd && (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0 ||
                   errno == EINPROGRESS);
        if (!begun) {
            lost(address, errno);
            continue;
        }
        const auto runner = runners_.insert(runners_.end(), Runner{address, std::move(fd), {}});
        runner->source =
            loop_.watch(runner->fd.get(), io::Ready::kWrite, [this, runner](io::Ready) { answered(runner); });
        if (next_ < addresses_.size()) {
            // The clock, not the turn: the first start may be long after the turn began.
            head_start_.arm(SystemClock{}.now().steady + options_.attempt_delay);
        }
        return;
    }
    if (runners_.empty()) {
        finish(
            failure("no TCP connection: " + failures_,
                    "check that the broker runs and listens on that port, and the route and firewall to it"));
    }
}

void ConnectRace::answered(std::list<Runner>::iterator runner) {
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (::getsockopt(runner->fd.get(), SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) error_number = errno;
    if (error_number != 0) {
        const Address address = runner->address;
        runners_.erase(runner);
        lost(address, error_number);
        start_next();
        return;
    }
    trace_.add(TraceStep::Kind::kConnected, fmt::format("{} to {}{}", local_text(runner->fd.get()),
                                                        runner->address.text(), tcp_facts(runner->fd.get())));
    runner->source = {};
    io::FileDescriptor winner = std::move(runner->fd);
    finish(std::move(winner));
}

void ConnectRace::lost(const Address& address, int error_number) {
    const std::string words = fmt::format("{}: {}", address.text(), system_message(error_number));
    trace_.add(TraceStep::Kind::kConnectFailed, words, error_number);
    // A name may have very many addresses; a message need not.
    if (failures_.size() < 400) failures_ += (failures_.empty() ? "" : ", ") + words;
}

void ConnectRace::finish(Expected<io::FileDescriptor> result) {
    head_start_ = {};
    deadline_ = {};
    runners_.clear();
    // Last: the owner destroys this.
    const Done done = std::exchange(done_, nullptr);
    done(std::move(result));
}

}  // namespace narrowgate::mqtt
