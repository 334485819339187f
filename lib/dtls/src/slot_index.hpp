// SPDX-License-Identifier: Apache-2.0
//
// A hash index from any key to slots of a slab: open addressing, linear probing, eight bytes an entry, at
// most 7/8 full, growing by an eighth: 9.1 to 10.3 bytes for each slot. Several slots may share a key. It
// keeps 32 bits of each key's hash and never the key, so that a look-up touches a slot's memory only when it
// is very probably the right one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace narrowgate::dtls {

// Spreads `value` over all bits (the finalizer of splitmix64); keyed by `seed`, strangers cannot aim.
inline std::uint64_t mix(std::uint64_t value, std::uint64_t seed) {
    value += seed + 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

class SlotIndex {
public:
    // `first`: how many entries it begins with. Indexes that fill together should not grow together.
    explicit SlotIndex(std::size_t first = 16) : first_(first) {}

    void insert(std::uint64_t hash, std::uint32_t slot) {
        if ((size_ + 1) * kFullOf > entries_.size() * kFull) resize(entries_.size() + entries_.size() / 8);
        place({tag_of(hash), slot});
        ++size_;
    }

    // Makes room for so many entries in all.
    void reserve(std::size_t entries) {
        const std::size_t needed = entries * kFullOf / kFull + 1;
        if (needed > entries_.size()) resize(needed);
    }

    // `slot` must be there under `hash`.
    void erase(std::uint64_t hash, std::uint32_t slot) {
        std::size_t hole = home_of(tag_of(hash));
        while (entries_[hole].slot != slot)
            hole = after(hole);
        // What probed past the hole moves into it, so that no tombstones are left.
        for (std::size_t at = after(hole); entries_[at].slot != kEmpty; at = after(at)) {
            if (distance(home_of(entries_[at].tag), at) >= distance(hole, at)) {
                entries_[hole] = entries_[at];
                hole = at;
            }
        }
        entries_[hole] = {};
        --size_;
    }

    // The first slot under `hash` for which `matches(slot)` holds.
    template <class Matches>
    std::optional<std::uint32_t> find(std::uint64_t hash, Matches matches) const {
        if (entries_.empty()) return std::nullopt;
        const std::uint32_t tag = tag_of(hash);
        for (std::size_t at = home_of(tag); entries_[at].slot != kEmpty; at = after(at)) {
            if (entries_[at].tag == tag && matches(entries_[at].slot)) return entries_[at].slot;
        }
        return std::nullopt;
    }

    std::size_t size() const { return size_; }

private:
    static constexpr std::uint32_t kEmpty = ~std::uint32_t{0};
    static constexpr std::size_t kFull = 7;
    static constexpr std::size_t kFullOf = 8;

    struct Entry {
        std::uint32_t tag = 0;
        std::uint32_t slot = kEmpty;
    };

    static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
    // Any number of entries will do, and homes are in the order of tags: so growing reads and writes memory
    // from one end to the other.
    std::size_t home_of(std::uint32_t tag) const { return tag * entries_.size() >> 32; }
    std::size_t after(std::size_t at) const { return at + 1 == entries_.size() ? 0 : at + 1; }
    std::size_t distance(std::size_t from, std::size_t to) const {
        return to >= from ? to - from : to + entries_.size() - from;
    }

    void place(Entry entry) {
        std::size_t at = home_of(entry.tag);
        while (entries_[at].slot != kEmpty)
            at = after(at);
        entries_[at] = entry;
    }

    void resize(std::size_t size) {
        std::vector<Entry> old(std::max(size, first_));
        old.swap(entries_);
        for (const Entry& entry : old) {
            if (entry.slot != kEmpty) place(entry);
        }
    }

    std::size_t first_;
    std::vector<Entry> entries_;
    std::size_t size_ = 0;
};

}  // namespace narrowgate::dtls
