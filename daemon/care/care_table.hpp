// SPDX-License-Identifier: Apache-2.0
//
// What has to be known of every device at once: when it was heard, and what its month has cost. A million
// devices take 37 to 41 MB: one entry of 32 bytes each, and an eighth of the places or a little more empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace narrowgate::daemon {

struct CareEntry {
    std::uint64_t key = 0;         // of the device's name; 0: an empty place
    std::uint32_t credential = 0;  // by which it was heard last; tells its name
    std::uint32_t heard = 0;       // service time in seconds; 0: never
    std::uint32_t heard_wall = 0;  // seconds since 1970, until 2106
    std::uint32_t interval = 0;    // of its own, seconds; 0: its fleet's
    std::uint32_t on_air = 0;      // bytes of this month; stays at the largest value
    std::uint16_t fleet = 0;       // by number
    bool silent : 1 = false;       // somebody was told, or knew before the start
    bool over : 1 = false;         // has used what its tariff includes; likewise
    bool waits : 1 = false;        // heard, and not loaded yet
};
static_assert(sizeof(CareEntry) == 32);

// Open addressing with linear probing. Thread: one. References are good until the next insert() or erase().
class CareTable {
public:
    // Makes room for so many at once.
    void reserve(std::size_t count);
    // nullptr when there is none.
    CareEntry* find(std::uint64_t key);
    const CareEntry* find(std::uint64_t key) const;
    // The entry of that key, which may have been there before.
    CareEntry& insert(std::uint64_t key);
    void erase(std::uint64_t key);

    std::size_t size() const { return size_; }
    std::size_t memory_bytes() const { return places_.capacity() * sizeof(CareEntry); }

    // Calls `use(entry)` for each.
    template <class Use>
    void for_each(Use use) {
        for (CareEntry& entry : places_)
            if (entry.key != 0) use(entry);
    }
    template <class Use>
    void for_each(Use use) const {
        for (const CareEntry& entry : places_)
            if (entry.key != 0) use(entry);
    }

private:
    std::size_t home_of(std::uint64_t key) const;
    std::size_t after(std::size_t place) const { return place + 1 == places_.size() ? 0 : place + 1; }
    void grow_to(std::size_t places);

    std::vector<CareEntry> places_;
    std::size_t size_ = 0;
};

}  // namespace narrowgate::daemon
