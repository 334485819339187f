// SPDX-License-Identifier: Apache-2.0
//
// What an upstream needs of the store: the readings that are for it, and a place to say what became of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

// Ascending in the order of commits; never given twice.
using ReadingNumber = std::uint64_t;

// A reading that is sent once more (a replay) has another number than it had, and the id that it had: what
// becomes of it touches nothing that waits. Numbers of the store stay below 2^56. Seven bits tell a replay
// from the one before it, so that answers to that one do not count for this.
inline constexpr ReadingNumber kReplayBit = ReadingNumber{1} << 63;
inline constexpr unsigned kReplayJobShift = 56;
constexpr bool is_replayed(ReadingNumber number) {
    return (number & kReplayBit) != 0;
}
constexpr ReadingNumber replayed_number(std::uint64_t job, ReadingNumber number) {
    return kReplayBit | (job & 0x7f) << kReplayJobShift | number;
}

// Where a replay stands: from the first that is not done to one past the last, in replayed numbers.
struct ReplayStretch {
    ReadingNumber from = 0;
    ReadingNumber end = 0;
};

struct Reading {
    ReadingNumber number = 0;
    std::string id;  // the same on every redelivery, in the whole world
    std::string device;
    std::string fleet;
    std::string resource;  // as coap::UriPath::text() writes it
    WallTime received{};
    std::optional<std::uint16_t> content_format;
    Bytes payload;
};

// Thread: head() any, the rest the upstream's.
class ReadingSource {
public:
    virtual ~ReadingSource() = default;

    // The oldest readings at or after `from` that are for this upstream and not done there, ascending: at
    // most `max_count`, and none further once `max_bytes` of payload are reached. Empty when there are none.
    virtual Expected<std::vector<Reading>> read(ReadingNumber from, std::size_t max_count,
                                                std::size_t max_bytes) = 0;
    // These are delivered. read() leaves them out from now on.
    virtual void acknowledge(std::span<const ReadingNumber> numbers) = 0;
    // This one will not be; kept for a person to look at. read() leaves it out from now on.
    virtual void dead_letter(ReadingNumber number, std::string reason) = 0;
    // When readings have come back that were done (dead letters that a person sends again): the number from
    // which read() may find them. Says so once.
    virtual std::optional<ReadingNumber> returned() = 0;
    // Every reading below is committed: read() finds it if it is for this upstream.
    virtual ReadingNumber head() const = 0;

    // The replay in progress; nothing: there is none. acknowledge() and dead_letter() take its numbers too.
    virtual std::optional<ReplayStretch> replay() const { return std::nullopt; }
    // What the replay is to send of the stretch from `from` on, of a part of the store: `next` is where the
    // rest begins. There may be none in a part.
    struct ReplayPart {
        std::vector<Reading> readings;
        ReadingNumber next = 0;
    };
    virtual Expected<ReplayPart> read_replay(ReadingNumber from, std::size_t max_count,
                                             std::size_t max_bytes) {
        (void)max_count;
        (void)max_bytes;
        return ReplayPart{.readings = {}, .next = from};
    }
    // These of a replay have no place there now: they are done.
    virtual void leave_out(std::span<const ReadingNumber> numbers) { (void)numbers; }
};

}  // namespace narrowgate::daemon
