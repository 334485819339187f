// SPDX-License-Identifier: Apache-2.0
#include "boards/host/fleet.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "boards/host/clock.hpp"

namespace narrowgate::host {
namespace {

constexpr std::uint64_t kSignalTag = UINT64_MAX;
constexpr std::uint64_t kIpAndUdpBytes = 28;  // of IPv4 and UDP headers
constexpr std::uint64_t kWaitMaxMs = 60'000;

std::string traffic_text(const Traffic& up, const Traffic& down) {
    const auto on_air = [](const Traffic& one) { return one.bytes + kIpAndUdpBytes * one.datagrams; };
    char text[256];
    std::snprintf(text, sizeof text,
                  R"({"datagrams_up":%)" PRIu64 R"(,"datagrams_down":%)" PRIu64
                  R"(,"udp_payload_bytes_up":%)" PRIu64 R"(,"udp_payload_bytes_down":%)" PRIu64
                  R"(,"bytes_on_air_up":%)" PRIu64 R"(,"bytes_on_air_down":%)" PRIu64 "}",
                  up.datagrams, down.datagrams, up.bytes, down.bytes, on_air(up), on_air(down));
    return text;
}

}  // namespace

std::expected<std::unique_ptr<Fleet>, std::string> Fleet::make(const Options& options,
                                                               std::vector<Identity> identities) {
    if (!options.modem_paths.empty() && options.modem_paths.size() > identities.size())
        return std::unexpected("there are more --modem than nodes");
    std::unique_ptr<Fleet> fleet(new Fleet(options));
    if (auto opened = fleet->open(); !opened) return std::unexpected(opened.error());
    fleet->began_ms_ = steady_ms();
    const auto spread = static_cast<std::uint64_t>(options.spread.count());
    for (std::size_t i = 0; i < identities.size(); ++i) {
        const std::uint64_t on_at = fleet->began_ms_ + spread * i / identities.size();
        auto machine = Machine::make(std::move(identities[i]), options, i, on_at);
        if (!machine) return std::unexpected(machine.error());
        fleet->places_.push_back({std::move(*machine), 0, -1});
        fleet->settle(i);
    }
    return fleet;
}

std::expected<void, std::string> Fleet::open() {
    epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1})
        ::sigaddset(&signals, signal);
    signals_ = FileDescriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!epoll_ || !signals_ || !watch(signals_.get(), kSignalTag))
        return std::unexpected(std::string("epoll: ") + std::strerror(errno));
    if (options_.events_path.empty()) return {};
    events_ =
        FileDescriptor(::open(options_.events_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!events_) return std::unexpected(options_.events_path + ": " + std::strerror(errno));
    return {};
}

bool Fleet::watch(int fd, std::uint64_t tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

// After each turn of a machine: its events, its deadline, and another descriptor if it has one.
void Fleet::settle(std::size_t index) {
    Place& place = places_[index];
    const std::string events = place.machine->take_events();
    if (events_ && !events.empty()) (void)!::write(events_.get(), events.data(), events.size());
    deadlines_.erase({place.deadline_ms, index});
    place.deadline_ms = place.machine->deadline_ms();
    deadlines_.emplace(place.deadline_ms, index);
    // One that was closed has left the epoll by itself.
    const int fd = place.machine->fd();
    if (fd != place.watched_fd && fd >= 0) (void)watch(fd, index);
    place.watched_fd = fd;
}

void Fleet::read_signals(std::uint64_t now_ms) {
    signalfd_siginfo signal;
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
        if (signal.ssi_signo == SIGUSR1)
            report(false);
        else
            stop_at_ms_ = now_ms;
    }
}

bool Fleet::is_done() const {
    return !measures_ && std::ranges::all_of(places_, [](const Place& place) {
        return place.machine->all_is_acknowledged();
    });
}

void Fleet::report(bool final) {
    Totals sums;
    for (const Place& place : places_)
        place.machine->add_to(sums);
    std::printf(
        R"({"seconds":%.3f,"nodes":%zu,"established":%zu,"asleep":%zu,"handshakes_started":%)" PRIu64
        R"(,"handshakes":%)" PRIu64 R"(,"handshakes_failed":%)" PRIu64 R"(,"resumed":%)" PRIu64
        R"(,"measured":%)" PRIu64 R"(,"acked":%)" PRIu64 R"(,"refused":%)" PRIu64 R"(,"dropped":%)" PRIu64
        R"(,"deferred":%)" PRIu64 R"(,"unanswered":%)" PRIu64 R"(,"waiting":%)" PRIu64
        R"(,"retransmissions":%)" PRIu64 R"(,"handshake_traffic":%s,"reading_traffic":%s,"final":%s})"
        "\n",
        static_cast<double>(steady_ms() - began_ms_) / 1'000, sums.nodes, sums.established, sums.asleep,
        sums.handshakes_started, sums.handshakes, sums.handshakes_failed, sums.resumed, sums.measured,
        sums.acked, sums.refused, sums.dropped, sums.deferred, sums.unanswered, sums.waiting,
        sums.retransmissions, traffic_text(sums.traffic.handshake_up, sums.traffic.handshake_down).c_str(),
        traffic_text(sums.traffic.up, sums.traffic.down).c_str(), final ? "true" : "false");
    std::fflush(stdout);
}

bool Fleet::run() {
    const auto every = static_cast<std::uint64_t>(options_.report_interval.count());
    std::uint64_t report_at = every == 0 ? UINT64_MAX : began_ms_ + every;
    if (options_.duration.count() > 0)
        stop_at_ms_ = began_ms_ + static_cast<std::uint64_t>(options_.duration.count());
    report(false);
    std::array<epoll_event, 256> ready;
    for (;;) {
        const std::uint64_t wake = std::min({deadlines_.begin()->first, report_at, stop_at_ms_, give_up_ms_});
        std::uint64_t now = steady_ms();
        const std::uint64_t wait = wake > now ? std::min(wake - now, kWaitMaxMs) : 0;
        const int count =
            ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), static_cast<int>(wait));
        now = steady_ms();
        for (int i = 0; i < count; ++i) {
            const std::uint64_t tag = ready[static_cast<std::size_t>(i)].data.u64;
            if (tag == kSignalTag) {
                read_signals(now);
                continue;
            }
            places_[tag].machine->hear();
            settle(tag);
        }
        // Each at most once, then input has its turn.
        for (std::size_t i = 0; i < places_.size() && deadlines_.begin()->first <= now; ++i) {
            const std::size_t index = deadlines_.begin()->second;
            places_[index].machine->turn();
            settle(index);
        }
        if (now >= stop_at_ms_) {
            stop_at_ms_ = UINT64_MAX;
            if (measures_) give_up_ms_ = now + static_cast<std::uint64_t>(options_.drain.count());
            measures_ = false;
            for (const Place& place : places_)
                place.machine->stop_measuring();
        }
        if (is_done() || now >= give_up_ms_) break;
        if (now >= report_at) {
            report(false);
            report_at = now + every;
        }
    }
    for (const Place& place : places_)
        place.machine->rest();
    report(true);
    return is_done();
}

}  // namespace narrowgate::host
