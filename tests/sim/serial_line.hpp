// SPDX-License-Identifier: Apache-2.0
//
// One direction of a UART, in virtual time: bytes arrive one after the other, as the baud rate has it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim {

// Thread: its owner's.
class SerialLine {
public:
    struct Arrival {
        SteadyTime at;
        std::uint8_t byte;
    };

    // 0: not paced, all arrives at once.
    explicit SerialLine(unsigned baud) : baud_(baud) {}

    void push(ByteView bytes, SteadyTime now);
    // The next byte whose stop bit has passed by `now`.
    std::optional<Arrival> take(SteadyTime now);
    // When take() has the next one; nothing when nothing is on the line.
    std::optional<SteadyTime> next_arrival() const;
    // Whether all that was pushed has left the sender by `now`.
    bool is_free(SteadyTime now) const { return free_at_ <= now; }
    SteadyTime free_at() const { return free_at_; }

    // For what is pushed from now on.
    void set_baud(unsigned baud) { baud_ = baud; }
    // The sender stops in the middle of it, at `now`.
    void cut(SteadyTime now);

private:
    unsigned baud_;
    std::deque<Arrival> on_the_line_;
    SteadyTime free_at_ = SteadyTime::min();
};

}  // namespace narrowgate::sim
