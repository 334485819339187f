// SPDX-License-Identifier: Apache-2.0
//
// Readings that a broker refused for good, held until it is known whether it refuses them or everything: a
// wrong policy must not pour what is stored into dead letters.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/upstream/reading_source.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class Suspects {
public:
    struct Suspect {
        ReadingNumber number = 0;
        std::string reason;
    };

    // With nothing else to try the broker with, a refusal counts after this.
    static constexpr seconds kPatience{60};

    void add(ReadingNumber number, std::string reason, SteadyTime now) {
        held_.push_back({number, std::move(reason)});
        due_ = now + kPatience;
    }
    // All of them: they are decided.
    std::vector<Suspect> take() {
        due_.reset();
        return std::exchange(held_, {});
    }
    std::size_t size() const { return held_.size(); }
    std::optional<SteadyTime> due() const { return due_; }

private:
    std::vector<Suspect> held_;
    std::optional<SteadyTime> due_;
};

}  // namespace narrowgate::daemon
