// SPDX-License-Identifier: Apache-2.0
//
// Copies of a store that are safe to keep and to go back to. A copy holds no session: two stores that go on
// with one session would use its record numbers twice (P3). docs/sessions.md has the argument.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/store/options.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

// What a copy holds.
struct CopyInfo {
    Uuid store;  // whose copy it is
    WallTime made{};
    std::uint64_t devices = 0;  // not revoked
    std::uint64_t credentials =
        0;                       // not revoked; their PSKs are sealed, and the sealing key is not in the copy
    std::uint64_t readings = 0;  // on disk when it was made; some may have been delivered
    std::uint64_t bytes = 0;     // of the file
};

// Writes a copy of the store as it is at one moment, while a gateway goes on with it or none does: it reads
// through a connection of its own, needs no lock and holds nobody up. `to` appears (mode 0600) when it is
// whole and on disk. Fails when there is no store, when `to` exists and `replace` is not given, when `to` is
// one of the state directory's own files, or when the store is of another format version than this program's.
Expected<CopyInfo> back_up(const Options& options, const std::filesystem::path& to, bool replace,
                           const Clock& clock);

// What the store's file itself says, for a look from outside.
struct StoreFacts {
    std::int64_t version = 0;      // of its format
    std::uint64_t bytes = 0;       // of the file
    std::uint64_t log_bytes = 0;   // of the write-ahead log
    std::uint64_t free_bytes = 0;  // of the file, not in use
    std::uint64_t pages = 0;       // of the journal
    std::string check;             // "ok", what SQLite's quick check found first, or that it took too long
};

// Reads through a connection of its own, as back_up() does, for about `patience` at most. Fails when there is
// no store, or it cannot be read.
Expected<StoreFacts> examine(const Options& options, milliseconds patience);

struct RestoreRequest {
    bool replace = false;  // a store that is there is moved aside
    Bytes event;           // what the past of every device then says (DeviceEvent::body)
    std::string actor;     // for the audit trail
};

struct Restored {
    CopyInfo copy;
    ReadingNumber next_reading = 0;   // far beyond what the original can have given since
    std::filesystem::path set_aside;  // the store that was there; empty when there was none
};

// Makes `copy` the store of the state directory, which no gateway may hold. Before anything is changed it
// checks that the copy is whole, of a version that is known (an older one becomes one of today) and made with
// the sealing key that is there. The store takes its place in one step (rename(2)): a power cut leaves the
// one or the other.
Expected<Restored> restore(const Options& options, std::istream& copy, const RestoreRequest& request,
                           const Clock& clock);

}  // namespace narrowgate::store
