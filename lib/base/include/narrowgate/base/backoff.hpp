// SPDX-License-Identifier: Apache-2.0
//
// Exponential backoff with full jitter: the n-th wait is drawn evenly from [floor, min(cap, base * 2^n)].
#pragma once

#include <chrono>
#include <cstdint>

namespace narrowgate {

// Thread: its owner's.
class Backoff {
public:
    struct Options {
        std::chrono::milliseconds floor{1000};   // never sooner than this
        std::chrono::milliseconds base{2000};    // upper end of the first wait
        std::chrono::milliseconds cap{300'000};  // upper end of the longest
    };

    Backoff(const Options& options, std::uint64_t seed);

    // The wait before the next try; each call doubles the range until the cap.
    std::chrono::milliseconds next();
    // A try succeeded: the next failure starts over.
    void reset() { failures_ = 0; }
    unsigned failures() const { return failures_; }

private:
    Options options_;
    std::uint64_t state_;
    unsigned failures_ = 0;
};

}  // namespace narrowgate
