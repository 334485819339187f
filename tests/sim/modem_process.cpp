// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sim/counts_json.hpp"
#include "sim/modem_control.hpp"
#include "sim/modem_log.hpp"

namespace narrowgate::sim {
namespace {

// Other tags are numbers of outside ports.
constexpr std::uint64_t kListenerTag = Poller::kLargestTag;
constexpr std::uint64_t kNodeTag = kListenerTag - 1;

constexpr std::size_t kReadBytes = 4096;
// That wait for a node that does not read; then all of it is lost, as on a UART nobody listens to.
constexpr std::size_t kUnsentBytes = std::size_t{64} * 1024;

Address any_port_like(const Address& peer) {
    // Loopback speaks to loopback; else the system chooses.
    Address address = *Address::from_text(peer.is_v4() ? "0.0.0.0:0" : "[::]:0");
    if (peer.is_v4() && peer.ip[12] == 127) address = *Address::from_text("127.0.0.1:0");
    return address;
}

bool is_loopback(const Address& address) {
    return address.is_v4() && address.ip[12] == 127;
}

FileDescriptor udp_socket(const Address& peer) {
    sockaddr_storage storage{};
    const Address own = any_port_like(peer);
    const socklen_t size = own.to_sockaddr(storage, own.is_v4());
    FileDescriptor fresh(
        ::socket(own.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fresh && ::bind(fresh.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) fresh.reset();
    return fresh;
}

}  // namespace

ModemProcess::ModemProcess(const ModemProcessOptions& options)
    : options_(options), outside_(Modem::kOutsidePorts) {}

ModemProcess::~ModemProcess() {
    if (!options_.socket_path.empty() && listener_) ::unlink(options_.socket_path.c_str());
    if (!options_.link_path.empty() && terminal_) ::unlink(options_.link_path.c_str());
}

Expected<std::unique_ptr<ModemProcess>> ModemProcess::make(const ModemProcessOptions& options) {
    auto process = std::unique_ptr<ModemProcess>(new ModemProcess(options));
    if (auto opened = process->poller_.open({SIGTERM, SIGINT, SIGUSR1}); !opened)
        return std::unexpected(opened.error());
    process->poller_.take_commands_from(STDIN_FILENO);
    if (!options.log_path.empty()) {
        process->log_.reset(std::fopen(options.log_path.c_str(), "we"));
        if (!process->log_) {
            return failure(fmt::format("{}: {}", options.log_path, system_message(errno)),
                           "choose a file that can be written");
        }
    }
    auto opened = options.socket_path.empty() ? process->open_pty() : process->open_serial();
    if (!opened) return std::unexpected(opened.error());
    return process;
}

Expected<void> ModemProcess::open_serial() {
    path_ = options_.socket_path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path)
        return failure(path_ + ": too long for a unix socket", "choose a path of at most 107 characters");
    path_.copy(address.sun_path, path_.size());
    (void)::unlink(path_.c_str());  // of one that was killed
    FileDescriptor fresh(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fresh || ::bind(fresh.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fresh.get(), 4) != 0) {
        return failure(fmt::format("{}: {}", path_, system_message(errno)), "choose another path");
    }
    listener_ = std::move(fresh);
    return poller_.watch(listener_.get(), kListenerTag);
}

Expected<void> ModemProcess::open_pty() {
    FileDescriptor master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    std::array<char, 128> name{};
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
        ::ptsname_r(master.get(), name.data(), name.size()) != 0) {
        return failure("pseudo-terminal: " + system_message(errno), "give a unix socket instead (--socket)");
    }
    path_ = name.data();
    terminal_ = FileDescriptor(::open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings{};
    if (!terminal_ || ::tcgetattr(terminal_.get(), &settings) != 0)
        return failure(fmt::format("{}: {}", path_, system_message(errno)));
    ::cfmakeraw(&settings);
    (void)::tcsetattr(terminal_.get(), TCSANOW, &settings);
    if (!options_.link_path.empty()) {
        (void)::unlink(options_.link_path.c_str());
        if (::symlink(path_.c_str(), options_.link_path.c_str()) != 0)
            return failure(fmt::format("{}: {}", options_.link_path, system_message(errno)),
                           "choose another path");
    }
    node_ = std::move(master);
    if (auto watched = poller_.watch(node_.get(), kNodeTag); !watched) return watched;
    switch_on(clock_.now());
    return {};
}

void ModemProcess::switch_on(Now now) {
    ModemListener listener;
    if (log_) {
        listener = [this, began = now.steady](const ModemEvent& event) {
            const bool dialogue =
                event.kind == ModemEvent::Kind::kHeard || event.kind == ModemEvent::Kind::kSaid;
            if (dialogue && !options_.log_dialogue) return;
            fmt::print(log_.get(), "{}\n", to_json_line(event, began));
            std::fflush(log_.get());
        };
    }
    modem_.emplace(options_.modem, options_.seed, now, std::move(listener));
}

// The node's side.

void ModemProcess::lose_node() {
    node_.reset();
    unsent_.clear();
    waits_to_write_ = false;
}

void ModemProcess::accept_node(Now now) {
    FileDescriptor fresh(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fresh) return;
    lose_node();
    node_ = std::move(fresh);
    if (!poller_.watch(node_.get(), kNodeTag)) lose_node();
    if (!modem_) switch_on(now);
}

void ModemProcess::read_node(Now now) {
    std::array<std::uint8_t, kReadBytes> buffer;
    while (node_) {
        const ssize_t bytes = ::read(node_.get(), buffer.data(), buffer.size());
        if (bytes > 0) {
            modem_->receive(ByteView(buffer).first(static_cast<std::size_t>(bytes)), now);
        } else if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            lose_node();
        }
    }
}

void ModemProcess::write_node(Bytes bytes) {
    if (!node_) return;
    unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
    while (!unsent_.empty()) {
        const ssize_t done = ::write(node_.get(), unsent_.data(), unsent_.size());
        if (done <= 0) break;
        unsent_.erase(unsent_.begin(), unsent_.begin() + done);
    }
    if (unsent_.size() > kUnsentBytes) unsent_.clear();
    if (unsent_.empty() != waits_to_write_) return;
    waits_to_write_ = !waits_to_write_;
    poller_.change(node_.get(), kNodeTag, EPOLLIN | (waits_to_write_ ? EPOLLOUT : 0u));
}

// The network's side.

void ModemProcess::send(const Modem::Uplink& uplink) {
    Outside& outside = outside_[uplink.outside_port];
    const Address to = options_.gateway.value_or(uplink.to);
    if (!options_.gateway && !is_loopback(to)) {
        if (astray_++ == 0) {
            fmt::print(stderr,
                       "narrowgate-modem: {} is not on this machine: what is for it is lost; name it, or "
                       "another one in its place, with --gateway\n",
                       to.text());
        }
        return;
    }
    if (uplink.opens_mapping || !outside.socket) {
        FileDescriptor fresh = udp_socket(to);  // before the old one is closed: surely another port
        if (!fresh || !poller_.watch(fresh.get(), uplink.outside_port)) return;
        outside.socket = std::move(fresh);
    }
    outside.named = uplink.to;
    sockaddr_storage storage{};
    const socklen_t size = to.to_sockaddr(storage, to.is_v4());
    // What the kernel refuses is lost on the way, as on any link.
    (void)::sendto(outside.socket.get(), uplink.datagram.data(), uplink.datagram.size(), MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&storage), size);
}

