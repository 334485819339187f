// SPDX-License-Identifier: Apache-2.0
//
// What the ledger knows of dead letters that wait for their upstream again.
#include <algorithm>
#include <iterator>
#include <utility>

#include "ledger.hpp"

namespace narrowgate::store {

void Ledger::give_back(UpstreamId id, std::span<const Returned> letters) {
    const std::lock_guard lock(mutex_);
    auto& upstream = upstreams_[id];
    if (!upstream.exists) return;
    for (const Returned& letter : letters) {
        if (!upstream.returned.emplace(letter.number, letter).second) continue;
        upstream.pending_readings += 1;
        upstream.pending_bytes += letter.bytes;
    }
    returns_.fetch_add(1, std::memory_order_release);
}

void Ledger::take_back(UpstreamId id, std::span<const ReadingNumber> numbers) {
    const std::lock_guard lock(mutex_);
    for (const ReadingNumber number : numbers)
        finish_returned(id, number);
}

bool Ledger::is_returned(UpstreamId id, ReadingNumber number) const {
    const std::lock_guard lock(mutex_);
    return upstreams_[id].returned.contains(number);
}

std::vector<ReadingNumber> Ledger::returned(UpstreamId id, ReadingNumber from, std::size_t count) const {
    const std::lock_guard lock(mutex_);
    std::vector<ReadingNumber> numbers;
    const auto& returned = upstreams_[id].returned;
    for (auto letter = returned.lower_bound(from); letter != returned.end() && numbers.size() < count;
         ++letter)
        numbers.push_back(letter->first);
    return numbers;
}

std::vector<ReturnedDone> Ledger::take_returned_done() {
    const std::lock_guard lock(mutex_);
    return std::exchange(returned_done_, {});
}

void Ledger::retry_returned_done(std::vector<ReturnedDone>&& done) {
    if (done.empty()) return;
    const std::lock_guard lock(mutex_);
    std::ranges::move(done, std::back_inserter(returned_done_));
    changed_.store(true, std::memory_order_relaxed);
}

// False when it was none.
bool Ledger::finish_returned(UpstreamId id, ReadingNumber number) {
    auto& upstream = upstreams_[id];
    const auto letter = upstream.returned.find(number);
    if (letter == upstream.returned.end()) return false;
    upstream.pending_readings -= 1;
    upstream.pending_bytes -= letter->second.bytes;
    upstream.returned.erase(letter);
    return true;
}

}  // namespace narrowgate::store
