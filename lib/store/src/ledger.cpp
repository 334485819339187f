// SPDX-License-Identifier: Apache-2.0
#include "ledger.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace narrowgate::store {
namespace {

template <class F>
void for_each_upstream(UpstreamMask mask, F&& visit) {
    for (; mask != 0; mask &= mask - 1)
        visit(static_cast<UpstreamId>(std::countr_zero(mask)));
}

}  // namespace

void Ledger::set_head(ReadingNumber head) {
    const std::lock_guard lock(mutex_);
    head_ = head;
}

void Ledger::add_page(PageEntry entry) {
    const std::lock_guard lock(mutex_);
    head_ = std::max(head_, entry.end());
    live_bytes_ += entry.bytes;
    live_readings_ += entry.count;
    const UpstreamMask addressed = entry.upstreams;
    pages_.push_back(std::move(entry));
    PageEntry& page = pages_.back();
    for_each_upstream(addressed, [&](UpstreamId id) {
        auto& upstream = upstreams_[id];
        const std::uint32_t waiting = upstream.exists ? waiting_in(page, id) : 0;
        // A page that is done for an upstream is none of its business, whatever it was before a restart.
        if (waiting == 0) {
            page.upstreams &= ~mask_of(id);
            if (page.masks) {
                for (auto& mask : *page.masks)
                    mask &= ~mask_of(id);
            }
        }
        upstream.pending_readings += waiting;
        upstream.pending_bytes += waiting * page.share();
    });
    if (page.upstreams == 0) retire(page);
    tidy();
}

void Ledger::add_dead(PageNumber page) {
    const std::lock_guard lock(mutex_);
    dead_.push_back(page);
}

std::vector<PageNumber> Ledger::take_dead(PageNumber last, std::size_t count) {
    const std::lock_guard lock(mutex_);
    std::vector<PageNumber> taken;
    std::erase_if(dead_, [&](PageNumber page) {
        if (page > last || taken.size() >= count) return false;
        taken.push_back(page);
        return true;
    });
    return taken;
}

std::size_t Ledger::dead_count() const {
    const std::lock_guard lock(mutex_);
    return dead_.size();
}

bool Ledger::admit(Claim& claimed, std::size_t bytes, UpstreamMask upstreams) {
    if (options_.when_full == WhenFull::kDropOldest) return true;
    const std::lock_guard lock(mutex_);
    const std::uint64_t overhead = claimed.bytes == 0 ? kPageOverheadBytes : 0;
    bool room = live_bytes_ + claimed.bytes + overhead + bytes <= options_.max_size;
    full_ = !room;
    for_each_upstream(upstreams, [&](UpstreamId id) {
        const auto limit = upstreams_[id].options.max_backlog;
        if (limit != 0 && upstreams_[id].pending_bytes + claimed.upstream_bytes[id] + bytes > limit)
            room = false;
    });
    if (!room) return false;
    claimed.bytes += overhead + bytes;
    for_each_upstream(upstreams, [&](UpstreamId id) { claimed.upstream_bytes[id] += bytes; });
    return true;
}

void Ledger::make_room(WallTime now, bool by_age) {
    const std::lock_guard lock(mutex_);
    if (options_.when_full == WhenFull::kDropOldest) give_up_oldest(now);
    let_go_of_retained(now, by_age);
}

void Ledger::give_up_oldest(WallTime now) {
    for (std::size_t i = 0; i < kMaxUpstreams; ++i) {
        const auto id = static_cast<UpstreamId>(i);
        while (upstreams_[id].exists && backlog_full(upstreams_[id])) {
            const auto oldest = next_waiting_locked(id, 0);
            if (!oldest) break;
            give_up(page_at(oldest->number), id);
        }
    }
    const WallTime horizon = now - options_.max_age;
    for (auto page = pages_.begin(); page != pages_.end(); ++page) {
        if (page->upstreams == 0) continue;
        if (live_bytes_ <= options_.max_size && page->received >= horizon) break;
        give_up_for_all(page);
    }
    tidy();
}

