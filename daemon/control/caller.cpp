// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/caller.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace narrowgate::daemon {

Caller caller_of_user(uid_t user) {
    std::array<char, 4096> texts{};
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(user, &entry, texts.data(), texts.size(), &found) == 0 && found != nullptr)
        return {fmt::format("{} (uid {})", found->pw_name, user)};
    return {fmt::format("uid {}", user)};
}

Caller caller_at(int socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {"unknown user"};
    return caller_of_user(peer.uid);
}

Caller this_caller() {
    return caller_of_user(getuid());
}

}  // namespace narrowgate::daemon
