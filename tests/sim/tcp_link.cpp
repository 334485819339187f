// SPDX-License-Identifier: Apache-2.0
#include "sim/tcp_link.hpp"

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "sim/counts_json.hpp"

namespace narrowgate::sim {
namespace {

constexpr std::uint64_t kListenerTag = 0;
constexpr std::uint64_t kPairTag = 1;

constexpr std::size_t kReceiveBytes = 64 * 1024;
// A piece that the kernel has not sent yet, as when the reader's window is full, is looked at again after
// this.
constexpr std::chrono::microseconds kUnsentRetry{500};
constexpr int kBacklog = 64;

// What the kernel has taken of us and not sent yet.
bool has_unsent(const FileDescriptor& socket) {
    int unsent = 0;
    return ::ioctl(socket.get(), SIOCOUTQNSD, &unsent) == 0 && unsent > 0;
}

void set(const FileDescriptor& socket, int level, int option, int value) {
    (void)::setsockopt(socket.get(), level, option, &value, sizeof value);
}

bool is_later(int error_number) {
    return error_number == EAGAIN || error_number == EINTR;
}

FileDescriptor open_socket(const Address& address) {
    const int family = address.is_v4() ? AF_INET : AF_INET6;
    return FileDescriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// 0 or the error's number.
int connect(const FileDescriptor& socket, const Address& to) {
    sockaddr_storage storage{};
    const socklen_t size = to.to_sockaddr(storage, to.is_v4());
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0 ? 0 : errno;
}

// What arrives at the socket in larger segments is dropped before TCP sees it.
void lose_large_segments(const FileDescriptor& socket, std::uint32_t above_bytes) {
    if (above_bytes == 0) return;
    // A packet begins at its TCP header, whose length in words is the upper half of byte 12 (RFC 9293
    // section 3.1).
    std::array program{
        sock_filter{BPF_LD | BPF_B | BPF_ABS, 0, 0, 12},
        sock_filter{BPF_ALU | BPF_RSH | BPF_K, 0, 0, 4},
        sock_filter{BPF_ALU | BPF_LSH | BPF_K, 0, 0, 2},
        sock_filter{BPF_MISC | BPF_TAX, 0, 0, 0},
        sock_filter{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0},
        sock_filter{BPF_ALU | BPF_SUB | BPF_X, 0, 0, 0},
        sock_filter{BPF_JMP | BPF_JGT | BPF_K, 0, 1, above_bytes},
        sock_filter{BPF_RET | BPF_K, 0, 0, 0},           // lost
        sock_filter{BPF_RET | BPF_K, 0, 0, UINT32_MAX},  // whole
    };
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

// Lets close() send RST in place of FIN.
void reset(FileDescriptor& socket) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket.reset();
}

}  // namespace

// One direction of a pair.
struct TcpLink::Flow {
    FileDescriptor& from;
    FileDescriptor& to;
    StreamShaper shaper;
    Bytes piece{};           // of which the kernel has not taken all
    bool read_over = false;  // the sender has ended or gone
    bool dead = false;       // nobody to send to any more
    bool over = false;       // its end was passed on
};

struct TcpLink::Pair {
    Pair(FileDescriptor accepted, FileDescriptor opened, const StreamOptions& up_options,
         const StreamOptions& down_options, std::uint64_t seed)
        : near(std::move(accepted)),
          far(std::move(opened)),
          up{near, far, StreamShaper(up_options, seed)},
          down{far, near, StreamShaper(down_options, seed + 1)} {}

    FileDescriptor near;
    FileDescriptor far;
    Flow up;
    Flow down;
    bool connecting = true;
    bool near_watched = false;
    bool far_watched = false;
    std::optional<SteadyTime> next;  // when it is to be looked at, whatever its sockets do
};

StreamOptions StreamPlan::of(std::uint64_t connection) const {
    StreamOptions stream = options;
    if (!strikes(connection)) {
        stream.accident = Accident::kNone;
    } else if (!positions.empty()) {
        stream.after_bytes = positions[connection % positions.size()];
    }
    return stream;
}

TcpLink::TcpLink(const TcpLinkOptions& options, const TcpLinkPlan& plan)
    : options_(options), plan_(plan), address_(options.listen) {}

TcpLink::~TcpLink() = default;

Expected<std::unique_ptr<TcpLink>> TcpLink::make(const TcpLinkOptions& options, const TcpLinkPlan& plan) {
    auto link = std::unique_ptr<TcpLink>(new TcpLink(options, plan));
    if (auto opened = link->poller_.open({SIGTERM, SIGINT}); !opened) return std::unexpected(opened.error());
    link->poller_.take_commands_from(STDIN_FILENO);
    if (auto done = link->listen(); !done) return std::unexpected(done.error());
    return link;
}

Expected<void> TcpLink::listen() {
    listener_ = open_socket(address_);
    set(listener_, SOL_SOCKET, SO_REUSEADDR, 1);
    // Before listen(): it decides the window that accepted sockets offer.
    set(listener_, SOL_SOCKET, SO_RCVBUF, static_cast<int>(plan_.up.options.buffer_bytes));
    sockaddr_storage storage{};
    socklen_t size = address_.to_sockaddr(storage, address_.is_v4());
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
        ::listen(listener_.get(), options_.filtered ? 0 : kBacklog) != 0) {
        return failure(address_.text() + ": " + system_message(errno), "choose another address");
    }
    size = sizeof storage;
    (void)::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&storage), &size);
    address_ = Address::from_sockaddr(storage).value_or(address_);
    if (options_.filtered) return fill_backlog();
    return poller_.watch(listener_.get(), kListenerTag);
}

