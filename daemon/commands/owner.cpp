// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/owner.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace narrowgate::daemon {
namespace {

std::string user_name(uid_t user) {
    const passwd* entry = getpwuid(user);
    return entry != nullptr ? entry->pw_name : std::to_string(user);
}

// The groups that the service manager would give this user.
bool take_groups_of(uid_t user, gid_t group) {
    const passwd* entry = getpwuid(user);
    return entry != nullptr ? initgroups(entry->pw_name, group) == 0 : setgroups(0, nullptr) == 0;
}

}  // namespace

Expected<void> become_owner_of(const std::filesystem::path& directory) {
    struct stat status{};
    if (stat(directory.c_str(), &status) != 0 || status.st_uid == geteuid()) return {};
    const std::string owner = user_name(status.st_uid);
    if (geteuid() != 0) {
        return failure(fmt::format("{} belongs to user {}", directory.string(), owner),
                       "run the command as root or as that user");
    }
    if (!take_groups_of(status.st_uid, status.st_gid) ||
        setresgid(status.st_gid, status.st_gid, status.st_gid) != 0 ||
        setresuid(status.st_uid, status.st_uid, status.st_uid) != 0) {
        return failure(fmt::format("cannot become user {}, who owns {}: {}", owner, directory.string(),
                                   system_message(errno)),
                       "run the command as that user");
    }
    return {};
}

}  // namespace narrowgate::daemon
