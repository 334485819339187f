// SPDX-License-Identifier: Apache-2.0
//
// How often values of which size were seen: a few counters, whatever happens.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace narrowgate {

// Thread: its owner's; copy to hand it on.
class Histogram {
public:
    static constexpr std::size_t kMostBounds = 12;

    // `bounds`: ascending, each the largest value of its bucket, kMostBounds of them at most; static, for it
    // is not copied.
    constexpr explicit Histogram(std::span<const std::uint64_t> bounds) : bounds_(bounds) {}

    void add(std::uint64_t value) {
        ++counts_[static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin())];
        sum_ += value;
    }
    // One of the same bounds.
    void merge(const Histogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i)
            counts_[i] += other.counts_[i];
        sum_ += other.sum_;
    }

    std::span<const std::uint64_t> bounds() const { return bounds_; }
    // One more than bounds: the last is of what is above all.
    std::span<const std::uint64_t> counts() const { return std::span(counts_).first(bounds_.size() + 1); }
    std::uint64_t sum() const { return sum_; }

private:
    std::span<const std::uint64_t> bounds_;
    std::array<std::uint64_t, kMostBounds + 1> counts_{};
    std::uint64_t sum_ = 0;
};

// Microseconds of what a disk has a part in.
inline constexpr std::array<std::uint64_t, 12> kDurationBounds = {
    500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000, 5'000'000, 30'000'000};

}  // namespace narrowgate
