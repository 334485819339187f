// SPDX-License-Identifier: Apache-2.0
#include "ledger.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace narrowgate::store {
namespace {

// Readings of a page count alike, so that what is added for a page is what is taken off again.
std::uint64_t share(const PageEntry& page) {
    return page.bytes / page.count;
}

template <class F>
void for_each_upstream(UpstreamMask mask, F&& visit) {
    for (; mask != 0; mask &= mask - 1)
        visit(static_cast<UpstreamId>(std::countr_zero(mask)));
}

}  // namespace

void Ledger::add_upstream(UpstreamId id, std::string name, RangeSet progress) {
    const std::lock_guard lock(mutex_);
    auto& upstream = upstreams_[id];
    upstream = {};
    upstream.exists = true;
    upstream.name = std::move(name);
    upstream.done = std::move(progress);
}

std::optional<UpstreamId> Ledger::find_upstream(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    for (std::size_t id = 0; id < kMaxUpstreams; ++id) {
        if (upstreams_[id].exists && upstreams_[id].name == name) return static_cast<UpstreamId>(id);
    }
    return std::nullopt;
}

std::string Ledger::name(UpstreamId id) const {
    const std::lock_guard lock(mutex_);
    return upstreams_[id].name;
}

std::optional<UpstreamId> Ledger::free_upstream() const {
    const auto used = upstreams();
    if (used == ~UpstreamMask{0}) return std::nullopt;
    return static_cast<UpstreamId>(std::countr_one(used));
}

void Ledger::set_options(UpstreamId id, const UpstreamOptions& options) {
    const std::lock_guard lock(mutex_);
    upstreams_[id].options = options;
}

void Ledger::forget_upstream(UpstreamId id) {
    const std::lock_guard lock(mutex_);
    upstreams_[id] = {};
    for (auto& page : pages_) {
        if ((page.upstreams & mask_of(id)) == 0) continue;
        page.upstreams &= ~mask_of(id);
        if (page.masks) {
            for (auto& mask : *page.masks)
                mask &= ~mask_of(id);
        }
        if (page.upstreams == 0) retire(page);
    }
    tidy();
}

UpstreamMask Ledger::upstreams() const {
    const std::lock_guard lock(mutex_);
    UpstreamMask mask = 0;
    for (std::size_t id = 0; id < kMaxUpstreams; ++id) {
        if (upstreams_[id].exists) mask |= mask_of(static_cast<UpstreamId>(id));
    }
    return mask;
}

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
        upstream.pending_bytes += waiting * share(page);
    });
    if (page.upstreams == 0) retire(page);
    tidy();
}

void Ledger::add_dead(PageNumber page) {
    const std::lock_guard lock(mutex_);
    dead_.push_back(page);
}

