// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/dialer.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <optional>
#include <thread>

#include "narrowgate/base/crypto.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/io/file_descriptor.hpp"
#include "pipe.hpp"
#include "race.hpp"
#include "resolver.hpp"
#include "tls_watch.hpp"
#include "trace_log.hpp"

namespace narrowgate::mqtt {
namespace {

constexpr std::string_view kUser = "narrowgate";
constexpr std::size_t kPasswordBytes = 16;
// RFC 9110 section 9.3.6: a 2xx answer has no content. Sent as soon as someone connects, before the request
// is read: paho looks for the answer once and, if it is not there yet, sleeps 250 ms under a lock that all
// its clients share. It promises nothing: no byte passes before the password was seen.
constexpr std::string_view kAnswer = "HTTP/1.1 200 Connection established\r\n\r\n";
constexpr std::size_t kMaxRequestBytes = 4096;
// Strangers on this machine that hold connections open to be in the way.
constexpr std::size_t kMaxCallers = 8;
constexpr seconds kTunnelTakenUpWithin{5};

// Whether `request` is a whole CONNECT with this password; nothing while it is not whole.
std::optional<bool> is_admitted(std::string_view request, std::string_view authorization) {
    if (request.find("\r\n\r\n") == std::string_view::npos) return std::nullopt;
    if (!request.starts_with("CONNECT ")) return false;
    constexpr std::string_view kScheme = "Basic ";
    const std::size_t at = request.find(kScheme);
    if (at == std::string_view::npos) return false;
    const std::string_view rest = request.substr(at + kScheme.size());
    const std::string_view given = rest.substr(0, rest.find("\r\n"));
    return equal_in_constant_time(bytes_of(given), bytes_of(authorization));
}

}  // namespace

std::string Tunnel::proxy_url() const {
    return fmt::format("https://{}:{}@127.0.0.1:{}", user, password, port);
}

// Everything of a dialer that belongs to its thread.
class Dialer::Loop {
public:
    Loop(const DialerOptions& options, std::unique_ptr<io::EventLoop> loop, io::FileDescriptor listener,
         std::uint16_t port)
        : options_(options),
          port_(port),
          loop_(std::move(loop)),
          listener_(std::move(listener)),
          tls_watch_(port_, trace_),
          resolver_(*loop_) {
        accept_ = loop_->watch(listener_.get(), io::Ready::kRead, [this](io::Ready) { accept(); });
        timer_ = loop_->timer([this] { late(); });
        thread_ = std::thread([this] { loop_->run(); });
    }
    ~Loop() {
        loop_->stop();
        thread_.join();
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void dial(Endpoint endpoint, milliseconds limit, Done done) {
        (void)loop_->post([this, endpoint = std::move(endpoint), limit, done = std::move(done)]() mutable {
            start(std::move(endpoint), limit, std::move(done));
        });
    }
    void close() {
        (void)loop_->post([this] { give_up(); });
    }
    TraceLog& trace() { return trace_; }

private:
    struct Caller {
        io::FileDescriptor fd;
        io::Source source;
        std::string request;
    };

    void start(Endpoint endpoint, milliseconds limit, Done done);
    void resolved(LookUpResult addresses);
    void connected(Expected<io::FileDescriptor> broker);
    void late();
    void accept();
    void hear(std::list<Caller>::iterator caller);
    void give_up();
    void finish(Expected<Tunnel> result);

    // Constant after construction.
    const DialerOptions options_;
    const std::uint16_t port_;

    std::unique_ptr<io::EventLoop> loop_;
    io::FileDescriptor listener_;
    TraceLog trace_;
    // After the trace, which it writes into.
    TlsWatch tls_watch_;
    Resolver resolver_;
    io::Source accept_;
    io::Source timer_;

    // Of the present dial.
    Endpoint endpoint_;
    SteadyTime until_;      // name and TCP are through
    DialerOptions limits_;  // of it: the options, and no longer than that
    Done done_;
    std::unique_ptr<ConnectRace> race_;
    io::FileDescriptor broker_;  // connected, not yet taken up
    std::string authorization_;
    std::list<Caller> callers_;
    std::unique_ptr<Pipe> pipe_;

    std::thread thread_;
};

void Dialer::Loop::start(Endpoint endpoint, milliseconds limit, Done done) {
    give_up();
    endpoint_ = std::move(endpoint);
    until_ = SystemClock{}.now().steady + limit;
    limits_ = options_;
    limits_.resolve_timeout = std::min(options_.resolve_timeout, limit);
    done_ = std::move(done);
    trace_.begin();
    tls_watch_.begin();
    trace_.add(TraceStep::Kind::kResolving, endpoint_.host);
    timer_.arm(SystemClock{}.now().steady + limits_.resolve_timeout);
    resolver_.resolve(endpoint_, [this](LookUpResult addresses) { resolved(std::move(addresses)); });
}

void Dialer::Loop::resolved(LookUpResult addresses) {
    timer_.disarm();
    if (!addresses) {
        trace_.add(TraceStep::Kind::kResolveFailed, addresses.error().error.what, addresses.error().kind);
        finish(std::unexpected(std::move(addresses.error().error)));
        return;
    }
    std::string texts;
    for (const Address& address : *addresses)
        texts += (texts.empty() ? "" : ", ") + address.text();
    trace_.add(TraceStep::Kind::kResolved, std::move(texts));
    const auto left = std::chrono::ceil<milliseconds>(until_ - SystemClock{}.now().steady);
    limits_.connect_timeout = std::min(options_.connect_timeout, std::max(left, milliseconds(1)));
    race_ = std::make_unique<ConnectRace>(
        *loop_, limits_, std::move(*addresses), trace_,
        [this](Expected<io::FileDescriptor> broker) { connected(std::move(broker)); });
}

void Dialer::Loop::connected(Expected<io::FileDescriptor> broker) {
    race_.reset();
    if (!broker) {
        finish(std::unexpected(std::move(broker.error())));
        return;
    }
    broker_ = std::move(*broker);
    std::array<std::uint8_t, kPasswordBytes> password{};
    crypto::fill_random(password);
    Tunnel tunnel{.port = port_, .user = std::string(kUser), .password = to_hex(password)};
    const std::string credentials = tunnel.user + ":" + tunnel.password;
    authorization_ = to_base64(bytes_of(credentials));
    timer_.arm(SystemClock{}.now().steady + kTunnelTakenUpWithin);
    finish(std::move(tunnel));
}

void Dialer::Loop::late() {
    if (broker_) {
        trace_.add(TraceStep::Kind::kClosed, "we did not use the tunnel");
        give_up();
        return;
    }
    resolver_.cancel();
    trace_.add(TraceStep::Kind::kResolveFailed, "no answer from the resolver", TraceStep::kNoAnswer);
    finish(failure(fmt::format("the name {} was not resolved within {} s", endpoint_.host,
                               limits_.resolve_timeout.count() / 1000),
                   "check this machine's resolver (/etc/resolv.conf) and the way to it"));
}

void Dialer::Loop::accept() {
    io::FileDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd || !broker_ || callers_.size() >= kMaxCallers) return;
    const int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::send(fd.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(kAnswer.size()))
        return;
    const auto caller = callers_.insert(callers_.end(), Caller{std::move(fd), {}, {}});
    caller->source =
        loop_->watch(caller->fd.get(), io::Ready::kRead, [this, caller](io::Ready) { hear(caller); });
}

void Dialer::Loop::hear(std::list<Caller>::iterator caller) {
    std::array<char, kMaxRequestBytes> buffer;
    const ssize_t count = ::recv(caller->fd.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) caller->request.append(buffer.data(), static_cast<std::size_t>(count));
    const auto admitted = is_admitted(caller->request, authorization_);
    if (count <= 0 || admitted == false || (!admitted && caller->request.size() > kMaxRequestBytes)) {
        callers_.erase(caller);
        return;
    }
    if (!admitted) return;

    const std::size_t head_end = caller->request.find("\r\n\r\n") + 4;
    const ByteView early = bytes_of(std::string_view(caller->request).substr(head_end));
    Bytes early_copy(early.begin(), early.end());
    caller->source = {};
    io::FileDescriptor library = std::move(caller->fd);
    callers_.clear();
    timer_.disarm();
    authorization_.clear();
    pipe_ = std::make_unique<Pipe>(*loop_, std::move(library), std::move(broker_), std::move(early_copy),
                                   trace_, [this] { pipe_.reset(); });
}

void Dialer::Loop::give_up() {
    timer_.disarm();
    resolver_.cancel();
    race_.reset();
    broker_.close();
    callers_.clear();
    pipe_.reset();
    authorization_.clear();
    done_ = nullptr;
}

void Dialer::Loop::finish(Expected<Tunnel> result) {
    if (const Done done = std::exchange(done_, nullptr)) done(std::move(result));
}

Dialer::Dialer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Dialer::~Dialer() = default;

Expected<std::unique_ptr<Dialer>> Dialer::open(std::string name, const DialerOptions& options) {
    const auto failed = [&](int error_number) {
        return failure(
            fmt::format("upstream {}: no port on loopback: {}", name, system_message(error_number)),
            "raise the limit of open files (LimitNOFILE of the unit), and see that lo is up");
    };
    auto loop = io::EventLoop::create();
    if (!loop) return std::unexpected(std::move(loop.error()));
    io::FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!listener) return failed(errno);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener.get(), static_cast<int>(kMaxCallers)) != 0 ||
        ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return failed(errno);
    }
    return std::unique_ptr<Dialer>(new Dialer(
        std::make_unique<Loop>(options, std::move(*loop), std::move(listener), ntohs(address.sin_port))));
}

void Dialer::dial(Endpoint endpoint, milliseconds limit, Done done) {
    loop_->dial(std::move(endpoint), limit, std::move(done));
}
void Dialer::close() {
    loop_->close();
}
ConnectionTrace Dialer::trace() const {
    return loop_->trace().copy();
}
void Dialer::note(TraceStep step) {
    loop_->trace().add(std::move(step));
}

}  // namespace narrowgate::mqtt
