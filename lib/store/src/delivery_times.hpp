// SPDX-License-Identifier: Apache-2.0
//
// When retained readings were delivered, on disk: a row a step of time, so that their age is known after a
// start. What is not written yet counts from that start.
#pragma once

#include <optional>

#include "narrowgate/base/clock.hpp"
#include "retained.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the writer's.
class DeliveryTimes {
public:
    // A step is a hundredth of the retention, at least a minute and at most an hour: so much longer a reading
    // may be kept after a start.
    DeliveryTimes(Database& database, seconds retention);

    DeliveredAt all();
    void note(WallTime delivered, const Range& readings);
    // Within the caller's transaction: what was noted, and that nothing from before `oldest` is kept any
    // more (nothing: nothing is kept at all). written() follows its commit.
    void write(std::optional<WallTime> oldest);
    void written() { changed_ = false; }
    bool changed() const { return changed_; }

private:
    const seconds step_;
    Statement put_;
    Statement forget_;
    Statement all_;
    std::optional<WallTime> began_;  // of the present step
    WallTime last_{};
    RangeSet readings_;
    bool changed_ = false;
};

}  // namespace narrowgate::store
