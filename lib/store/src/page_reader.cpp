// SPDX-License-Identifier: Apache-2.0
#include "page_reader.hpp"

#include <algorithm>
#include <utility>

#include "narrowgate/store/events.hpp"
#include "page_body.hpp"

namespace narrowgate::store {
namespace {

// Of a page, even if fewer are asked for: each look walks the page from its beginning.
constexpr std::size_t kLeastAtOnce = 64;

}  // namespace

// A bounded statement: a reader that dwells keeps the write-ahead log from starting over.
PageReader::PageReader(const std::filesystem::path& file, const std::string& file_layer, const Ledger& ledger,
                       Replays& replays, Log& log)
    : file_(file),
      database_(file, file_layer, true),
      pages_(database_,
             "SELECT number, first_reading, readings, body FROM page WHERE number >= ?1 AND readings > 0"
             " ORDER BY number LIMIT 64"),
      letters_(database_,
               "SELECT number, body FROM dead_letter WHERE upstream = ?1 AND number BETWEEN ?2 AND ?3"
               " AND retried IS NOT NULL ORDER BY number"),
      scan_(database_),
      ledger_(ledger),
      replays_(replays),
      log_(log) {}

Expected<std::vector<StoredReading>> PageReader::read(ReadingNumber from, std::size_t max_count,
                                                      std::size_t max_bytes, UpstreamId upstream) {
    if (max_count == 0 || upstream >= kMaxUpstreams) return std::vector<StoredReading>{};
    try {
        auto readings = from_pages(from, max_count, max_bytes, upstream);
        add_returned(from, max_count, max_bytes, upstream, readings);
        return readings;
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

std::vector<StoredReading> PageReader::from_pages(ReadingNumber from, std::size_t max_count,
                                                  std::size_t max_bytes, UpstreamId upstream) {
    std::vector<StoredReading> out;
    std::size_t bytes = 0;
    while (const auto span = ledger_.next_waiting(upstream, from)) {
        // Even if the page has just gone, or is damaged, the next round looks further on.
        from = span->number + 1;
        ReadingNumber wanted = span->number;
        Query query(pages_, span->page);
        while (query.next()) {
            from = std::max(from, query.number(1) + query.number(2));
            for (bool more = true; more;) {
                const std::size_t count = std::max(max_count - out.size(), kLeastAtOnce);
                auto readings =
                    decode_readings(query.blob(3), query.number(1),
                                    {.from = wanted, .count = count, .upstreams = mask_of(upstream)});
                if (!readings) {
                    complain_of(query.number(0));
                    break;
                }
                more = readings->size() == count;
                if (more) wanted = readings->back().number + 1;
                ledger_.keep_waiting(upstream, *readings);
                for (auto& reading : *readings) {
                    bytes += reading.payload.size();
                    out.push_back(std::move(reading));
                    if (out.size() >= max_count || bytes >= max_bytes) return out;
                }
            }
        }
        if (!out.empty()) return out;
    }
    return out;
}

// Both lists hold the lowest numbers of their kind, and what is cut off the pages' list lies behind it: the
// lowest of both together are right, up to where a list that may go on ends.
void PageReader::add_returned(ReadingNumber from, std::size_t max_count, std::size_t max_bytes,
                              UpstreamId upstream, std::vector<StoredReading>& readings) {
    auto wanted = ledger_.returned(upstream, from, max_count);
    // Behind the last reading of the pages there may be others, which come first.
    if (!readings.empty() && ledger_.next_waiting(upstream, readings.back().number + 1))
        std::erase_if(wanted, [&](ReadingNumber number) { return number > readings.back().number; });
    if (wanted.empty()) return;
    const auto from_the_pages = static_cast<std::ptrdiff_t>(readings.size());
    const std::string name = ledger_.name(upstream);  // the query looks at it until it ends
    Query query(letters_, name, wanted.front(), wanted.back());
    std::size_t bytes = 0;
    while (query.next() && bytes < max_bytes) {
        auto letter = decode_readings(query.blob(1), query.number(0));
        if (!letter || letter->size() != 1 || !std::ranges::binary_search(wanted, query.number(0))) continue;
        bytes += letter->front().payload.size();
        readings.push_back(std::move(letter->front()));
    }
    std::ranges::inplace_merge(readings, readings.begin() + from_the_pages, {}, &StoredReading::number);
    const auto twice = std::ranges::unique(readings, {}, &StoredReading::number);
    readings.erase(twice.begin(), twice.end());
    bytes = 0;
    std::size_t count = 0;
    while (count < readings.size() && count < max_count && bytes < max_bytes)
        bytes += readings[count++].payload.size();
    readings.resize(std::max<std::size_t>(count, 1));
}

Expected<ReplaySlice> PageReader::replay(UpstreamId upstream, ReplayJob job, ReadingNumber from,
                                         std::size_t max_count, std::size_t max_bytes) {
    const auto replay = replays_.running(upstream, job);
    if (!replay || max_count == 0)
        return ReplaySlice{.readings = {}, .next = replay ? from : ~ReadingNumber{0}};
    const Range stretch{std::max(from, replay->begin), replay->end};
    try {
        auto found = scan_.scan(replay->choice, stretch, max_count, max_bytes);
        for (const PageNumber page : found.bad)
            complain_of(page);
        ledger_.drop_waiting(upstream, found.readings);
        replays_.keep_due(upstream, job, found.readings);
        replays_.passed(upstream, job, {stretch.begin, found.next}, found.readings, found.gone);
        return ReplaySlice{.readings = std::move(found.readings), .next = found.next};
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

void PageReader::complain_of(PageNumber page) {
    if (std::exchange(complained_of_, page) == page) return;
    log_.write(kEvent<"store.readings_unreadable">, {},
               "{}: journal page {} cannot be read: its readings are left undelivered", file_.string(), page);
}

}  // namespace narrowgate::store
