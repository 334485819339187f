// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/new_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>
#include <system_error>

#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::daemon {
namespace {

constexpr mode_t kParentMode = 0755;

Error cannot_make(const std::filesystem::path& path, int number) {
    return {fmt::format("{} cannot be made: {}", path.string(), system_message(number)),
            number == EEXIST ? "nothing is overwritten: move it away, or choose another --directory"
                             : "run the command as root, or choose a --directory that you may write to"};
}

}  // namespace

NewFiles::~NewFiles() {
    std::error_code ignored;
    for (const auto& path : std::views::reverse(made_))
        std::filesystem::remove(path, ignored);
}

Expected<void> NewFiles::make_directory(const std::filesystem::path& path, mode_t mode, Owner owner) {
    struct stat status{};
    if (stat(path.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) return {};
        return failure(path.string() + " is no directory", "move it away, or choose another --directory");
    }
    if (const auto parent = path.parent_path(); !parent.empty() && parent != path) {
        if (auto made = make_directory(parent, kParentMode, {.user = geteuid(), .group = getegid()}); !made)
            return made;
    }
    if (mkdir(path.c_str(), S_IRWXU) != 0) return std::unexpected(cannot_make(path, errno));
    made_.push_back(path);
    // In this order: who owns it may not be able to let others in before.
    if (chown(path.c_str(), owner.user, owner.group) != 0 || chmod(path.c_str(), mode) != 0)
        return std::unexpected(cannot_make(path, errno));
    return {};
}

Expected<void> NewFiles::make_file(const std::filesystem::path& path, ByteView content, mode_t mode,
                                   Owner owner) {
    const io::FileDescriptor file(
        open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file) return std::unexpected(cannot_make(path, errno));
    made_.push_back(path);
    while (!content.empty()) {
        const ssize_t count = write(file.get(), content.data(), content.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return std::unexpected(cannot_make(path, errno));
        content = content.subspan(static_cast<std::size_t>(count));
    }
    if (fchown(file.get(), owner.user, owner.group) != 0 || fchmod(file.get(), mode) != 0 ||
        fsync(file.get()) != 0) {
        return std::unexpected(cannot_make(path, errno));
    }
    return {};
}

}  // namespace narrowgate::daemon
