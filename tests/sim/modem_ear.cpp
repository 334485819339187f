// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_ear.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::sim {

std::optional<std::uint8_t> ModemEar::hear(std::uint8_t byte, Attention attention, SteadyTime awake_until,
                                           SteadyTime now) {
    if (attention == Attention::kOff) {
        ++lost_off_;
        return std::nullopt;
    }
    const SteadyTime active = std::max(awake_until, last_byte_);
    last_byte_ = now;
    if (attention == Attention::kMaySleep && now >= active + life_.falls_asleep_after) {
        to_lose_ = life_.wake_loss_varies ? chance_.below(life_.wake_lost_bytes + 1) : life_.wake_lost_bytes;
        deaf_until_ = now + life_.wake_time;
    }
    if (to_lose_ == 0 && now >= deaf_until_) return byte;
    if (to_lose_ > 0) --to_lose_;
    ++lost_asleep_;
    if (!life_.wake_garbles) return std::nullopt;
    return static_cast<std::uint8_t>(0x80 + chance_.below(0x80));
}

std::optional<std::string> ModemEar::take_line(Attention attention, SteadyTime awake_until, SteadyTime now) {
    while (const auto arrival = serial_.take(now)) {
        const auto byte = hear(arrival->byte, attention, awake_until, arrival->at);
        if (byte == '\r' && !line_.empty()) return std::exchange(line_, {});
        const bool ends = !byte || *byte == '\r' || *byte == '\n';
        if (!ends && line_.size() < kLineBytes) line_.push_back(static_cast<char>(*byte));
    }
    return std::nullopt;
}

void ModemEar::reset() {
    line_.clear();
    to_lose_ = 0;
    deaf_until_ = SteadyTime::min();
}

}  // namespace narrowgate::sim
