// SPDX-License-Identifier: Apache-2.0
#include "retained.hpp"

#include <algorithm>

namespace narrowgate::store {

void Retained::add(const RetainedPage& page) {
    bytes_ += page.bytes;
    readings_ += page.count;
    pages_.push_back(page);
    pages_.back().delivered = WallTime::max();
    ++unstamped_;
}

std::vector<Range> Retained::stamp(WallTime now) {
    RangeSet stamped;
    for (; unstamped_ != 0; --unstamped_) {
        RetainedPage& page = pages_[pages_.size() - unstamped_];
        page.delivered = now;
        stamped.insert(page.first, page.end());
    }
    return stamped.ranges();
}

void Retained::restore(const DeliveredAt& times) {
    struct Known {
        Range range;
        WallTime at;
    };
    std::vector<Known> all;
    for (const auto& [at, readings] : times) {
        for (const Range& range : readings.ranges())
            all.push_back({range, at});
    }
    std::ranges::sort(all, {}, [](const Known& known) { return known.range.begin; });
    for (RetainedPage& page : pages_) {
        auto known =
            std::ranges::upper_bound(all, page.first, {}, [](const Known& one) { return one.range.begin; });
        if (known == all.begin()) continue;
        --known;
        if (page.first < known->range.end) page.delivered = known->at;
    }
    std::ranges::stable_sort(pages_, {}, &RetainedPage::delivered);
    unstamped_ =
        static_cast<std::size_t>(std::ranges::count(pages_, WallTime::max(), &RetainedPage::delivered));
}

void Retained::drop_oldest() {
    bytes_ -= pages_.front().bytes;
    readings_ -= pages_.front().count;
    pages_.pop_front();
    unstamped_ = std::min(unstamped_, pages_.size());
}

}  // namespace narrowgate::store
