// SPDX-License-Identifier: Apache-2.0
//
// What the ledger knows of each upstream: how far it has got, and what waits for it.
#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "ledger.hpp"

namespace narrowgate::store {

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

void Ledger::acknowledge(UpstreamId id, std::span<const ReadingNumber> numbers, bool dead_letter) {
    const std::lock_guard lock(mutex_);
    auto& upstream = upstreams_[id];
    if (!upstream.exists) return;
    auto page = pages_.end();
    for (const ReadingNumber number : numbers) {
        if (!upstream.returned.empty() && finish_returned(id, number)) {
            // Its row goes with the next progress; refused again, it changes with the refusal.
            if (!dead_letter) returned_done_.push_back({id, number});
            (dead_letter ? upstream.dead_letters : upstream.acknowledged) += 1;
            changed_.store(true, std::memory_order_relaxed);
        }
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
        upstream.pending_bytes -= page->share();
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

std::optional<Ledger::Span> Ledger::next_waiting(UpstreamId id, ReadingNumber from) const {
    const std::lock_guard lock(mutex_);
    return next_waiting_locked(id, from);
}

void Ledger::keep_waiting(UpstreamId id, std::vector<StoredReading>& readings) const {
    const std::lock_guard lock(mutex_);
    const auto& done = upstreams_[id].done;
    std::erase_if(readings, [&](const StoredReading& reading) {
        return (reading.upstreams & mask_of(id)) == 0 || done.contains(reading.number);
    });
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
    upstream.pending_bytes -= waiting * page->share();
    upstream.dropped += waiting;
    readings_dropped_ += waiting;
    page->upstreams &= ~mask_of(id);
    widen(id, page->first, page->end());
    if (page->upstreams == 0) retire(*page);
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
