// SPDX-License-Identifier: Apache-2.0
#include "private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace narrowgate::store {
namespace {

std::unexpected<Error> cannot(const char* what, const std::filesystem::path& path, int number) {
    return failure(fmt::format("{}: cannot be {}: {}", path.string(), what, system_message(number)),
                   "name a file in a directory that you may write to, on a disk with room");
}

// 0, or errno.
int sync(const std::filesystem::path& path, int flags) {
    const int opened = open(path.c_str(), flags | O_CLOEXEC);
    if (opened < 0) return errno;
    const int number = fsync(opened) == 0 ? 0 : errno;
    close(opened);
    return number;
}

std::filesystem::path directory_of(const std::filesystem::path& file) {
    return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

Expected<Draft> Draft::make(std::filesystem::path path) {
    unlink(path.c_str());
    const int made = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnlyFile);
    if (made < 0) return cannot("made", path, errno);
    close(made);
    return Draft(std::move(path));
}

Draft::~Draft() {
    if (!path_.empty()) unlink(path_.c_str());
}

Draft::Draft(Draft&& other) noexcept : path_(std::exchange(other.path_, {})) {}

Expected<void> Draft::become(const std::filesystem::path& to, bool replace) {
    if (const int number = sync(path_, O_WRONLY)) return cannot("written", path_, number);
    // 0, or errno.
    const auto become_it = [&](unsigned flags) {
        return renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, to.c_str(), flags) == 0 ? 0 : errno;
    };
    int number = become_it(replace ? 0 : RENAME_NOREPLACE);
    // Not every file system knows the flag: without it a file that appears just now would be replaced.
    if (number == EINVAL && !replace) number = access(to.c_str(), F_OK) == 0 ? EEXIST : become_it(0);
    if (number == EEXIST) return failure(fmt::format("{} exists", to.string()), "name another file");
    if (number != 0) return cannot("made", to, number);
    path_.clear();
    return sync_directory(directory_of(to));
}

Expected<void> sync_directory(const std::filesystem::path& directory) {
    if (const int number = sync(directory, O_RDONLY | O_DIRECTORY))
        return cannot("written", directory, number);
    return {};
}

}  // namespace narrowgate::store
