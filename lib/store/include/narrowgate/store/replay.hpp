// SPDX-License-Identifier: Apache-2.0
//
// Readings that an upstream has had, sent to it once more: after a rule of its cloud was wrong. What is kept
// after delivery is an option (Options::retention).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/reading.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

using ReplayJob = std::uint64_t;  // 1, 2, 3 … of an upstream; 0 is none

// Which readings.
struct ReplayChoice {
    WallTime from{};               // received then or later
    std::optional<WallTime> to{};  // and before this
    std::string fleet{};           // empty: of any
    std::string device{};          // empty: of any

    bool matches(const StoredReading& reading) const {
        return reading.received >= from && (!to || reading.received < *to) &&
               (fleet.empty() || reading.fleet == fleet) && (device.empty() || reading.device == device);
    }
    bool operator==(const ReplayChoice&) const = default;
};

// What became of a reading that was to be sent once more.
enum class ReplayFate : std::uint8_t {
    kSent,     // the upstream has taken it
    kLeftOut,  // it has no place there as things are configured now
    kRefused,  // the upstream refused it for good: there is a dead letter
};

// A replay, running or ended; of each upstream the last one is kept.
struct Replay {
    UpstreamId upstream = 0;
    std::string upstream_name;
    ReplayJob job = 0;
    ReplayChoice choice;
    std::string actor;
    WallTime started{};
    std::optional<WallTime> ended;
    bool cancelled = false;
    ReadingNumber begin = 0;   // the stretch that is looked through
    ReadingNumber end = 0;     // one past its last number
    std::uint64_t passed = 0;  // numbers of the stretch that are done with, whichever way
    std::uint64_t sent = 0;
    std::uint64_t left_out = 0;
    std::uint64_t refused = 0;
    std::uint64_t gone = 0;  // numbers of the stretch that were deleted before their turn, chosen or not
};

// Where an upstream stands with its replay.
struct ReplaySpan {
    ReplayJob job = 0;
    ReadingNumber from = 0;  // nothing below is to be sent
    ReadingNumber end = 0;

    bool operator==(const ReplaySpan&) const = default;
};

// Of a stretch that was looked through: everything from where it began up to `next`.
struct ReplaySlice {
    std::vector<StoredReading> readings;  // that are to be sent, ascending
    ReadingNumber next = 0;
};

// What a replay would send, of a part of the store.
struct ReplayCount {
    std::uint64_t readings = 0;
    std::uint64_t bytes = 0;          // of payload
    std::uint64_t waiting = 0;        // chosen, but they wait there anyway
    std::uint64_t unwanted = 0;       // chosen, but without a place there
    std::optional<WallTime> first{};  // of `readings`, when the first and the last were received
    std::optional<WallTime> last{};
    std::optional<ReadingNumber> next{};  // the rest begins here; nothing: this was all
};

}  // namespace narrowgate::store
