// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/care_table.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kFewestPlaces = 64;

// An eighth stays empty, so that a look-up ends soon.
constexpr std::size_t places_for(std::size_t count) {
    return std::max(kFewestPlaces, count + count / 7 + 1);
}

}  // namespace

// Keys are hashes: their high bits spread evenly over places of any number.
std::size_t CareTable::home_of(std::uint64_t key) const {
    constexpr unsigned kHalf = 32;
    return static_cast<std::size_t>(((key >> kHalf) * places_.size()) >> kHalf);
}

void CareTable::reserve(std::size_t count) {
    if (places_for(count) > places_.size()) grow_to(places_for(count));
}

const CareEntry* CareTable::find(std::uint64_t key) const {
    if (places_.empty()) return nullptr;
    for (std::size_t place = home_of(key); places_[place].key != 0; place = after(place))
        if (places_[place].key == key) return &places_[place];
    return nullptr;
}

CareEntry* CareTable::find(std::uint64_t key) {
    return const_cast<CareEntry*>(std::as_const(*this).find(key));
}

CareEntry& CareTable::insert(std::uint64_t key) {
    if (CareEntry* known = find(key)) return *known;
    // By an eighth, not twice: what is empty is memory too.
    if (places_for(size_ + 1) > places_.size()) grow_to(places_for(size_ + 1 + size_ / 8));
    std::size_t place = home_of(key);
    while (places_[place].key != 0)
        place = after(place);
    ++size_;
    places_[place].key = key;
    return places_[place];
}

// What lies behind the gap moves up, unless it would come before its home.
void CareTable::erase(std::uint64_t key) {
    CareEntry* const known = find(key);
    if (known == nullptr) return;
    auto gap = static_cast<std::size_t>(known - places_.data());
    for (std::size_t place = after(gap); places_[place].key != 0; place = after(place)) {
        const std::size_t home = home_of(places_[place].key);
        const bool between = gap < place ? gap < home && home <= place : gap < home || home <= place;
        if (between) continue;
        places_[gap] = places_[place];
        gap = place;
    }
    places_[gap] = {};
    --size_;
}

void CareTable::grow_to(std::size_t places) {
    const std::vector<CareEntry> before = std::exchange(places_, std::vector<CareEntry>(places));
    for (const CareEntry& entry : before) {
        if (entry.key == 0) continue;
        std::size_t place = home_of(entry.key);
        while (places_[place].key != 0)
            place = after(place);
        places_[place] = entry;
    }
}

}  // namespace narrowgate::daemon