void ModemProcess::read_outside(std::uint16_t number, Now now) {
    std::array<std::uint8_t, kReadBytes> buffer;
    const Outside& outside = outside_[number];
    while (outside.socket) {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        const ssize_t bytes = ::recvfrom(outside.socket.get(), buffer.data(), buffer.size(), 0,
                                         reinterpret_cast<sockaddr*>(&storage), &size);
        // ECONNREFUSED while the other end is down: for UDP it means nothing.
        if (bytes < 0 && (errno == ECONNREFUSED || errno == EINTR)) continue;
        if (bytes < 0) return;
        auto from = Address::from_sockaddr(storage);
        if (!from) continue;
        if (from == options_.gateway) from = outside.named;
        modem_->arrive(number, *from, ByteView(buffer).first(static_cast<std::size_t>(bytes)), now);
    }
}

// The test's side.

void ModemProcess::read_commands(Now now) {
    for (const std::string& line : poller_.next_commands()) {
        if (!modem_) {
            fmt::print("{}\n", nlohmann::json{{"error", "the modem is not on: no node has come yet"}}.dump());
        } else if (const auto obeyed = obey(line, *modem_, now); !obeyed) {
            fmt::print("{}\n", nlohmann::json{{"error", obeyed.error().text()}}.dump());
        } else {
            fmt::print("{}\n", *obeyed ? counts_text() : nlohmann::json{{"done", line}}.dump());
        }
    }
    std::fflush(stdout);
}

// False when it is time to go.
bool ModemProcess::read_signals(Now now) {
    bool goes_on = true;
    while (const auto signal = poller_.next_signal()) {
        if (*signal != SIGUSR1) {
            goes_on = false;
        } else if (modem_) {
            modem_->rebind(now);
        }
    }
    return goes_on;
}

std::string ModemProcess::counts_text() const {
    nlohmann::json json = modem_ ? to_json(modem_->state().counts) : nlohmann::json::object();
    json["astray"] = astray_;
    if (modem_) {
        json["dropped"] = modem_->state().sockets.dropped();
        json["lost_while_asleep"] = modem_->state().radio.lost_downlinks();
        json["mappings"] = modem_->air().mappings();
        json["rebound"] = modem_->air().rebound();
        json["timed_out"] = modem_->air().timed_out();
        json["bytes_lost_asleep"] = modem_->ear().lost_asleep();
        json["bytes_lost_starting"] = modem_->ear().lost_off();
        json["link_up"] = to_json(modem_->air().link_counts(Direction::kUp));
        json["link_down"] = to_json(modem_->air().link_counts(Direction::kDown));
    }
    return json.dump();
}

bool ModemProcess::dispatch(std::uint64_t tag, Now now) {
    switch (tag) {
        case Poller::kSignals:
            return read_signals(now);
        case kListenerTag:
            accept_node(now);
            return true;
        case Poller::kCommands:
            read_commands(now);
            return true;
        case kNodeTag:
            read_node(now);
            return true;
        default:
            read_outside(static_cast<std::uint16_t>(tag), now);
            return true;
    }
}

Expected<void> ModemProcess::run() {
    for (bool goes_on = true; goes_on;) {
        const auto ready = poller_.wait(modem_ ? modem_->deadline() : std::nullopt, clock_.now().steady);
        const Now now = clock_.now();
        for (const std::uint64_t tag : ready)
            goes_on = dispatch(tag, now) && goes_on;
        if (!modem_) continue;
        write_node(modem_->transmit(now));
        while (const auto uplink = modem_->take_uplink(now))
            send(*uplink);
    }
    if (log_ && std::ferror(log_.get()) != 0)
        return failure(options_.log_path + ": could not be written", "make room on its disk");
    return {};
}

}  // namespace narrowgate::sim
