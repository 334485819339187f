// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace narrowgate::daemon {
namespace {

constexpr mode_t kOwnerOnly = 0600;

}  // namespace

Expected<OutputFile> OutputFile::make(std::filesystem::path path) {
    io::FileDescriptor made(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
    if (!made) {
        const int number = errno;
        return failure(fmt::format("{}: {}", path.string(), system_message(number)),
                       number == EEXIST ? "name another file, or remove that one"
                                        : "name a file in a directory that you may write to");
    }
    return OutputFile(std::move(path), std::move(made));
}

OutputFile::~OutputFile() {
    if (descriptor_) unlink(path_.c_str());
}

Expected<void> OutputFile::write(ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor_.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return std::unexpected(error());
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return {};
}

Expected<void> OutputFile::finish() {
    if (fsync(descriptor_.get()) != 0) return std::unexpected(error());
    descriptor_.close();
    // Its name too. A directory that does not let us leaves that to the kernel.
    const auto directory = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    const io::FileDescriptor opened(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened) (void)fsync(opened.get());
    return {};
}

Error OutputFile::error() const {
    return {fmt::format("{}: cannot be written: {}", path_.string(), system_message(errno)),
            "make room, or name a file on another disk"};
}

}  // namespace narrowgate::daemon
