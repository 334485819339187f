// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_process.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sim/aws_command.hpp"
#include "sim/counts_json.hpp"

namespace narrowgate::sim {
namespace {

constexpr std::uint64_t kListenerTag = Poller::kLargestTag;
constexpr milliseconds kLongestWait{1'000};

constexpr std::size_t kReadBytes = std::size_t{16} * 1024;  // a TLS record's content at most
// Of a peer that was told to go.
constexpr seconds kLastWords{5};
// As SSL_select_next_proto wants it: the name behind its length.
constexpr std::string_view kAlpn = "\x0ex-amzn-mqtt-ca";

std::string tls_words() {
    std::array<char, 256> text{};
    ::ERR_error_string_n(::ERR_get_error(), text.data(), text.size());
    ::ERR_clear_error();
    return text.data();
}

const unsigned char* data_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// Set when a client offers any; `required` says what follows from none that is known.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                unsigned int offered_size, void*) {
    unsigned char* selected = nullptr;
    if (::SSL_select_next_proto(&selected, out_size, data_of(kAlpn), static_cast<unsigned>(kAlpn.size()),
                                offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

AwsProcess::AwsProcess(const AwsProcessOptions& options)
    : options_(options),
      address_(options.listen),
      broker_(
          options.broker,
          {.connected =
               [this](const std::string& client, seconds keep_alive) {
                   record(nlohmann::json{{"connected", client}, {"keep_alive", keep_alive.count()}}.dump());
               },
           .taken = [this](const AwsBroker::Taken& taken) { record(taken); },
           .unanswered =
               [this](const std::vector<std::uint64_t>& numbers) {
                   record(nlohmann::json{{"unanswered", numbers}}.dump());
               }}) {}

Expected<std::unique_ptr<AwsProcess>> AwsProcess::make(const AwsProcessOptions& options) {
    auto process = std::unique_ptr<AwsProcess>(new AwsProcess(options));
    if (auto opened = process->poller_.open({SIGTERM, SIGINT}); !opened)
        return std::unexpected(opened.error());
    process->poller_.take_commands_from(STDIN_FILENO);
    if (auto opened = process->open_tls(); !opened) return std::unexpected(opened.error());
    if (auto opened = process->open_listener(); !opened) return std::unexpected(opened.error());
    if (!options.record_file.empty()) {
        process->recording_.reset(std::fopen(options.record_file.c_str(), "ae"));
        if (!process->recording_) {
            return failure(fmt::format("{}: {}", options.record_file, system_message(errno)),
                           "choose a file that can be written");
        }
    }
    return process;
}

Expected<void> AwsProcess::open_tls() {
    context_.reset(::SSL_CTX_new(TLS_server_method()));
    SSL_CTX* const context = context_.get();
    if (!context) return failure("TLS: " + tls_words());
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    // No session tickets, as AWS has none: a full handshake each time.
    ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    ::SSL_CTX_set_num_tickets(context, 0);
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    ::SSL_CTX_set_alpn_select_cb(context, &select_alpn, nullptr);
    for (const auto& [file, done] :
         {std::pair{&options_.certificate_file,
                    ::SSL_CTX_use_certificate_chain_file(context, options_.certificate_file.c_str())},
          std::pair{&options_.key_file,
                    ::SSL_CTX_use_PrivateKey_file(context, options_.key_file.c_str(), SSL_FILETYPE_PEM)},
          std::pair{&options_.client_ca_file,
                    ::SSL_CTX_load_verify_locations(context, options_.client_ca_file.c_str(), nullptr)}}) {
        if (done != 1)
            return failure(fmt::format("{}: {}", *file, tls_words()), "give PEM files that belong together");
    }
    return {};
}

Expected<void> AwsProcess::open_listener() {
    sockaddr_storage storage{};
    const bool v4 = address_.is_v4();
    socklen_t size = address_.to_sockaddr(storage, v4);
    listener_ =
        FileDescriptor(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    (void)::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!listener_ || ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
        ::listen(listener_.get(), SOMAXCONN) != 0) {
        return failure(fmt::format("{}: {}", address_.text(), system_message(errno)),
                       "choose another address");
    }
    size = sizeof storage;
    (void)::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&storage), &size);
    address_ = Address::from_sockaddr(storage).value_or(address_);
    return poller_.watch(listener_.get(), kListenerTag);
}

void AwsProcess::accept_all(Now now) {
    for (;;) {
        FileDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) return;
        const int on = 1;
        (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        std::unique_ptr<SSL, FreeSession> tls(::SSL_new(context_.get()));
        if (!tls || ::SSL_set_fd(tls.get(), fd.get()) != 1) continue;
        ::SSL_set_accept_state(tls.get());
        const auto id = broker_.opened(now.steady);
        if (!poller_.watch(fd.get(), id)) {
            broker_.gone(id);
            continue;
        }
        Socket socket;
        socket.tls = std::move(tls);
        socket.fd = std::move(fd);
        socket.events = EPOLLIN;
        sockets_.emplace(id, std::move(socket));
    }
}

bool AwsProcess::serve(AwsBroker::ConnectionId id, Socket& socket, Now now) {
    if (socket.gives_up && now.steady >= *socket.gives_up) return false;
    if (!socket.open && !shake_hands(socket)) return false;
    if (!socket.open) return true;
    return write(socket) && read(id, socket, now);
}

bool AwsProcess::shake_hands(Socket& socket) {
    const int result = ::SSL_accept(socket.tls.get());
    if (result == 1) {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        ::SSL_get0_alpn_selected(socket.tls.get(), &name, &size);
        socket.open = size > 0 || !options_.require_alpn;
        return socket.open;
    }
    const int why = ::SSL_get_error(socket.tls.get(), result);
    ::ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return true;
    ++failed_handshakes_;
    return false;
}

bool AwsProcess::read(AwsBroker::ConnectionId id, Socket& socket, Now now) {
    std::array<std::uint8_t, kReadBytes> buffer;
    while (socket.closing || broker_.readable_at(id) <= now.steady) {
        const int count = ::SSL_read(socket.tls.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (count <= 0) {
            const int why = ::SSL_get_error(socket.tls.get(), count);
            ::ERR_clear_error();
            return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        }
        if (!socket.closing)
            broker_.received(id, ByteView(buffer).first(static_cast<std::size_t>(count)), now);
        send_outputs(now);
    }
    return true;
}

bool AwsProcess::write(Socket& socket) {
    while (!socket.unsent.empty()) {
        const int count =
            ::SSL_write(socket.tls.get(), socket.unsent.data(), static_cast<int>(socket.unsent.size()));
        if (count <= 0) {
            const int why = ::SSL_get_error(socket.tls.get(), count);
            ::ERR_clear_error();
            return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        }
        socket.unsent.erase(socket.unsent.begin(), socket.unsent.begin() + count);
    }
    // What was said before must arrive: the peer is let go by a FIN, and read until it goes too. Closing with
    // unread bytes would send a reset, which may overtake what was said.
    if (socket.closing) (void)::shutdown(socket.fd.get(), SHUT_WR);
    return true;
}

void AwsProcess::send_outputs(Now now) {
    while (auto output = broker_.take(now.steady)) {
        const auto found = sockets_.find(output->to);
        if (found == sockets_.end()) continue;
        Socket& socket = found->second;
        if (socket.closing) continue;
        socket.unsent.insert(socket.unsent.end(), output->bytes.begin(), output->bytes.end());
        if (output->close) {
            socket.closing = true;
            socket.gives_up = now.steady + kLastWords;
        }
        (void)write(socket);
    }
}

void AwsProcess::set_events(AwsBroker::ConnectionId id, Socket& socket, Now now) {
    std::uint32_t wanted = 0;
    if (socket.closing || !socket.open || broker_.readable_at(id) <= now.steady) wanted |= EPOLLIN;
    if (!socket.unsent.empty()) wanted |= EPOLLOUT;
    if (wanted == socket.events) return;
    socket.events = wanted;
    poller_.change(socket.fd.get(), id, wanted);
}

void AwsProcess::read_commands(Now now) {
    for (const std::string& line : poller_.next_commands()) {
        const auto asked = obey(line, broker_, now.steady);
        if (!asked) {
            fmt::print(stderr, "narrowgate-aws: {}\n", asked.error().text());
        } else if (*asked) {
            fmt::print("{}\n", to_json(broker_.counts()).dump());
            std::fflush(stdout);
        }
    }
}

Expected<void> AwsProcess::run() {
    for (;;) {
        const SteadyTime latest = clock_.now().steady + kLongestWait;
        const auto ready =
            poller_.wait(std::min(broker_.deadline().value_or(latest), latest), clock_.now().steady);
        const Now now = clock_.now();
        for (const std::uint64_t tag : ready) {
            if (tag == Poller::kSignals && poller_.next_signal()) return {};
            if (tag == kListenerTag) accept_all(now);
            if (tag == Poller::kCommands) read_commands(now);
        }
        broker_.turn(now.steady);
        send_outputs(now);
        // All of them, a handful: TLS may hold bytes that epoll knows nothing of.
        for (auto socket = sockets_.begin(); socket != sockets_.end();) {
            if (serve(socket->first, socket->second, now)) {
                set_events(socket->first, socket->second, now);
                ++socket;
            } else {
                broker_.gone(socket->first);
                socket = sockets_.erase(socket);
            }
        }
        if (recording_) std::fflush(recording_.get());
    }
}

void AwsProcess::record(const AwsBroker::Taken& taken) {
    if (!recording_) return;
    nlohmann::json line{{"n", taken.number},
                        {"at", std::chrono::duration<double>(taken.at.time_since_epoch()).count()},
                        {"client", taken.client},
                        {"topic", taken.topic},
                        {"content_type", taken.content_type},
                        {"dup", taken.dup},
                        {"bytes", taken.payload.size()}};
    if (!options_.digests) {
        if (is_utf8(taken.payload)) {
            line["payload"] = text_of(taken.payload);
        } else {
            line["payload_base64"] = to_base64(taken.payload);
        }
    }
    record(line.dump());
}

void AwsProcess::record(const std::string& line) {
    if (recording_) fmt::print(recording_.get(), "{}\n", line);
}

}  // namespace narrowgate::sim
