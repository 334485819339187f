// SPDX-License-Identifier: Apache-2.0
#include "state_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "private_file.hpp"

namespace narrowgate::store {
namespace {

constexpr mode_t kOwnerOnlyDirectory = 0700;

std::string holder_of(int lock) {
    std::array<char, 32> text{};
    const auto size = pread(lock, text.data(), text.size(), 0);
    std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    while (!pid.empty() && (pid.back() < '0' || pid.back() > '9'))
        pid.pop_back();
    return pid.empty() ? "another process" : "process " + pid;
}

Error not_writable(const std::filesystem::path& path, const char* what, int number) {
    return {
        fmt::format("{}: {}: {}", path.string(), what, system_message(number)),
        fmt::format("the user that runs narrowgate must own the directory and be able to write to it, for "
                    "instance: install -d -m 0700 -o narrowgate {}",
                    path.parent_path().empty() || !path.has_extension() ? path.string()
                                                                        : path.parent_path().string())};
}

}  // namespace

Expected<StateDirectory> StateDirectory::claim(const std::filesystem::path& path) {
    if (mkdir(path.c_str(), kOwnerOnlyDirectory) != 0 && errno != EEXIST) {
        return std::unexpected(not_writable(path, "the state directory cannot be made", errno));
    }
    const auto lock_file = path / "state.lock";
    const int lock = open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnlyFile);
    if (lock < 0) return std::unexpected(not_writable(lock_file, "the lock cannot be opened", errno));
    StateDirectory directory(path, lock);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return std::unexpected(not_writable(lock_file, "the lock cannot be taken", errno));
        }
        return failure(
            fmt::format("{}: the state directory is in use by {}", path.string(), holder_of(lock)),
            "only one narrowgate may use it: stop that one, or give this one a state_directory of its "
            "own");
    }
    const std::string pid = fmt::format("{}\n", getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, pid.data(), pid.size(), 0) < 0) {
        // The pid is for people; on a full disk the lock alone must do.
        if (errno != ENOSPC && errno != EDQUOT) {
            return std::unexpected(not_writable(lock_file, "the lock cannot be written", errno));
        }
    }
    return directory;
}

StateDirectory::~StateDirectory() {
    if (lock_ >= 0) close(lock_);
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

Expected<void> StateDirectory::make_private(const std::string& name) const {
    const auto path = file(name);
    const int made = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnlyFile);
    if (made < 0) return std::unexpected(not_writable(path, "cannot be opened for writing", errno));
    close(made);
    return {};
}

}  // namespace narrowgate::store
