// SPDX-License-Identifier: Apache-2.0
//
// A set of numbers held as ranges: how far an upstream has got (what it acknowledged, out of order too), and
// what is in flight there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace narrowgate::store {

struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  // one past the last

    bool operator==(const Range&) const = default;
};

// Ranges never touch or overlap: neighbours are merged. Calls cost O(log ranges). Thread: its owner's.
class RangeSet {
public:
    // Adds [begin, end); returns how many of these numbers were not in the set before.
    std::uint64_t insert(std::uint64_t begin, std::uint64_t end);
    // Takes it out; not in the set, nothing happens.
    void erase(std::uint64_t number);
    void clear() { ranges_.clear(); }
    bool contains(std::uint64_t number) const;
    // How many numbers of [begin, end) are in the set.
    std::uint64_t count_within(std::uint64_t begin, std::uint64_t end) const;
    // The first number at or after `from` that is not in the set.
    std::uint64_t first_missing(std::uint64_t from) const;

    std::size_t range_count() const { return ranges_.size(); }
    bool empty() const { return ranges_.empty(); }
    std::vector<Range> ranges() const;  // ascending

    bool operator==(const RangeSet&) const = default;

private:
    std::map<std::uint64_t, std::uint64_t> ranges_;  // begin → end
};

}  // namespace narrowgate::store
