// SPDX-License-Identifier: Apache-2.0
//
// How long the disk takes to make a commit durable: a file layer that times each sync of a write-ahead log.
//
// In WAL mode with synchronous=FULL, COMMIT writes to the log and syncs it (sqlite.org/pragma.html,
// "synchronous"). Only the log is stood over: databases and all other files are opened by the layer below, as
// if there were no other.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "file_layer.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::store {

// Changes nothing of what is written or reported: a sync's result is the layer's below.
//
// Registered with SQLite under name() for its life; close all databases opened through it first. Thread: that
// of the one database opened through it.
class SyncMeter {
public:
    // `below`: as Options::file_layer. Throws SqlFault when there is none of that name. `clock` must outlive
    // the meter.
    SyncMeter(const std::string& below, const Clock& clock);
    ~SyncMeter();
    SyncMeter(const SyncMeter&) = delete;
    SyncMeter& operator=(const SyncMeter&) = delete;

    const std::string& name() const { return name_; }

    struct Syncs {
        std::size_t count = 0;
        SteadyTime::duration time{0};  // of all together
    };
    // Since the last call, failed ones included. A commit has one, or two when the log starts over: its new
    // head comes first. A checkpoint has one too.
    Syncs take() { return std::exchange(syncs_, {}); }

private:
    struct Layer;
    struct LogFile;

    static int open(sqlite3_vfs* layer, const char* path, sqlite3_file* file, int flags, int* granted);

    const Clock& clock_;
    const std::string name_;
    LayerOver layer_;
    Syncs syncs_;
};

}  // namespace narrowgate::store
