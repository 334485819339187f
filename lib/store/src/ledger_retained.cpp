// SPDX-License-Identifier: Apache-2.0
//
// What the ledger knows of pages that nobody waits for and that are kept for a replay.
#include <algorithm>

#include "ledger.hpp"

namespace narrowgate::store {
namespace {

// A page has the time of its first reading. The others were received while its commit was waited for, which
// is seconds at worst.
constexpr std::chrono::hours kPageSlack{1};

}  // namespace

std::vector<Range> Ledger::stamp_delivered(WallTime now) {
    const std::lock_guard lock(mutex_);
    return retained_.stamp(now);
}

void Ledger::restore_delivered(const DeliveredAt& times) {
    const std::lock_guard lock(mutex_);
    retained_.restore(times);
}

std::optional<WallTime> Ledger::oldest_delivery() const {
    const std::lock_guard lock(mutex_);
    return retained_.empty() ? std::nullopt : std::optional(retained_.oldest().delivered);
}

void Ledger::let_go_of_retained(WallTime now, bool by_age) {
    while (!retained_.empty()) {
        const bool no_room = live_bytes_ + retained_.bytes() > options_.max_size ||
                             (options_.retention_bytes != 0 && retained_.bytes() > options_.retention_bytes);
        const bool old = by_age && retained_.oldest().delivered < now - options_.retention;
        if (!no_room && !old) return;
        dead_.push_back(retained_.oldest().page);
        retained_.drop_oldest();
    }
}

std::uint64_t Ledger::drop_retained(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    std::uint64_t gone = 0;
    while (gone < bytes && !retained_.empty()) {
        gone += retained_.oldest().bytes;
        dead_.push_back(retained_.oldest().page);
        retained_.drop_oldest();
    }
    return gone;
}

std::optional<Range> Ledger::stretch_of(const ReplayChoice& choice) const {
    const std::lock_guard lock(mutex_);
    std::optional<Range> stretch;
    const auto look = [&](WallTime received, ReadingNumber first, ReadingNumber end) {
        if (received < choice.from - kPageSlack || (choice.to && received >= *choice.to + kPageSlack)) return;
        if (!stretch) stretch = Range{first, end};
        stretch->begin = std::min(stretch->begin, first);
        stretch->end = std::max(stretch->end, end);
    };
    for (const RetainedPage& page : retained_.pages())
        look(page.received, page.first, page.end());
    for (const PageEntry& page : pages_) {
        if (page.upstreams != 0) look(page.received, page.first, page.end());
    }
    return stretch;
}

std::size_t Ledger::drop_waiting(UpstreamId id, std::vector<StoredReading>& readings) const {
    const std::lock_guard lock(mutex_);
    const auto& done = upstreams_[id].done;
    return std::erase_if(readings, [&](const StoredReading& reading) {
        return (reading.upstreams & mask_of(id)) != 0 && !done.contains(reading.number);
    });
}

}  // namespace narrowgate::store
