// SPDX-License-Identifier: Apache-2.0
//
// What a modem says, line by line: answers in order, URCs in between, in virtual time.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "sim/chance.hpp"
#include "sim/modem_options.hpp"
#include "sim/serial_line.hpp"

namespace narrowgate::sim {

// Thread: its owner's.
class ModemLines {
public:
    ModemLines(const ModemOptions& options, std::uint64_t seed)
        : urc_in_answer_(options.defects.urc_in_answer),
          urc_hold_(options.defects.urc_hold),
          chance_(seed),
          serial_(options.manners.baud) {}

    // Puts CR LF around each, as verbose answers have them (ITU-T V.250 section 5.7.1). URCs that are held
    // back come between the lines.
    void answer(const std::vector<std::string>& lines, SteadyTime now);
    void urc(std::string_view text, SteadyTime now);
    // As it is: echo, noise.
    void raw(std::string text, SteadyTime now);

    // Moves on: held URCs whose time has come, the next line onto the wire.
    void advance(SteadyTime now);
    // What the node has received by `now`.
    Bytes take(SteadyTime now);
    std::optional<SteadyTime> deadline() const;

    bool is_quiet(SteadyTime now) const { return waiting_.empty() && serial_.is_free(now); }
    // When all of what was said so far will have left; only when nothing waits.
    SteadyTime quiet_since() const { return serial_.free_at(); }

    void set_baud(unsigned baud) { serial_.set_baud(baud); }
    // It stops in the middle of a word.
    void cut(SteadyTime now);

private:
    struct Held {
        std::string line;
        SteadyTime until;
    };

    const double urc_in_answer_;
    const milliseconds urc_hold_;
    Chance chance_;
    SerialLine serial_;
    std::deque<std::string> waiting_;  // for the wire
    std::deque<Held> held_;            // URCs that wait for an answer to get into
};

}  // namespace narrowgate::sim
