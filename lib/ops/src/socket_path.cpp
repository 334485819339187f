// SPDX-License-Identifier: Apache-2.0
#include "socket_path.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "narrowgate/io/unix_socket.hpp"

namespace narrowgate::ops {
namespace {

constexpr mode_t kDirectoryMode = 0750;

}  // namespace

int try_connect(const std::filesystem::path& socket) {
    const auto address = io::unix_address(socket);
    if (!address) return ENAMETOOLONG;
    const io::UnixSocket probe = io::UnixSocket::stream();
    if (!probe) return EMFILE;
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0) return 0;
    return errno == EAGAIN ? 0 : errno;  // as many wait as may
}

Expected<void> clear_socket_path(const std::filesystem::path& socket) {
    if (!io::unix_address(socket)) {
        return failure(fmt::format("{}: too long for a socket's name, {} bytes", socket.string(),
                                   socket.native().size()),
                       "set gateway.runtime_directory to a shorter path (107 bytes with the socket's name)");
    }
    const auto directory = socket.parent_path();
    if (::mkdir(directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
        return failure(
            fmt::format("{}: {}", directory.string(), system_message(errno)),
            fmt::format(
                "make it (systemd does so for RuntimeDirectory=): install -d -m 0750 -o narrowgate {}",
                directory.string()));
    }
    switch (try_connect(socket)) {
        case ENOENT:
        case ENOTDIR:
            return {};
        case 0:
        case EMFILE:  // not known: nothing is to be removed
            return failure(fmt::format("{}: another process serves it", socket.string()),
                           "stop the other gateway, or give this one a gateway.runtime_directory of its own");
        default:
            break;
    }
    std::error_code error;
    if (!std::filesystem::is_socket(socket, error)) {
        return failure(fmt::format("{}: is there and is no socket", socket.string()), "remove it");
    }
    if (::unlink(socket.c_str()) != 0) {
        return failure(fmt::format("{}: {}", socket.string(), system_message(errno)), "remove it");
    }
    return {};
}

}  // namespace narrowgate::ops
