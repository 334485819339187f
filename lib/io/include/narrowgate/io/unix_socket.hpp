// SPDX-License-Identifier: Apache-2.0
//
// A Unix stream socket that is owned, as both ends of the control socket and of the API need it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::io {

class UnixSocket final : public FileDescriptor {
public:
    using FileDescriptor::FileDescriptor;

    // Non-blocking, closed on exec; not open when the process has no descriptor left.
    static UnixSocket stream() {
        return UnixSocket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    }
};

// Nothing when the path is too long for a socket (unix(7): 107 bytes).
inline std::optional<sockaddr_un> unix_address(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof(address.sun_path)) return std::nullopt;
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    return address;
}

}  // namespace narrowgate::io
