// SPDX-License-Identifier: Apache-2.0
//
// Which reading goes next. What was committed since the connection stands, or shortly before, is the live
// lane; what was there before is the backlog behind it; what is sent once more (a replay) comes behind both.
// Each lane is in order, and what comes back takes its place in its own.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "daemon/upstream/reading_source.hpp"
#include "narrowgate/store/range_set.hpp"

namespace narrowgate::daemon {

enum class LaneName : std::uint8_t { kLive, kBacklog, kReplay };

// Thread: the upstream's.
class Lanes {
public:
    // Read ahead of need, a lane: one look into the store for many publishes.
    static constexpr std::size_t kReadAheadCount = 1024;
    static constexpr std::size_t kReadAheadBytes = 256 * 1024;

    // `source` outlives this.
    explicit Lanes(ReadingSource& source) : source_(source) {}

    // A connection begins: nothing is in flight, what is not done and below `live_from` is backlog, and the
    // rest is live; with the largest number there is, all is backlog, in order. What is set aside stays so.
    void begin(ReadingNumber live_from);

    // The oldest readings of a lane that are neither in flight nor set aside, ascending; empty when there are
    // none for now. Valid until the next call. Fails when the store does.
    Expected<std::span<const Reading>> waiting(LaneName lane);
    // The replay has more than waiting() found in the parts that it looked at: it is worth asking again soon.
    bool replay_goes_on() const { return replay_.next < replay_end_; }
    // Those at these places of what waiting() returned last, ascending, go into flight.
    void take(LaneName lane, std::span<const std::size_t> places);
    // A reading in flight or set aside is done, whichever way.
    void done(ReadingNumber number);
    // A reading in flight or set aside is to be sent again, in its place in its lane.
    void put_back(ReadingNumber number);
    // Both lanes are read again from here: readings have come back that were done.
    void look_again(ReadingNumber from);
    // A reading in flight is neither done nor to be sent until somebody decides.
    void set_aside(ReadingNumber number);

private:
    // When fewer are left, the store is looked into again: enough to fill the largest batch.
    static constexpr std::size_t kLowWater = kReadAheadCount;

    struct Lane {
        ReadingNumber next = 0;  // where the store is read next
        std::vector<Reading> ready;
        std::size_t taken = 0;  // of `ready`, from its front

        std::size_t left() const { return ready.size() - taken; }
    };

    Lane& lane_of(LaneName name);
    // Of the numbers of the replay in progress: a former one's are not sent again.
    bool is_of_replay(ReadingNumber number) const { return (number ^ replay_end_) >> kReplayJobShift == 0; }
    Expected<std::span<const Reading>> replayed();
    // What is ready goes back, and the store is read from here or from before.
    static void read_again(Lane& lane, ReadingNumber from);
    // Reads on until enough is ready or there is nothing more.
    Expected<void> fill(Lane& lane, ReadingNumber end);

    ReadingSource& source_;
    ReadingNumber live_from_ = 0;
    Lane live_;
    Lane backlog_;
    Lane replay_;
    ReadingNumber replay_end_ = 0;  // 0: there is none
    store::RangeSet in_flight_;
    store::RangeSet aside_;
};

}  // namespace narrowgate::daemon
