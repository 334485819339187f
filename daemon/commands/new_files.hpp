// SPDX-License-Identifier: Apache-2.0
//
// Files and directories that a command makes together: all of them, or none. Inside daemon/commands only.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

struct Owner {
    uid_t user;
    gid_t group;
};

class NewFiles {
public:
    NewFiles() = default;
    // Removes what was made, unless keep() was called.
    ~NewFiles();
    NewFiles(const NewFiles&) = delete;
    NewFiles& operator=(const NewFiles&) = delete;

    // Nothing is done to a directory that is there. Its parents are made too, with mode 0755 and our own.
    Expected<void> make_directory(const std::filesystem::path& path, mode_t mode, Owner owner);
    // Written to disk when it returns. Fails when there is something of that name, a link too.
    Expected<void> make_file(const std::filesystem::path& path, ByteView content, mode_t mode, Owner owner);
    void keep() { made_.clear(); }

private:
    std::vector<std::filesystem::path> made_;
};

}  // namespace narrowgate::daemon
