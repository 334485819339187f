// SPDX-License-Identifier: Apache-2.0
//
// How much a connection may bring, and how much it has brought.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim {

// A bucket that holds one second's worth, full at the start.
class Allowance {
public:
    // 0: no limit.
    explicit Allowance(double per_second) : rate_(per_second), level_(per_second) {}

    bool has(double amount, SteadyTime now) {
        fill(now);
        return rate_ <= 0 || level_ >= amount;
    }
    void spend(double amount, SteadyTime now) {
        fill(now);
        if (rate_ > 0) level_ -= amount;
    }
    // When what was overspent has come in.
    SteadyTime even_at() const {
        if (rate_ <= 0 || level_ >= 0) return filled_;
        return filled_ +
               std::chrono::ceil<SteadyTime::duration>(std::chrono::duration<double>(-level_ / rate_));
    }

private:
    void fill(SteadyTime now) {
        if (now > filled_) {
            level_ = std::min(rate_, level_ + rate_ * std::chrono::duration<double>(now - filled_).count());
            filled_ = now;
        }
    }

    double rate_;
    double level_;
    SteadyTime filled_{};
};

// The most that came within any one second.
class BusiestSecond {
public:
    void add(double amount, SteadyTime now) {
        while (!recent_.empty() && now - recent_.front().first >= seconds(1)) {
            sum_ -= recent_.front().second;
            recent_.pop_front();
        }
        recent_.emplace_back(now, amount);
        sum_ += amount;
        most_ = std::max(most_, sum_);
    }
    double most() const { return most_; }

private:
    std::deque<std::pair<SteadyTime, double>> recent_;
    double sum_ = 0;
    double most_ = 0;
};

}  // namespace narrowgate::sim