ReadingNumber Ledger::head() const {
    const std::lock_guard lock(mutex_);
    return head_;
}

std::optional<PageNumber> Ledger::page_of(ReadingNumber number) const {
    const std::lock_guard lock(mutex_);
    const auto page = page_at(number);
    if (page == pages_.end() || number < page->first) return std::nullopt;
    return page->page;
}

std::optional<PageNumber> Ledger::page_before(std::optional<PageNumber> page) const {
    const std::lock_guard lock(mutex_);
    auto after = page ? std::ranges::lower_bound(pages_, *page, {}, &PageEntry::page) : pages_.end();
    while (after != pages_.begin()) {
        --after;
        if (after->upstreams != 0) return after->page;
    }
    return std::nullopt;
}

void Ledger::fill(Status& status, WallTime now) const {
    const std::lock_guard lock(mutex_);
    status.readings_waiting = live_readings_;
    status.live_bytes = live_bytes_;
    status.max_size = options_.max_size;
    status.head = head_;
    status.full = full_;
    status.readings_dropped = readings_dropped_;
    status.retained_readings = retained_.readings();
    status.retained_bytes = retained_.bytes();
    if (!retained_.empty()) status.retained_since = retained_.oldest().received;
    const auto oldest =
        std::ranges::find_if(pages_, [](const PageEntry& page) { return page.upstreams != 0; });
    if (oldest != pages_.end()) status.oldest = oldest->received;
    status.over_age = status.oldest && now - *status.oldest > options_.max_age;
    for (std::size_t i = 0; i < kMaxUpstreams; ++i) {
        const auto id = static_cast<UpstreamId>(i);
        const auto& upstream = upstreams_[id];
        if (!upstream.exists) continue;
        auto& line = status.upstreams.emplace_back();
        line.id = id;
        line.name = upstream.name;
        line.pending_readings = upstream.pending_readings;
        line.pending_bytes = upstream.pending_bytes;
        line.backlog_full = backlog_full(upstream);
        line.acknowledged = upstream.acknowledged;
        line.dropped = upstream.dropped;
        line.dead_letters = upstream.dead_letters;
        line.returned = upstream.returned.size();
        if (const auto first = next_waiting_locked(id, 0)) line.oldest = page_at(first->number)->received;
        // One that came back waits since then.
        if (!upstream.returned.empty()) {
            const WallTime since = upstream.returned.begin()->second.since;
            line.oldest = line.oldest ? std::min(*line.oldest, since) : since;
        }
    }
}

Ledger::Pages::iterator Ledger::page_at(ReadingNumber number) {
    return std::ranges::upper_bound(pages_, number, {}, &PageEntry::end);
}

Ledger::Pages::const_iterator Ledger::page_at(ReadingNumber number) const {
    return std::ranges::upper_bound(pages_, number, {}, &PageEntry::end);
}

void Ledger::give_up_for_all(Pages::iterator page) {
    for_each_upstream(page->upstreams, [&](UpstreamId id) { give_up(page, id); });
}

void Ledger::retire(PageEntry& page) {
    page.masks.reset();
    live_bytes_ -= page.bytes;
    live_readings_ -= page.count;
    if (options_.retention > seconds(0)) {
        retained_.add({.first = page.first,
                       .page = page.page,
                       .count = page.count,
                       .bytes = page.bytes,
                       .received = page.received});
    } else {
        dead_.push_back(page.page);
    }
    ++retired_;
}

// Invalidates iterators.
void Ledger::tidy() {
    for (; !pages_.empty() && pages_.front().upstreams == 0; --retired_)
        pages_.pop_front();
    if (retired_ > 64 && retired_ > pages_.size() / 2) {
        std::erase_if(pages_, [](const PageEntry& page) { return page.upstreams == 0; });
        retired_ = 0;
    }
}

}  // namespace narrowgate::store
