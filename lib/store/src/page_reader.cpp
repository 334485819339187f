// SPDX-License-Identifier: Apache-2.0
#include "page_reader.hpp"

#include <algorithm>
#include <utility>

#include "page_body.hpp"

namespace narrowgate::store {
namespace {

// Of a page, even if fewer are asked for: each look walks the page from its beginning.
constexpr std::size_t kLeastAtOnce = 64;

}  // namespace

// A bounded statement: a reader that dwells keeps the write-ahead log from starting over.
PageReader::PageReader(const std::filesystem::path& file, const std::string& file_layer, const Ledger& ledger,
                       Log& log)
    : file_(file),
      database_(file, file_layer, true),
      pages_(database_,
             "SELECT number, first_reading, readings, body FROM page WHERE number >= ?1 AND readings > 0"
             " ORDER BY number LIMIT 64"),
      ledger_(ledger),
      log_(log) {}

Expected<std::vector<StoredReading>> PageReader::read(ReadingNumber from, std::size_t max_count,
                                                      std::size_t max_bytes, UpstreamId upstream) {
    std::vector<StoredReading> out;
    if (max_count == 0 || upstream >= kMaxUpstreams) return out;
    std::size_t bytes = 0;
    try {
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
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

void PageReader::complain_of(PageNumber page) {
    if (std::exchange(complained_of_, page) == page) return;
    log_.error("{}: journal page {} cannot be read: its readings are left undelivered", file_.string(), page);
}

}  // namespace narrowgate::store
