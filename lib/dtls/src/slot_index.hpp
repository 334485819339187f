// SPDX-License-Identifier: Apache-2.0
//
// A hash index from any key to slots of a slab: open addressing, linear probing, eight bytes an entry, at
// most 7/8 full. Several slots may share a key. It keeps 32 bits of each key's hash and never the key, so
// that a look-up touches a slot's memory only when it is very probably the right one.
#pragma once

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
    void insert(std::uint64_t hash, std::uint32_t slot) {
        if ((size_ + 1) * 8 > entries_.size() * 7) grow();
        place({tag_of(hash), slot});
        ++size_;
    }

    // `slot` must be there under `hash`.
    void erase(std::uint64_t hash, std::uint32_t slot) {
        std::size_t hole = tag_of(hash) & mask();
        while (entries_[hole].slot != slot)
            hole = (hole + 1) & mask();
        // What probed past the hole moves into it, so that no tombstones are left.
        for (std::size_t at = (hole + 1) & mask(); entries_[at].slot != kEmpty; at = (at + 1) & mask()) {
            const std::size_t home = entries_[at].tag & mask();
            if (((at - home) & mask()) >= ((at - hole) & mask())) {
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
        for (std::size_t at = tag & mask(); entries_[at].slot != kEmpty; at = (at + 1) & mask()) {
            if (entries_[at].tag == tag && matches(entries_[at].slot)) return entries_[at].slot;
        }
        return std::nullopt;
    }

    std::size_t size() const { return size_; }

private:
    static constexpr std::uint32_t kEmpty = ~std::uint32_t{0};

    struct Entry {
        std::uint32_t tag = 0;
        std::uint32_t slot = kEmpty;
    };

    static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
    std::size_t mask() const { return entries_.size() - 1; }

    void place(Entry entry) {
        std::size_t at = entry.tag & mask();
        while (entries_[at].slot != kEmpty)
            at = (at + 1) & mask();
        entries_[at] = entry;
    }

    void grow() {
        std::vector<Entry> old(entries_.empty() ? 16 : entries_.size() * 2);
        old.swap(entries_);
        for (const Entry& entry : old) {
            if (entry.slot != kEmpty) place(entry);
        }
    }

    std::vector<Entry> entries_;  // a power of two
    std::size_t size_ = 0;
};

}  // namespace narrowgate::dtls
