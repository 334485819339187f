// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_lines.hpp"

#include <algorithm>

namespace narrowgate::sim {
namespace {

std::string framed(std::string_view line) {
    return "\r\n" + std::string(line) + "\r\n";
}

}  // namespace

void ModemLines::answer(const std::vector<std::string>& lines, SteadyTime now) {
    bool first = true;
    for (const std::string& line : lines) {
        // Behind the first line, which is the middle of most answers; before one that is a single line.
        if (!first || lines.size() == 1) {
            for (Held& held : held_)
                waiting_.push_back(std::move(held.line));
            held_.clear();
        }
        waiting_.push_back(framed(line));
        first = false;
    }
    advance(now);
}

void ModemLines::urc(std::string_view text, SteadyTime now) {
    if (chance_.happens(urc_in_answer_)) {
        held_.push_back({framed(text), now + urc_hold_});
        return;
    }
    waiting_.push_back(framed(text));
    advance(now);
}

void ModemLines::raw(std::string text, SteadyTime now) {
    waiting_.push_back(std::move(text));
    advance(now);
}

void ModemLines::advance(SteadyTime now) {
    while (!held_.empty() && held_.front().until <= now) {
        waiting_.push_back(std::move(held_.front().line));
        held_.pop_front();
    }
    while (!waiting_.empty() && serial_.is_free(now)) {
        serial_.push(bytes_of(waiting_.front()), now);
        waiting_.pop_front();
    }
}

Bytes ModemLines::take(SteadyTime now) {
    Bytes bytes;
    while (const auto arrival = serial_.take(now))
        bytes.push_back(arrival->byte);
    return bytes;
}

std::optional<SteadyTime> ModemLines::deadline() const {
    std::optional<SteadyTime> next = serial_.next_arrival();
    if (!waiting_.empty()) next = next ? std::min(*next, serial_.free_at()) : serial_.free_at();
    if (!held_.empty()) next = next ? std::min(*next, held_.front().until) : held_.front().until;
    return next;
}

void ModemLines::cut(SteadyTime now) {
    waiting_.clear();
    held_.clear();
    serial_.cut(now);
}

}  // namespace narrowgate::sim
