// SPDX-License-Identifier: Apache-2.0
//
// Files that appear whole or not at all, and that their owner alone can read.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "narrowgate/base/error.hpp"

namespace narrowgate::store {

inline constexpr mode_t kOwnerOnlyFile = 0600;

// A file in the making beside the one that it becomes. Unless it became that, it is removed at its end.
class Draft {
public:
    // Makes it, empty and with mode 0600. One that was left behind by a crash is replaced.
    static Expected<Draft> make(std::filesystem::path path);
    ~Draft();
    Draft(Draft&& other) noexcept;
    Draft& operator=(Draft&&) = delete;

    const std::filesystem::path& path() const { return path_; }
    // Everything written to it so far is on disk when the call returns; then it is `to`, in one step, and
    // that is on disk too. Fails when `to` exists and is not to be replaced.
    Expected<void> become(const std::filesystem::path& to, bool replace);

private:
    explicit Draft(std::filesystem::path path) : path_(std::move(path)) {}

    std::filesystem::path path_;  // empty: there is none
};

// What the directory says of its files is on disk.
Expected<void> sync_directory(const std::filesystem::path& directory);

}  // namespace narrowgate::store
