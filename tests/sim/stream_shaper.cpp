// SPDX-License-Identifier: Apache-2.0
#include "sim/stream_shaper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace narrowgate::sim {
namespace {

std::optional<std::size_t> positive(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
    return value;
}

}  // namespace

Expected<Cut> Cut::from_text(std::string_view text) {
    constexpr std::string_view kRandom = "random:";
    const auto wrong = [&] {
        return failure(fmt::format("{}: not a way to cut a stream", text),
                       "write it like rest, 1, 1393,2,rest or random:1500");
    };
    Cut cut;
    if (text.starts_with(kRandom)) {
        const auto most = positive(text.substr(kRandom.size()));
        if (!most) return wrong();
        cut.random_up_to = *most;
        return cut;
    }
    for (;;) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view part = text.substr(0, comma);
        const auto size = part == "rest" ? kRest : positive(part);
        if (!size) return wrong();
        cut.sizes.push_back(*size);
        if (comma == text.size()) return cut;
        text.remove_prefix(comma + 1);
    }
}

StreamCounts& StreamCounts::operator+=(const StreamCounts& part) {
    came += part.came;
    passed += part.passed;
    pieces += part.pieces;
    swallowed += part.swallowed;
    accidents += part.accidents;
    return *this;
}

SteadyTime StreamShaper::arrival(SteadyTime now) {
    const auto jitter = std::uniform_int_distribution<milliseconds::rep>(0, options_.jitter.count())(random_);
    last_arrival_ = std::max(last_arrival_, now + options_.delay + milliseconds(jitter));
    return last_arrival_;
}

void StreamShaper::push(ByteView bytes, SteadyTime now) {
    if (bytes.empty()) return;
    counts_.came += bytes.size();
    if (swallows_ || over_) {
        counts_.swallowed += bytes.size();
        return;
    }
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
    arrivals_.push_back({arrival(now), bytes.size()});
}

void StreamShaper::finish(SteadyTime now) {
    // An end is lost like everything else.
    if (!swallows_ && !ends_at_) ends_at_ = arrival(now);
}

bool StreamShaper::is_struck() const {
    return options_.accident != Accident::kNone && !struck_ && counts_.passed >= options_.after_bytes;
}

void StreamShaper::swallow_what_waits() {
    counts_.swallowed += waiting_.size();
    waiting_.clear();
    arrivals_.clear();
    swallows_ = true;
}

std::optional<StreamShaper::Step> StreamShaper::strike(SteadyTime now) {
    struck_ = true;
    ++counts_.accidents;
    switch (options_.accident) {
        case Accident::kNone:
            break;
        case Accident::kStall:
            stalled_until_ = options_.stall_for ? now + *options_.stall_for : SteadyTime::max();
            break;
        case Accident::kSwallow:
            swallow_what_waits();
            ends_at_.reset();
            break;
        case Accident::kHalfClose:
            swallow_what_waits();
            over_ = true;
            return Step{Step::Kind::kEnd, {}};
        case Accident::kReset:
        case Accident::kClose:
            swallow_what_waits();
            over_ = true;
            return Step{options_.accident == Accident::kReset ? Step::Kind::kReset : Step::Kind::kClose, {}};
    }
    return std::nullopt;
}

std::size_t StreamShaper::next_size(std::size_t there) {
    const Cut& cut = options_.cut;
    std::size_t size = there;
    if (cut.random_up_to > 0) {
        size = std::uniform_int_distribution<std::size_t>(1, cut.random_up_to)(random_);
    } else if (!cut.sizes.empty()) {
        size = cut.sizes[turn_++ % cut.sizes.size()];
    }
    if (options_.bytes_per_second > 0) size = std::min(size, kSlowPieceBytes);
    if (options_.accident != Accident::kNone && !struck_) {
        size = std::min<std::uint64_t>(size, options_.after_bytes - counts_.passed);
    }
    return std::min(size, there);
}

std::optional<StreamShaper::Step> StreamShaper::take(SteadyTime now) {
    if (over_) return std::nullopt;
    if (is_struck()) {
        if (auto step = strike(now)) return step;
    }
    if (stalled_until_) {
        if (now < *stalled_until_) return std::nullopt;
        stalled_until_.reset();
    }
    if (now < free_at_) return std::nullopt;
    std::size_t there = 0;
    for (const Arrival& arrival : arrivals_) {
        if (arrival.at > now) break;
        there += arrival.bytes;
    }
    if (there == 0) {
        if (!waiting_.empty() || !ends_at_ || now < *ends_at_) return std::nullopt;
        over_ = true;
        return Step{Step::Kind::kEnd, {}};
    }
    const std::size_t size = next_size(there);
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(size);
    Step step{Step::Kind::kPiece, Bytes(waiting_.begin(), end)};
    waiting_.erase(waiting_.begin(), end);
    for (std::size_t left = size; left > 0;) {
        const std::size_t part = std::min(left, arrivals_.front().bytes);
        arrivals_.front().bytes -= part;
        left -= part;
        if (arrivals_.front().bytes == 0) arrivals_.pop_front();
    }
    if (size == there) turn_ = 0;
    free_at_ = now + options_.gap;
    if (options_.bytes_per_second > 0) {
        const std::uint64_t us = size * 1'000'000 / options_.bytes_per_second;
        free_at_ = std::max(free_at_, now + std::chrono::microseconds(us));
    }
    counts_.passed += size;
    ++counts_.pieces;
    return step;
}

std::optional<SteadyTime> StreamShaper::next_deadline() const {
    if (over_) return std::nullopt;
    if (is_struck()) return SteadyTime::min();
    std::optional<SteadyTime> next;
    if (!arrivals_.empty()) {
        next = arrivals_.front().at;
    } else {
        next = ends_at_;
    }
    if (!next) return std::nullopt;
    if (stalled_until_ == SteadyTime::max()) return std::nullopt;
    return std::max({*next, free_at_, stalled_until_.value_or(SteadyTime::min())});
}

std::size_t StreamShaper::room() const {
    // What disappears holds nobody back.
    if (swallows_ || over_) return SIZE_MAX;
    return options_.buffer_bytes - std::min(options_.buffer_bytes, waiting_.size());
}

void StreamShaper::set_options(const StreamOptions& options) {
    options_ = options;
    struck_ = false;
    turn_ = 0;
}

}  // namespace narrowgate::sim
