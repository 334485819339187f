// SPDX-License-Identifier: Apache-2.0
//
// A disk whose power can be cut and that can be full, as a SQLite file layer over real files.
//
// Every write, truncation, deletion and sync is a step. From the step chosen on, all of them fail, as if the
// machine were gone; cut_power() then puts the files back to what a disk may hold at that moment: what was
// synced, and of what was not synced nothing, all, or some writes chosen at random and possibly torn.
// Deletions count as durable at once. A size limit makes the disk full: writes that would exceed it fail with
// SQLITE_FULL.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::fakes {

// Registers itself under name() for its life; close all databases first. Thread: any.
class PowerCutDisk {
public:
    PowerCutDisk();
    ~PowerCutDisk();
    PowerCutDisk(const PowerCutDisk&) = delete;
    PowerCutDisk& operator=(const PowerCutDisk&) = delete;

    const std::string& name() const { return name_; }

    // The first failing step, counted from now; 0 fails at once. std::nullopt: power stays.
    void cut_after(std::optional<std::uint64_t> steps);
    std::uint64_t steps() const;  // since cut_after(), or since it was made
    bool is_cut() const;

    enum class Unsynced : std::uint8_t { kLost, kWritten, kRandom };
    // With all files closed: makes the directory what the disk holds, and gives power back.
    void cut_power(Unsynced unsynced, std::uint64_t seed = 0);

    // Bytes of all files seen; writes beyond fail. std::nullopt: no limit.
    void limit(std::optional<std::uint64_t> bytes);
    std::uint64_t used() const;

private:
    friend struct PowerCutFile;

    struct Write {
        std::uint64_t offset = 0;
        Bytes bytes;
        bool truncates = false;  // to `offset`
    };
    struct State {
        Bytes durable;
        std::vector<Write> unsynced;
        std::uint64_t size = 0;
    };

    int step();  // SQLITE_OK, or SQLITE_IOERR once the power is cut
    int admit(const std::string& path, std::uint64_t end);
    State& state_of(const std::string& path);
    static void apply(Bytes& content, const Write& write, std::size_t bytes);

    static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* granted);
    static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory);

    mutable std::mutex mutex_;
    std::string name_;
    sqlite3_vfs vfs_{};
    sqlite3_vfs* real_ = nullptr;
    std::map<std::string, State> files_;
    std::uint64_t steps_ = 0;
    std::uint64_t cut_at_ = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t limit_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace narrowgate::fakes
