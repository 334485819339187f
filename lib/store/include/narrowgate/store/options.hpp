// SPDX-License-Identifier: Apache-2.0
//
// How the store behaves: default, unit and reason of each option.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::store {

// What happens to a new reading when there is no room for it.
enum class WhenFull : std::uint8_t {
    kReject,      // it is refused; nothing that was acknowledged is ever dropped (P1)
    kDropOldest,  // the oldest readings make room, and are counted
};

struct Options {
    // Holds state.db, state.lock, state.key and state.ballast; made (0700) when it does not exist.
    std::filesystem::path directory;
    // systemd's $CREDENTIALS_DIRECTORY, empty when there is none. When it has a file `narrowgate-state-key`,
    // that is the sealing key; otherwise it is state.key, made at first start.
    std::filesystem::path credentials_directory;

    std::uint64_t max_size = std::uint64_t{1} << 30;  // bytes of readings not yet delivered
    seconds max_age = std::chrono::days(14);          // under kReject only an alarm in the status
    WhenFull when_full = WhenFull::kReject;
    seconds retry_after{60};  // the hint given with a refusal

    // How long readings are kept after all upstreams have them, so that they can be sent again. 0: not at
    // all. What waits has the room first: max_size bounds both together.
    seconds retention{0};
    std::uint64_t retention_bytes = 0;  // of these at most; 0: max_size alone bounds them
    // Retained readings go, oldest first, while the file system has less room than this.
    std::uint64_t retention_spare_bytes = std::uint64_t{256} << 20;

    // Kept aside so that a full disk still takes marks, leases and progress. 4 MiB is several minutes of
    // these.
    std::uint64_t ballast_bytes = std::uint64_t{4} << 20;
    std::uint64_t max_reply_bytes = std::uint64_t{64}
                                    << 20;                // stored replies not yet expired; oldest go first
    std::size_t max_dead_letters = 10'000;                // rows; oldest go first
    std::size_t queue_units = 16'384;                     // submit() says no beyond this many
    std::uint64_t queue_bytes = std::uint64_t{64} << 20;  // … or this many bytes of payload
    std::size_t commit_units = 1'024;                     // at most this many in one commit

    // Database pages that a fold of the journal writes at a time: commits wait for so many, some tens of
    // milliseconds.
    std::size_t fold_slice_pages = 1'024;

    // Name of the SQLite file layer (VFS) to go through; empty is the system's. Tests cut its power.
    std::string file_layer;
};

struct UpstreamOptions {
    // Bytes waiting for this upstream above which its policy applies: under kReject new readings that are
    // also for it are refused, under kDropOldest it loses its own oldest ones. 0: max_size alone counts.
    std::uint64_t max_backlog = 0;

    bool operator==(const UpstreamOptions&) const = default;
};

}  // namespace narrowgate::store
