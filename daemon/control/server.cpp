// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/server.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <list>
#include <system_error>

#include "narrowgate/io/unix_socket.hpp"

namespace narrowgate::daemon {
namespace {

constexpr int kBacklog = 64;
constexpr mode_t kSocketMode = 0660;

std::unexpected<Error> cannot(const std::filesystem::path& socket, std::string_view what) {
    return failure(fmt::format("cannot {} {}: {}", what, socket.string(), system_message(errno)),
                   "make the runtime_directory writable for the user that runs narrowgate");
}

bool is_served(const sockaddr_un& address) {
    const io::UnixSocket probe = io::UnixSocket::stream();
    return probe &&
           (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
            errno == EAGAIN);
}

Expected<io::UnixSocket> listen_at(const std::filesystem::path& socket) {
    std::error_code error;
    const auto directory = socket.parent_path();
    const bool made = !directory.empty() && std::filesystem::create_directories(directory, error);
    if (error) {
        return failure(
            fmt::format("cannot make the runtime_directory {}: {}", directory.string(), error.message()),
            fmt::format("make it for the user that runs narrowgate (systemd does it: "
                        "RuntimeDirectory=): install -d -m 0750 -o narrowgate {}",
                        directory.string()));
    }
    if (made) {
        using std::filesystem::perms;
        std::filesystem::permissions(directory, perms::owner_all | perms::group_read | perms::group_exec,
                                     error);
    }
    const auto address = io::unix_address(socket);
    if (!address) {
        return failure(fmt::format("the path {} is too long for a socket", socket.string()),
                       "choose a shorter runtime_directory");
    }
    if (is_served(*address)) {
        return failure(fmt::format("another process serves {}", socket.string()),
                       "stop the other narrowgate, or give this one a runtime_directory of its own");
    }
    if (unlink(socket.c_str()) != 0 && errno != ENOENT) return cannot(socket, "replace");
    io::UnixSocket listener = io::UnixSocket::stream();
    // The mode is set before there is a name, so that the socket is at no moment open to others.
    if (!listener || fchmod(listener.get(), kSocketMode) != 0 ||
        bind(listener.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
        return cannot(socket, "make");
    }
    if (chmod(socket.c_str(), kSocketMode) != 0 || listen(listener.get(), kBacklog) != 0)
        return cannot(socket, "listen at");
    return listener;
}

}  // namespace

struct ControlServer::Impl {
    struct Client {
        io::UnixSocket socket;
        io::Source ready;
        io::Source deadline;
        std::string in;
        std::string out;
        std::size_t sent = 0;

        // Both may hold keys.
        ~Client() {
            wipe_text(in);
            wipe_text(out);
        }
    };
    using Clients = std::list<Client>;

    Impl(io::EventLoop& event_loop, std::filesystem::path path, const ControlCalls& control_calls, Log& to,
         ControlLimits its_limits)
        : loop(event_loop), socket_path(std::move(path)), calls(control_calls), log(to), limits(its_limits) {}

    void accept_all() {
        while (true) {
            io::UnixSocket socket(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!socket) return;
            if (clients.size() >= limits.max_clients) clients.pop_front();
            clients.emplace_back();
            const auto client = std::prev(clients.end());
            client->socket = std::move(socket);
            client->ready = loop.watch(client->socket.get(), io::Ready::kRead,
                                       [this, client](io::Ready what) { turn(client, what); });
            client->deadline = loop.timer([this, client] { end(client); });
            client->deadline.arm(loop.now().steady + limits.patience);
        }
    }

    void end(Clients::iterator client) { clients.erase(client); }

    void turn(Clients::iterator client, io::Ready what) {
        if (client->out.empty()) {
            read(client);
        } else if (has(what, io::Ready::kHangup)) {
            end(client);
        } else {
            write(client);
        }
    }

    void read(Clients::iterator client) {
        std::array<char, 65'536> buffer{};
        const ssize_t count = recv(client->socket.get(), buffer.data(), buffer.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count <= 0) return end(client);
        const std::string_view got(buffer.data(), static_cast<std::size_t>(count));
        const std::size_t line_end = got.find('\n');
        append(client->in, got.substr(0, line_end));
        wipe({reinterpret_cast<std::uint8_t*>(buffer.data()), static_cast<std::size_t>(count)});
        if (client->in.size() > limits.max_request_bytes) {
            answer(client, control_error({"the request is too long",
                                          fmt::format("send at most {} bytes", limits.max_request_bytes)}));
        } else if (line_end != std::string_view::npos) {
            answer(client, calls.answer(client->in, caller_at(client->socket.get())));
        }
    }

    // Grows by wiped copies, so that no key stays behind in freed memory.
    static void append(std::string& text, std::string_view more) {
        if (text.size() + more.size() > text.capacity()) {
            std::string larger;
            larger.reserve((text.size() + more.size()) * 2);
            larger = text;
            wipe_text(text);
            text = std::move(larger);
        }
        text += more;
    }

    void answer(Clients::iterator client, std::string line) {
        if (line.size() > kMaxControlAnswerBytes)
            line = control_error({"the answer is too long", "ask for less at a time"});
        client->out = std::move(line);
        client->out += '\n';
        client->ready.wait_for(io::Ready::kWrite);
        // A call may have taken its time; the client's own begins anew. The loop's time is that before the
        // call.
        client->deadline.arm(SystemClock{}.now().steady + limits.patience);
        write(client);
    }

    void write(Clients::iterator client) {
        const std::string_view rest = std::string_view(client->out).substr(client->sent);
        const ssize_t count = send(client->socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count < 0) return end(client);
        client->sent += static_cast<std::size_t>(count);
        if (client->sent == client->out.size()) end(client);
    }

    io::EventLoop& loop;
    const std::filesystem::path socket_path;
    const ControlCalls& calls;
    Log& log;
    const ControlLimits limits;
    io::UnixSocket listener;
    io::Source incoming;
    Clients clients;  // oldest first
};

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ControlServer::~ControlServer() {
    if (impl_->listener) unlink(impl_->socket_path.c_str());
}

Expected<std::unique_ptr<ControlServer>> ControlServer::open(io::EventLoop& loop,
                                                             const std::filesystem::path& socket,
                                                             const ControlCalls& calls, Log& log,
                                                             ControlLimits limits) {
    auto listener = listen_at(socket);
    if (!listener) return std::unexpected(std::move(listener.error()));
    auto impl = std::make_unique<Impl>(loop, socket, calls, log, limits);
    impl->listener = *std::move(listener);
    impl->incoming = loop.watch(impl->listener.get(), io::Ready::kRead,
                                [raw = impl.get()](io::Ready) { raw->accept_all(); });
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

std::size_t ControlServer::clients() const {
    return impl_->clients.size();
}

}  // namespace narrowgate::daemon