// With a backlog of 0 one connection waits to be accepted; while it does, Linux drops further SYNs.
Expected<void> TcpLink::fill_backlog() {
    for (int filler = 0; filler < 2; ++filler) {
        fillers_.push_back(open_socket(address_));
        const int error_number = connect(fillers_.back(), address_);
        if (error_number != 0 && error_number != EINPROGRESS) {
            return failure(address_.text() + ": " + system_message(error_number));
        }
    }
    return {};
}

void TcpLink::accept() {
    for (;;) {
        FileDescriptor near(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!near) return;
        ++counts_.accepted;
        FileDescriptor far = open_socket(options_.target);
        set(far, SOL_SOCKET, SO_RCVBUF, static_cast<int>(plan_.down.options.buffer_bytes));
        for (const FileDescriptor* socket : {&near, &far})
            set(*socket, IPPROTO_TCP, TCP_NODELAY, 1);
        const std::uint64_t number = next_number_++;
        if (plan_.up.strikes(number)) lose_large_segments(near, plan_.up.black_hole_above);
        if (plan_.down.strikes(number)) lose_large_segments(far, plan_.down.black_hole_above);
        const int error_number = connect(far, options_.target);
        if (error_number != 0 && error_number != EINPROGRESS) {
            ++counts_.refused;
            reset(near);
            continue;
        }
        const std::uint64_t seed = options_.seed + 2 * seeds_drawn_++;
        pairs_.push_back(std::make_unique<Pair>(std::move(near), std::move(far), plan_.up.of(number),
                                                plan_.down.of(number), seed));
    }
}

// Reads what there is room for and does what is due; false when the whole connection is over.
bool TcpLink::move(Pair& pair, Flow& flow, SteadyTime now) {
    std::array<std::uint8_t, kReceiveBytes> buffer;
    while (!flow.read_over && flow.shaper.room() > 0) {
        const std::size_t most = std::min(buffer.size(), flow.shaper.room());
        const ssize_t count = ::recv(flow.from.get(), buffer.data(), most, 0);
        if (count > 0) {
            flow.shaper.push(ByteView(buffer).first(static_cast<std::size_t>(count)), now);
            continue;
        }
        if (count < 0 && is_later(errno)) break;
        flow.read_over = true;
        flow.shaper.finish(now);
    }
    while (!flow.over) {
        if (flow.piece.empty()) {
            if (has_unsent(flow.to)) break;
            auto step = flow.shaper.take(now);
            if (!step) break;
            switch (step->kind) {
                case StreamShaper::Step::Kind::kPiece:
                    flow.piece = std::move(step->bytes);
                    break;
                case StreamShaper::Step::Kind::kEnd:
                    flow.over = true;
                    (void)::shutdown(flow.to.get(), SHUT_WR);
                    break;
                case StreamShaper::Step::Kind::kReset:
                    reset(pair.near);
                    reset(pair.far);
                    return false;
                case StreamShaper::Step::Kind::kClose:
                    return false;
            }
        }
        if (flow.dead) flow.piece.clear();
        if (flow.piece.empty()) continue;
        const ssize_t count = ::send(flow.to.get(), flow.piece.data(), flow.piece.size(), MSG_NOSIGNAL);
        if (count < 0 && is_later(errno)) break;
        if (count < 0) {
            flow.dead = true;
        } else {
            flow.piece.erase(flow.piece.begin(), flow.piece.begin() + count);
        }
    }
    return true;
}

// Passed on, or never to be.
bool TcpLink::is_done(const Flow& flow) {
    return flow.over || (flow.read_over && flow.piece.empty() && !flow.shaper.next_deadline());
}

bool TcpLink::turn(Pair& pair) {
    const SteadyTime now = clock_.now().steady;
    if (pair.connecting) {
        int error_number = 0;
        socklen_t size = sizeof error_number;
        tcp_info info{};
        socklen_t info_size = sizeof info;
        (void)::getsockopt(pair.far.get(), SOL_SOCKET, SO_ERROR, &error_number, &size);
        if (error_number != 0) {
            ++counts_.refused;
            reset(pair.near);
            return false;
        }
        (void)::getsockopt(pair.far.get(), IPPROTO_TCP, TCP_INFO, &info, &info_size);
        pair.connecting = info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_CLOSE_WAIT;
    }
    if (!pair.connecting) {
        if (!move(pair, pair.up, now) || !move(pair, pair.down, now)) return false;
        // When both ends have gone there is nobody for whom something could be stalled.
        if (is_done(pair.up) && is_done(pair.down)) return false;
    }
    watch(pair);
    return true;
}

