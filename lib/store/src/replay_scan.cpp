// SPDX-License-Identifier: Apache-2.0
#include "replay_scan.hpp"

#include <algorithm>
#include <utility>

#include "page_body.hpp"

namespace narrowgate::store {

PageFinder::PageFinder(Database& database)
    : last_(database, "SELECT coalesce(max(number), 0) FROM page"),
      at_or_before_(
          database,
          "SELECT number, first_reading FROM page WHERE number <= ?1 ORDER BY number DESC LIMIT 1") {}

PageNumber PageFinder::find(ReadingNumber number) {
    PageNumber low = 0;  // there is none up to here, or one that begins early enough
    PageNumber high = 0;
    {
        Query query(last_);
        if (query.next()) high = query.number(0);
    }
    PageNumber found = 0;
    while (low < high) {
        const PageNumber middle = low + (high - low + 1) / 2;
        Query query(at_or_before_, middle);
        if (!query.next()) {
            low = middle;
        } else if (query.number(1) <= number) {
            low = middle;
            found = query.number(0);
        } else {
            high = query.number(0) - 1;
        }
    }
    return found;
}

// A bounded statement: a reader that dwells keeps the write-ahead log from starting over.
ReplayScan::ReplayScan(Database& database)
    : finder_(database),
      pages_(database,
             "SELECT number, first_reading, readings, body FROM page WHERE number >= ?1 AND readings > 0"
             " ORDER BY number LIMIT 64") {}

ReplayScan::Found ReplayScan::scan(const ReplayChoice& choice, Range stretch, std::size_t max_count,
                                   std::size_t max_bytes) {
    Found found;
    found.next = stretch.begin;
    if (stretch.begin >= stretch.end) return found;
    if (next_ != stretch.begin) page_ = finder_.find(stretch.begin);
    std::size_t payload = 0;
    std::size_t bytes = 0;
    std::size_t rows = 0;
    bool full = false;
    const auto missing = [&](ReadingNumber end) {
        end = std::min(end, stretch.end);
        if (end <= found.next) return;
        found.gone.push_back({found.next, end});
        found.next = end;
    };
    Query query(pages_, page_);
    while (!full && bytes < kBytes && found.next < stretch.end && query.next()) {
        ++rows;
        page_ = query.number(0);
        const ReadingNumber first = query.number(1);
        const ReadingNumber end = first + query.number(2);
        if (end <= found.next) continue;
        missing(first);
        bytes += query.blob(3).size();
        auto readings = decode_readings(query.blob(3), first, {.from = found.next});
        if (!readings) {
            found.bad.push_back(page_);
            missing(end);
            continue;
        }
        for (StoredReading& reading : *readings) {
            if (reading.number >= stretch.end) break;
            if (!choice.matches(reading)) continue;
            payload += reading.payload.size();
            found.next = reading.number + 1;
            found.readings.push_back(std::move(reading));
            full = found.readings.size() >= max_count || payload >= max_bytes;
            if (full) break;
        }
        if (!full) found.next = std::max(found.next, std::min(end, stretch.end));
    }
    // The statement ended by itself: behind it there are no pages.
    if (!full && bytes < kBytes && rows < kPages) missing(stretch.end);
    next_ = found.next;
    return found;
}

}  // namespace narrowgate::store
