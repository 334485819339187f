// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/client.hpp"

#include <poll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "daemon/control/calls.hpp"
#include "narrowgate/io/unix_socket.hpp"

namespace narrowgate::daemon {
namespace {

// One exchange over a connected socket, within a deadline.
class Exchange {
public:
    Exchange(const io::UnixSocket& socket, milliseconds patience)
        : socket_(socket), deadline_(std::chrono::steady_clock::now() + patience) {}

    bool send_all(std::string_view text) {
        while (!text.empty()) {
            const ssize_t count = send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (count >= 0) {
                text.remove_prefix(static_cast<std::size_t>(count));
            } else if (!may_go_on(POLLOUT)) {
                // The daemon may have answered, and closed, before it had read everything.
                return errno == EPIPE || errno == ECONNRESET;
            }
        }
        return true;
    }

    // The line without its end; empty when none came in time.
    std::string receive_line() {
        std::string line;
        std::array<char, 65'536> buffer{};
        while (line.size() <= kMaxControlAnswerBytes) {
            const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (count > 0) {
                line.append(buffer.data(), static_cast<std::size_t>(count));
                if (line.back() == '\n') {
                    line.pop_back();
                    return line;
                }
            } else if (count == 0 || !may_go_on(POLLIN)) {
                break;
            }
        }
        return {};
    }

private:
    // After a call that returned -1: whether it can be tried again. Waits until then.
    bool may_go_on(short events) {
        if (errno == EINTR) return true;
        if (errno != EAGAIN) return false;
        const auto rest =
            std::chrono::duration_cast<milliseconds>(deadline_ - std::chrono::steady_clock::now());
        if (rest.count() <= 0) return false;
        pollfd waiting{.fd = socket_.get(), .events = events, .revents = 0};
        return poll(&waiting, 1, static_cast<int>(rest.count())) > 0;
    }

    const io::UnixSocket& socket_;
    const SteadyTime deadline_;
};

}  // namespace

std::expected<nlohmann::json, ops::AskFailure> ask_daemon(const std::filesystem::path& socket,
                                                          std::string_view call,
                                                          const nlohmann::json& arguments,
                                                          milliseconds patience) {
    const auto address = io::unix_address(socket);
    const io::UnixSocket connection = io::UnixSocket::stream();
    if (!address || !connection)
        return std::unexpected(ops::connect_failure(socket, address ? EMFILE : ENAMETOOLONG));
    if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0)
        return std::unexpected(ops::connect_failure(socket, errno));

    Exchange exchange(connection, patience);
    std::string request = control_request(call, arguments) + '\n';
    const bool sent = exchange.send_all(request);
    wipe_text(request);
    std::string line = sent ? exchange.receive_line() : std::string();
    if (line.empty()) return std::unexpected(ops::silence_at(socket, patience));
    auto result = control_result(line);
    wipe_text(line);
    if (!result) {
        return std::unexpected(
            ops::AskFailure{.kind = ops::AskFailure::Kind::kRefused, .error = std::move(result.error())});
    }
    return *std::move(result);
}

}  // namespace narrowgate::daemon