void TcpLink::watch(Pair& pair) {
    const auto interest = [](const Flow& out_of, const Flow& into) {
        std::uint32_t events = 0;
        if (!out_of.read_over && out_of.shaper.room() > 0) events |= EPOLLIN;
        if (!into.piece.empty()) events |= EPOLLOUT;
        return events;
    };
    // One without interest is not watched at all: its hang-up would be told again and again.
    const auto watch_for = [this](const FileDescriptor& socket, bool& watched, std::uint32_t events) {
        if (events == 0 && !watched) return;
        if (!watched) {
            (void)poller_.watch(socket.get(), kPairTag, events);
        } else if (events == 0) {
            poller_.forget(socket.get());
        } else {
            poller_.change(socket.get(), kPairTag, events);
        }
        watched = events != 0;
    };
    watch_for(pair.near, pair.near_watched, pair.connecting ? 0 : interest(pair.up, pair.down));
    watch_for(pair.far, pair.far_watched,
              pair.connecting ? std::uint32_t{EPOLLOUT} : interest(pair.down, pair.up));

    pair.next.reset();
    if (pair.connecting) return;
    for (const Flow* flow : {&pair.up, &pair.down}) {
        // A piece that waits for the kernel is told by epoll, or looked after in a while.
        if (flow->over || !flow->piece.empty()) continue;
        auto next = flow->shaper.next_deadline();
        if (!next) continue;
        if (has_unsent(flow->to)) next = std::max(*next, clock_.now().steady + kUnsentRetry);
        pair.next = pair.next ? std::min(*pair.next, *next) : *next;
    }
}

void TcpLink::read_commands() {
    for (const std::string& line : poller_.next_commands()) {
        fmt::print("{}\n", obey(line));
        std::fflush(stdout);
    }
}

std::string TcpLink::obey(std::string_view line) {
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view verb = line.substr(0, space);
    const std::string_view rest = line.substr(std::min(space + 1, line.size()));
    const nlohmann::json done = {{"done", line}};
    if (verb == "counts") return to_json(counts()).dump();
    if ((verb == "stall" || verb == "resume") && (rest.empty() || rest == "up" || rest == "down")) {
        for (const auto& pair : pairs_) {
            for (Flow* flow : {&pair->up, &pair->down}) {
                if (rest == (flow == &pair->up ? "down" : "up")) continue;
                verb == "stall" ? flow->shaper.stall() : flow->shaper.resume();
            }
        }
        return done.dump();
    }
    if ((verb == "reset" || verb == "close") && rest.empty()) {
        for (const auto& pair : pairs_) {
            count(*pair, counts_);
            if (verb == "close") continue;
            reset(pair->near);
            reset(pair->far);
        }
        pairs_.clear();
        return done.dump();
    }
    if (verb == "options") {
        auto plan = options_.read_plan(std::string(rest));
        if (!plan) return nlohmann::json{{"error", plan.error().text()}}.dump();
        plan_ = std::move(*plan);
        next_number_ = 0;
        for (const auto& pair : pairs_) {
            pair->up.shaper.set_options(plan_.up.of(next_number_));
            pair->down.shaper.set_options(plan_.down.of(next_number_));
            ++next_number_;
        }
        return done.dump();
    }
    return nlohmann::json{
        {"error", fmt::format("{}: not a command; write stall, resume, reset, close, options or "
                              "counts",
                              line)}}
        .dump();
}

void TcpLink::count(const Pair& pair, TcpLinkCounts& counts) {
    counts.up += pair.up.shaper.counts();
    counts.down += pair.down.shaper.counts();
}

TcpLinkCounts TcpLink::counts() const {
    TcpLinkCounts counts = counts_;
    for (const auto& pair : pairs_)
        count(*pair, counts);
    return counts;
}

void TcpLink::run() {
    for (bool goes_on = true; goes_on;) {
        std::optional<SteadyTime> next;
        for (const auto& pair : pairs_) {
            if (pair->next) next = next ? std::min(*next, *pair->next) : *pair->next;
        }
        for (const std::uint64_t tag : poller_.wait(next, clock_.now().steady)) {
            if (tag == Poller::kSignals) goes_on = !poller_.next_signal();
            if (tag == kListenerTag) accept();
            if (tag == Poller::kCommands) read_commands();
        }
        // They are few: all are looked at in every turn.
        std::erase_if(pairs_, [this](const std::unique_ptr<Pair>& pair) {
            const bool goes_on_too = turn(*pair);
            if (!goes_on_too) count(*pair, counts_);
            return !goes_on_too;
        });
    }
}

}  // namespace narrowgate::sim
