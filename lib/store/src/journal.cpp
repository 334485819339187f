// SPDX-License-Identifier: Apache-2.0
#include "journal.hpp"

#include <algorithm>

#include "page_body.hpp"

namespace narrowgate::store {

Meta::Meta(Database& database)
    : get_(database, "SELECT value FROM meta WHERE name = ?1"),
      set_(database,
           "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2") {}

std::uint64_t Meta::number(std::string_view name, std::uint64_t otherwise) {
    Query query(get_, name);
    return query.next() ? query.number(0) : otherwise;
}

std::optional<Bytes> Meta::blob(std::string_view name) {
    Query query(get_, name);
    if (!query.next()) return std::nullopt;
    const auto value = query.blob(0);
    return Bytes(value.begin(), value.end());
}

Journal::Journal(Database& database)
    : database_(database),
      append_(database,
              "INSERT INTO page(number, first_reading, readings, upstreams, received, body, effects)"
              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
      body_(database, "SELECT first_reading, body FROM page WHERE number = ?1"),
      remove_(database, "DELETE FROM page WHERE number BETWEEN ?1 AND ?2") {}

void Journal::append(const Page& page) {
    append_.run(page.number, page.first, page.count, page.upstreams, page.received, page.body, page.effects);
}

PageNumber Journal::last_page() {
    return static_cast<PageNumber>(database_.integer("SELECT coalesce(max(number), 0) FROM page"));
}

ReadingNumber Journal::end_of_readings() {
    return static_cast<ReadingNumber>(
        database_.integer("SELECT first_reading + readings FROM page ORDER BY number DESC LIMIT 1"));
}

void Journal::for_each_effects(PageNumber after, const std::function<void(PageNumber, ByteView)>& visit) {
    Statement select(database_, "SELECT number, effects FROM page WHERE number > ?1 ORDER BY number");
    Query query(select, after);
    while (query.next())
        visit(query.number(0), query.blob(1));
}

void Journal::for_each_entry(const std::function<void(PageEntry&&)>& visit,
                             const std::function<void(PageNumber)>& bad) {
    Statement select(database_,
                     "SELECT number, first_reading, readings, upstreams, received, length(body) FROM page"
                     " ORDER BY number");
    Query query(select);
    while (query.next()) {
        PageEntry entry;
        entry.page = query.number(0);
        entry.first = query.number(1);
        entry.count = static_cast<std::uint32_t>(query.number(2));
        entry.received = query.time(4);
        entry.bytes = static_cast<std::uint32_t>(query.number(5)) + kPageOverheadBytes;
        entry.upstreams = query.number(3);
        if (query.null(3)) {
            const auto all = readings(entry.page);
            if (!all || all->size() != entry.count) {
                bad(entry.page);
                continue;
            }
            entry.masks = std::make_unique<std::vector<UpstreamMask>>();
            for (const auto& reading : *all) {
                entry.masks->push_back(reading.upstreams);
                entry.upstreams |= reading.upstreams;
            }
        }
        visit(std::move(entry));
    }
}

std::optional<std::vector<StoredReading>> Journal::readings(PageNumber number) {
    Query query(body_, number);
    if (!query.next()) return std::nullopt;
    return decode_readings(query.blob(1), query.number(0));
}

void Journal::remove(std::vector<PageNumber> pages) {
    std::ranges::sort(pages);
    for (std::size_t i = 0; i < pages.size();) {
        std::size_t last = i;
        while (last + 1 < pages.size() && pages[last + 1] == pages[last] + 1)
            ++last;
        remove_.run(pages[i], pages[last]);
        i = last + 1;
    }
}

}  // namespace narrowgate::store
