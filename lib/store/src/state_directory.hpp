// SPDX-License-Identifier: Apache-2.0
//
// The directory that holds the store: made when missing, and held by one process for its life.
#pragma once

#include <filesystem>
#include <string>

#include "narrowgate/base/error.hpp"

namespace narrowgate::store {

// Owns the lock on `state.lock` (flock(2)): the kernel lets go of it however the process ends.
class StateDirectory {
public:
    static Expected<StateDirectory> claim(const std::filesystem::path& path);
    ~StateDirectory();
    StateDirectory(StateDirectory&& other) noexcept;
    StateDirectory& operator=(StateDirectory&&) = delete;

    std::filesystem::path file(const std::string& name) const { return path_ / name; }
    // Makes an empty file that only its owner can read, unless it exists.
    Expected<void> make_private(const std::string& name) const;

private:
    StateDirectory(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

    std::filesystem::path path_;
    int lock_ = -1;
};

}  // namespace narrowgate::store
