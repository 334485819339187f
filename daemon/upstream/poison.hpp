// SPDX-License-Identifier: Apache-2.0
//
// A reading that makes a broker close the connection, without a word, each time it is sent. It is told from a
// bad line by evidence: other readings pass on the same connection, and this one alone ends it, again and
// again.
#pragma once

#include <optional>

#include "daemon/upstream/reading_source.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class Poison {
public:
    // Losses running with the same reading the oldest in flight: from then on one is sent at a time.
    static constexpr unsigned kSuspicious = 3;
    // Connections that took others and were lost by this one, alone in flight.
    static constexpr unsigned kProofs = 3;

    void connected() { others_taken_ = false; }
    void taken(ReadingNumber number) {
        if (number == suspect_) {
            suspect_.reset();
        } else {
            others_taken_ = true;
        }
    }
    // The connection was lost while `oldest` was the oldest reading in flight. The reading that must not be
    // sent again, if that is proved now.
    std::optional<ReadingNumber> lost(ReadingNumber oldest, bool alone) {
        if (suspect_ != oldest) {
            suspect_ = oldest;
            losses_ = 0;
            proofs_ = 0;
        }
        ++losses_;
        if (alone && others_taken_ && ++proofs_ == kProofs) {
            suspect_.reset();
            return oldest;
        }
        return std::nullopt;
    }

    bool is_careful() const { return suspect_ && losses_ >= kSuspicious; }
    // Whether others are to be tried before this one: only then does its loss prove anything.
    bool comes_later(ReadingNumber number) const {
        return is_careful() && number == suspect_ && !others_taken_;
    }

private:
    std::optional<ReadingNumber> suspect_;
    unsigned losses_ = 0;
    unsigned proofs_ = 0;
    bool others_taken_ = false;  // on this connection
};

}  // namespace narrowgate::daemon
