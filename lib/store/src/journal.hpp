// SPDX-License-Identifier: Apache-2.0
//
// The journal on disk: a page a commit with its readings and effects. Pages are applied to the tables later
// (folded), and deleted when that is done and nobody waits for their readings.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "ledger.hpp"
#include "narrowgate/base/bytes.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

struct Page {
    PageNumber number = 0;
    ReadingNumber first = 0;  // the next reading's number, when the page has none
    std::size_t count = 0;
    std::optional<UpstreamMask> upstreams;  // nothing: they differ from reading to reading
    WallTime received{};
    Bytes body;
    Bytes effects;
};

// The small persisted values: counters and keys of the table `meta`. Throws SqlFault. Thread: the writer's.
class Meta {
public:
    explicit Meta(Database& database);
    std::uint64_t number(std::string_view name, std::uint64_t otherwise);
    void set_number(std::string_view name, std::uint64_t value) { set_.run(name, value); }
    std::optional<Bytes> blob(std::string_view name);
    void set_blob(std::string_view name, ByteView value) { set_.run(name, value); }

private:
    Statement get_;
    Statement set_;
};

// Throws SqlFault. Thread: the writer's.
class Journal {
public:
    explicit Journal(Database& database);

    void append(const Page& page);

    // The highest page number in use, 0 when there is none; and the number after its last reading.
    PageNumber last_page();
    ReadingNumber end_of_readings();
    void for_each_effects(PageNumber after, const std::function<void(PageNumber, ByteView)>& visit);
    // Every page as the ledger wants it, ascending; count 0 where there are no readings. `body` is read only
    // where the upstreams differ. A page that cannot be read comes with `upstreams` 0 and is reported.
    void for_each_entry(const std::function<void(PageEntry&&)>& visit,
                        const std::function<void(PageNumber)>& bad);
    std::optional<std::vector<StoredReading>> readings(PageNumber number);
    void remove(std::vector<PageNumber> pages);

private:
    Database& database_;
    Statement append_;
    Statement body_;
    Statement remove_;
};

}  // namespace narrowgate::store
