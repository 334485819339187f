// SPDX-License-Identifier: Apache-2.0
//
// What a modem hears of its node: whole lines, and when it sleeps not all of them, in virtual time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "sim/chance.hpp"
#include "sim/modem_options.hpp"
#include "sim/serial_line.hpp"

namespace narrowgate::sim {

// Thread: its owner's.
class ModemEar {
public:
    static constexpr std::size_t kLineBytes = 1'152;  // 512 bytes in hexadecimal, and a command around them

    enum class Attention : std::uint8_t {
        kOff,       // it hears nothing
        kAwake,     // it has something to do
        kMaySleep,  // power saving mode, and nothing to do
    };

    ModemEar(const ModemOptions& options, std::uint64_t seed)
        : life_(options.life), chance_(seed), serial_(options.manners.baud) {}

    // The node puts it on the wire.
    void push(ByteView bytes, SteadyTime now) { serial_.push(bytes, now); }
    std::optional<SteadyTime> deadline() const { return serial_.next_arrival(); }

    // The next line that is complete by `now`, without its end and never empty. `Attention` is the one of
    // this moment; the UART has been awake until `awake_until` at least.
    std::optional<std::string> take_line(Attention attention, SteadyTime awake_until, SteadyTime now);

    void set_baud(unsigned baud) { serial_.set_baud(baud); }
    // A line that was begun is forgotten.
    void reset();

    std::uint64_t lost_asleep() const { return lost_asleep_; }  // bytes
    std::uint64_t lost_off() const { return lost_off_; }

private:
    // What becomes of a byte.
    std::optional<std::uint8_t> hear(std::uint8_t byte, Attention attention, SteadyTime awake_until,
                                     SteadyTime now);

    const ModemLife life_;
    Chance chance_;
    SerialLine serial_;
    std::string line_;  // that is not whole yet
    SteadyTime last_byte_ = SteadyTime::min();
    unsigned to_lose_ = 0;
    SteadyTime deaf_until_ = SteadyTime::min();
    std::uint64_t lost_asleep_ = 0;
    std::uint64_t lost_off_ = 0;
};

}  // namespace narrowgate::sim
