// SPDX-License-Identifier: Apache-2.0
#include "boards/host/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "app/node.h"

namespace narrowgate::host {
namespace {

// An identity is any bytes: what is no plain character is written by its number.
std::string file_name(const std::string& identity) {
    std::string name;
    for (const char c : identity) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_') {
            name.push_back(c);
            continue;
        }
        char number[4];
        std::snprintf(number, sizeof number, "%%%02x", byte);
        name += number;
    }
    return name + ".state";
}

std::unexpected<std::string> failure(const std::string& path) {
    return std::unexpected(path + ": " + std::strerror(errno));
}

}  // namespace

void StateFile::Unmap::operator()(Content* content) const {
    ::munmap(content, sizeof(Content));
}

void StateFile::forget_after_restart() {
    char now[sizeof content_->machine_start] = {};
    const FileDescriptor file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
    const bool known = file && ::read(file.get(), now, sizeof now - 1) > 0;
    if (!known || std::memcmp(now, content_->machine_start, sizeof now) != 0)
        reinterpret_cast<nd_retained*>(content_->retained)->session = {};
    std::memcpy(content_->machine_start, now, sizeof now);
}

std::expected<StateFile, std::string> StateFile::open(const std::string& folder,
                                                      const std::string& identity) {
    FileDescriptor file;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    if (!folder.empty()) {
        if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failure(folder);
        const std::string path = folder + "/" + file_name(identity);
        file = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        struct stat status{};
        if (!file || ::fstat(file.get(), &status) != 0) return failure(path);
        if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
            return std::unexpected(path + ": holds keys and can be read by others; chmod 600 " + path);
        if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
            return std::unexpected(path + ": is in use by another process");
        if (::ftruncate(file.get(), sizeof(Content)) != 0) return failure(path);
        flags = MAP_SHARED;
    }
    void* memory = ::mmap(nullptr, sizeof(Content), PROT_READ | PROT_WRITE, flags, file.get(), 0);
    if (memory == MAP_FAILED) return failure(folder.empty() ? "memory" : folder);
    StateFile state(std::move(file), static_cast<Content*>(memory));
    state.forget_after_restart();
    return state;
}

}  // namespace narrowgate::host