std::vector<PageNumber> Ledger::take_dead() {
    const std::lock_guard lock(mutex_);
    return std::exchange(dead_, {});
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

void Ledger::make_room(WallTime now) {
    if (options_.when_full != WhenFull::kDropOldest) return;
    const std::lock_guard lock(mutex_);
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

void Ledger::acknowledge(UpstreamId id, std::span<const ReadingNumber> numbers, bool dead_letter) {
    const std::lock_guard lock(mutex_);
    auto& upstream = upstreams_[id];
    if (!upstream.exists) return;
    auto page = pages_.end();
    for (const ReadingNumber number : numbers) {
        if (page == pages_.end() || number < page->first || number >= page->end()) {
            if (page != pages_.end()) settle(page, id);
            page = page_at(number);
            if (page == pages_.end() || number < page->first) {
                page = pages_.end();
                continue;
            }
        }
        if ((page->mask(number) & mask_of(id)) == 0 || upstream.done.insert(number, number + 1) == 0)
            continue;
        upstream.pending_readings -= 1;
        upstream.pending_bytes -= share(*page);
        (dead_letter ? upstream.dead_letters : upstream.acknowledged) += 1;
        upstream.changed = true;
        changed_.store(true, std::memory_order_relaxed);
    }
    if (page != pages_.end()) settle(page, id);
    tidy();
}

std::vector<Ledger::Progress> Ledger::take_changed() {
    const std::lock_guard lock(mutex_);
    std::vector<Progress> taken;
    changed_.store(false, std::memory_order_relaxed);
    for (std::size_t id = 0; id < kMaxUpstreams; ++id) {
        if (!std::exchange(upstreams_[id].changed, false)) continue;
        taken.push_back({static_cast<UpstreamId>(id), upstreams_[id].done});
    }
    return taken;
}

void Ledger::mark_changed(UpstreamId id) {
    const std::lock_guard lock(mutex_);
    upstreams_[id].changed = upstreams_[id].exists;
    changed_.store(true, std::memory_order_relaxed);
}

RangeSet Ledger::progress(UpstreamId id) const {
    const std::lock_guard lock(mutex_);
    return upstreams_[id].done;
}

ReadingNumber Ledger::head() const {
    const std::lock_guard lock(mutex_);
    return head_;
}

std::optional<Ledger::Span> Ledger::next_waiting(UpstreamId id, ReadingNumber from) const {
    const std::lock_guard lock(mutex_);
    return next_waiting_locked(id, from);
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

void Ledger::keep_waiting(UpstreamId id, std::vector<StoredReading>& readings) const {
    const std::lock_guard lock(mutex_);
    const auto& done = upstreams_[id].done;
    std::erase_if(readings, [&](const StoredReading& reading) {
        return (reading.upstreams & mask_of(id)) == 0 || done.contains(reading.number);
    });
}

void Ledger::fill(Status& status, WallTime now) const {
    const std::lock_guard lock(mutex_);
    status.readings_waiting = live_readings_;
    status.live_bytes = live_bytes_;
    status.max_size = options_.max_size;
    status.head = head_;
    status.full = full_;
    status.readings_dropped = readings_dropped_;
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
        if (const auto first = next_waiting_locked(id, 0)) line.oldest = page_at(first->number)->received;
    }
}

Ledger::Pages::iterator Ledger::page_at(ReadingNumber number) {
    return std::ranges::upper_bound(pages_, number, {}, &PageEntry::end);
}

Ledger::Pages::const_iterator Ledger::page_at(ReadingNumber number) const {
    return std::ranges::upper_bound(pages_, number, {}, &PageEntry::end);
}

std::uint32_t Ledger::waiting_in(const PageEntry& page, UpstreamId id) const {
    if ((page.upstreams & mask_of(id)) == 0) return 0;
    const auto& done = upstreams_[id].done;
    if (!page.masks)
        return page.count - static_cast<std::uint32_t>(done.count_within(page.first, page.end()));
    std::uint32_t waiting = 0;
    for (auto number = page.first; number < page.end(); ++number) {
        if ((page.mask(number) & mask_of(id)) != 0 && !done.contains(number)) ++waiting;
    }
    return waiting;
}

// When nothing in the page waits for the upstream any more, its numbers become one range there, and the page
// goes once that is so for all.
void Ledger::settle(Pages::iterator page, UpstreamId id) {
    if ((page->upstreams & mask_of(id)) == 0 || waiting_in(*page, id) != 0) return;
    page->upstreams &= ~mask_of(id);
    widen(id, page->first, page->end());
    if (page->upstreams == 0) retire(*page);
}

// Adds [begin, end) to the progress, and on both sides what no page holds for this upstream: numbers of other
// upstreams' readings must not leave holes, or the set would grow without bound.
void Ledger::widen(UpstreamId id, ReadingNumber begin, ReadingNumber end) {
    auto& upstream = upstreams_[id];
    auto next = page_at(end - 1);
    while (next != pages_.end() && (next->upstreams & mask_of(id)) == 0) {
        // What lies beyond an absorbed stretch was looked at when that was absorbed.
        const auto beyond = upstream.done.first_missing(next->first);
        next = beyond > next->end() ? page_at(beyond) : std::next(next);
    }
    end = next == pages_.end() ? head_ : std::max(end, next->first);
    auto previous = page_at(begin);
    bool absorbed = false;
    while (!absorbed && previous != pages_.begin() && (std::prev(previous)->upstreams & mask_of(id)) == 0) {
        --previous;
        absorbed = upstream.done.contains(previous->first);
        begin = std::min(begin, previous->first);
    }
    if (!absorbed) begin = previous == pages_.begin() ? 1 : std::min(begin, std::prev(previous)->end());
    upstream.done.insert(begin, end);
    upstream.changed = true;
    changed_.store(true, std::memory_order_relaxed);
}

void Ledger::give_up(Pages::iterator page, UpstreamId id) {
    auto& upstream = upstreams_[id];
    const auto waiting = waiting_in(*page, id);
    upstream.pending_readings -= waiting;
    upstream.pending_bytes -= waiting * share(*page);
    upstream.dropped += waiting;
    readings_dropped_ += waiting;
    page->upstreams &= ~mask_of(id);
    widen(id, page->first, page->end());
    if (page->upstreams == 0) retire(*page);
}

void Ledger::give_up_for_all(Pages::iterator page) {
    for_each_upstream(page->upstreams, [&](UpstreamId id) { give_up(page, id); });
}

void Ledger::retire(PageEntry& page) {
    page.masks.reset();
    live_bytes_ -= page.bytes;
    live_readings_ -= page.count;
    dead_.push_back(page.page);
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

bool Ledger::backlog_full(const Upstream& upstream) const {
    return upstream.options.max_backlog != 0 && upstream.pending_bytes > upstream.options.max_backlog;
}

std::optional<Ledger::Span> Ledger::next_waiting_locked(UpstreamId id, ReadingNumber from) const {
    const auto& upstream = upstreams_[id];
    if (!upstream.exists) return std::nullopt;
    auto number = upstream.done.first_missing(from);
    for (auto page = page_at(number); page != pages_.end();) {
        if ((page->upstreams & mask_of(id)) == 0) {
            ++page;
            continue;
        }
        number = std::max(number, page->first);
        for (; number < page->end(); number = upstream.done.first_missing(number + 1)) {
            number = upstream.done.first_missing(number);
            if (number < page->end() && (page->mask(number) & mask_of(id)) != 0)
                return Span{number, page->page};
        }
        page = page_at(number);
    }
    return std::nullopt;
}

}  // namespace narrowgate::store
