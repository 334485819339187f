// SPDX-License-Identifier: Apache-2.0
//
// A file that holds disk space aside: let go when the disk is full, so that marks, leases and progress are
// still committed; made again when there is room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace narrowgate::store {

// Goes through SQLite's file layer, so that a test's disk is full for both alike. Thread: the writer's.
class Ballast {
public:
    Ballast(std::filesystem::path file, std::uint64_t bytes, const std::string& file_layer);

    // True when the file stands, at its full size and on disk. Leaves nothing behind when it cannot.
    bool raise();
    void release();
    bool standing() const { return standing_; }

private:
    std::filesystem::path file_;
    std::uint64_t bytes_;
    std::string file_layer_;
    bool standing_ = false;
};

}  // namespace narrowgate::store
