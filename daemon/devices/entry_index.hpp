// SPDX-License-Identifier: Apache-2.0
//
// A hash index from any key to 32-bit handles: open addressing, eight bytes a place, 75 to 90 % of them full,
// so 9 to 11 bytes an entry at any size. It keeps 32 bits of each key's hash and never the key.
//
// Places are ordered by these bits: an entry's home is where the bits, as a fraction, point to in the table,
// and no entry stands before one with lower bits. So a search for what is not there ends at the first entry
// with higher bits, five places on at 90 %, and the table grows by one pass from front to back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace narrowgate::daemon {

// Thread: one at a time; find() by many while nobody changes it.
class EntryIndex {
public:
    // No handle has this value.
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    // Makes room for `count` entries in all, so that none of them makes the table grow.
    void reserve(std::size_t count) {
        if (count > limit_of(homes_)) rebuild(count * 10 / 9 + 1);
    }

    void insert(std::uint64_t hash, std::uint32_t handle) {
        if (size_ + 1 > limit_of(homes_)) rebuild(std::max(kFewest, homes_ * 6 / 5));
        const Place place{bits_of(hash), handle};
        // A run of full places that reaches the end of the table is as rare as a broken hash.
        while (!put(place))
            rebuild(homes_ * 6 / 5);
        ++size_;
    }

    // `handle` must be there under `hash`.
    void erase(std::uint64_t hash, std::uint32_t handle) {
        std::size_t at = home_of(bits_of(hash));
        while (places_[at].handle != handle)
            ++at;
        // Those that stand behind their homes move up; the last place of the table is always free.
        for (; places_[at + 1].handle != kNone && home_of(places_[at + 1].bits) <= at; ++at)
            places_[at] = places_[at + 1];
        places_[at] = {};
        --size_;
    }

    // The first handle under `hash` for which `matches(handle)` holds.
    template <class Matches>
    std::optional<std::uint32_t> find(std::uint64_t hash, Matches matches) const {
        if (places_.empty()) return std::nullopt;
        const std::uint32_t bits = bits_of(hash);
        for (std::size_t at = home_of(bits); places_[at].handle != kNone && places_[at].bits <= bits; ++at)
            if (places_[at].bits == bits && matches(places_[at].handle)) return places_[at].handle;
        return std::nullopt;
    }

    std::size_t size() const { return size_; }

private:
    struct Place {
        std::uint32_t bits = 0;
        std::uint32_t handle = kNone;
    };

    static constexpr std::size_t kFewest = 16;
    static constexpr std::size_t kTail = 64;  // behind the last home, for entries that are pushed past it

    static std::size_t limit_of(std::size_t homes) { return homes * 9 / 10; }
    static std::uint32_t bits_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
    std::size_t home_of(std::uint32_t bits) const {
        return static_cast<std::size_t>((std::uint64_t{bits} * homes_) >> 32);
    }

    // False when there is no free place between its home and the end of the table.
    bool put(Place place) {
        std::size_t at = home_of(place.bits);
        while (places_[at].handle != kNone && places_[at].bits <= place.bits)
            ++at;
        std::size_t free = at;
        while (places_[free].handle != kNone)
            ++free;
        if (free + 1 == places_.size()) return false;
        std::copy_backward(places_.begin() + static_cast<std::ptrdiff_t>(at),
                           places_.begin() + static_cast<std::ptrdiff_t>(free),
                           places_.begin() + static_cast<std::ptrdiff_t>(free) + 1);
        places_[at] = place;
        return true;
    }

    void rebuild(std::size_t homes) {
        std::vector<Place> old(homes + kTail);
        old.swap(places_);
        homes_ = homes;
        for (const Place& place : old) {
            if (place.handle == kNone || put(place)) continue;
            // Every place back, into a larger table.
            places_.swap(old);
            return rebuild(homes + homes / 5);
        }
    }

    std::vector<Place> places_;
    std::size_t homes_ = 0;
    std::size_t size_ = 0;
};

}  // namespace narrowgate::daemon
