// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/range_set.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace narrowgate::store {

std::uint64_t RangeSet::insert(std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return 0;
    const std::uint64_t before = count_within(begin, end);
    const std::uint64_t fresh = end - begin - before;
    if (fresh == 0) return 0;
    // Everything that touches [begin, end] becomes one range: the first of it where it begins no later, which
    // is how numbers come, one behind the other.
    auto next = ranges_.upper_bound(end);
    auto first = ranges_.lower_bound(begin);
    if (first != ranges_.begin() && std::prev(first)->second >= begin) --first;
    if (first != next) end = std::max(end, std::prev(next)->second);
    if (first != next && first->first <= begin) {
        first->second = end;
        ranges_.erase(std::next(first), next);
    } else {
        ranges_.erase(first, next);
        ranges_.emplace(begin, end);
    }
    return fresh;
}

void RangeSet::erase(std::uint64_t number) {
    auto range = ranges_.upper_bound(number);
    if (range == ranges_.begin()) return;
    --range;
    const std::uint64_t end = range->second;
    if (number >= end) return;
    if (number > range->first) {
        range->second = number;
        if (number + 1 < end) ranges_.emplace(number + 1, end);
    } else if (number + 1 == end) {
        ranges_.erase(range);
    } else {
        auto node = ranges_.extract(range);
        node.key() = number + 1;
        ranges_.insert(std::move(node));
    }
}

bool RangeSet::contains(std::uint64_t number) const {
    return first_missing(number) != number;
}

std::uint64_t RangeSet::count_within(std::uint64_t begin, std::uint64_t end) const {
    std::uint64_t count = 0;
    auto range = ranges_.upper_bound(begin);
    if (range != ranges_.begin()) --range;
    for (; range != ranges_.end() && range->first < end; ++range) {
        const auto from = std::max(begin, range->first);
        const auto to = std::min(end, range->second);
        if (from < to) count += to - from;
    }
    return count;
}

std::uint64_t RangeSet::first_missing(std::uint64_t from) const {
    const auto after = ranges_.upper_bound(from);
    if (after == ranges_.begin()) return from;
    return std::max(from, std::prev(after)->second);
}

std::vector<Range> RangeSet::ranges() const {
    std::vector<Range> all;
    all.reserve(ranges_.size());
    for (const auto& [begin, end] : ranges_)
        all.push_back({begin, end});
    return all;
}

}  // namespace narrowgate::store
