// SPDX-License-Identifier: Apache-2.0
#include "sim/serial_line.hpp"

#include <algorithm>

namespace narrowgate::sim {
namespace {

constexpr unsigned kBitsPerByte = 10;  // 8N1: start bit, eight of data, stop bit

SteadyTime::duration time_of_byte(unsigned baud) {
    if (baud == 0) return {};
    return std::chrono::nanoseconds(std::uint64_t{1'000'000'000} * kBitsPerByte / baud);
}

}  // namespace

void SerialLine::push(ByteView bytes, SteadyTime now) {
    free_at_ = std::max(free_at_, now);
    for (const std::uint8_t byte : bytes) {
        free_at_ += time_of_byte(baud_);
        on_the_line_.push_back({free_at_, byte});
    }
}

std::optional<SerialLine::Arrival> SerialLine::take(SteadyTime now) {
    if (on_the_line_.empty() || on_the_line_.front().at > now) return std::nullopt;
    const Arrival arrival = on_the_line_.front();
    on_the_line_.pop_front();
    return arrival;
}

std::optional<SteadyTime> SerialLine::next_arrival() const {
    if (on_the_line_.empty()) return std::nullopt;
    return on_the_line_.front().at;
}

void SerialLine::cut(SteadyTime now) {
    while (!on_the_line_.empty() && on_the_line_.back().at > now)
        on_the_line_.pop_back();
    free_at_ = std::min(free_at_, now);
}

}  // namespace narrowgate::sim
