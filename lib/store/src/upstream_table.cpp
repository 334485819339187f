// SPDX-License-Identifier: Apache-2.0
#include "upstream_table.hpp"

#include <utility>

#include "page_body.hpp"
#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint8_t kProgressFormat = 1;

}  // namespace

// Each range as the distance from the end of the one before, and its length.
Bytes encode_progress(const RangeSet& progress) {
    Bytes out{kProgressFormat};
    std::uint64_t at = 0;
    for (const auto& range : progress.ranges()) {
        put_varint(out, range.begin - at);
        put_varint(out, range.end - range.begin);
        at = range.end;
    }
    return out;
}

std::optional<RangeSet> decode_progress(ByteView bytes) {
    ByteReader reader(bytes);
    if (reader.u8() != kProgressFormat) return std::nullopt;
    RangeSet progress;
    std::uint64_t at = 0;
    while (reader.ok() && reader.remaining() != 0) {
        const auto begin = at + take_varint(reader);
        const auto end = begin + take_varint(reader);
        if (begin < at || end <= begin) return std::nullopt;
        progress.insert(begin, end);
        at = end;
    }
    if (!reader.finished()) return std::nullopt;
    return progress;
}

UpstreamTable::UpstreamTable(Database& database)
    : database_(database),
      set_progress_(database, "UPDATE upstream SET progress = ?2 WHERE id = ?1"),
      add_dead_letter_(
          database,
          "INSERT INTO dead_letter(upstream, number, at, reason, body) VALUES(?1, ?2, ?3, ?4, ?5)") {}

void UpstreamTable::for_each(
    const std::function<void(UpstreamId, std::string name, std::optional<RangeSet>)>& visit) {
    Statement select(database_, "SELECT id, name, progress FROM upstream ORDER BY id");
    Query query(select);
    while (query.next()) {
        visit(static_cast<UpstreamId>(query.number(0)), query.text(1), decode_progress(query.blob(2)));
    }
}

void UpstreamTable::insert(UpstreamId id, std::string_view name, const RangeSet& progress) {
    Statement(database_, "INSERT INTO upstream(id, name, progress) VALUES(?1, ?2, ?3)")
        .run(id, name, encode_progress(progress));
}

void UpstreamTable::remove(UpstreamId id) {
    Statement(database_, "DELETE FROM upstream WHERE id = ?1").run(id);
}

void UpstreamTable::set_progress(UpstreamId id, const RangeSet& progress) {
    set_progress_.run(id, encode_progress(progress));
}

void UpstreamTable::add_dead_letter(const DeadLetter& letter) {
    const auto& reading = letter.reading;
    PageBody body;
    body.add({reading.device, reading.fleet, reading.resource, reading.content_format, reading.payload,
              reading.received, reading.upstreams});
    add_dead_letter_.run(letter.upstream, reading.number, letter.at, letter.reason, body.finish());
}

std::size_t UpstreamTable::trim_dead_letters(std::size_t keep) {
    Statement(database_,
              "DELETE FROM dead_letter WHERE retried IS NULL AND id <="
              " (SELECT id FROM dead_letter WHERE retried IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?1)")
        .run(keep);
    return static_cast<std::size_t>(database_.changes());
}

void UpstreamTable::for_each_returned(const std::function<void(std::string upstream, Returned)>& visit) {
    Statement select(
        database_,
        "SELECT upstream, number, length(body), retried FROM dead_letter WHERE retried IS NOT NULL");
    Query query(select);
    while (query.next())
        visit(query.text(0), {.number = query.number(1), .bytes = query.number(2), .since = query.time(3)});
}

void UpstreamTable::refuse_returned(const DeadLetter& letter) {
    Statement(database_,
              "UPDATE dead_letter SET retried = NULL, at = ?3, reason = ?4"
              " WHERE upstream = ?1 AND number = ?2 AND retried IS NOT NULL")
        .run(letter.upstream, letter.reading.number, letter.at, letter.reason);
}

void UpstreamTable::remove_returned(std::string_view upstream, ReadingNumber number) {
    Statement(database_,
              "DELETE FROM dead_letter WHERE upstream = ?1 AND number = ?2 AND retried IS NOT NULL")
        .run(upstream, number);
}

void UpstreamTable::hold_returned(std::string_view upstream) {
    Statement(database_, "UPDATE dead_letter SET retried = NULL WHERE upstream = ?1 AND retried IS NOT NULL")
        .run(upstream);
}

std::vector<DeadLetter> UpstreamTable::dead_letters(std::size_t count, std::string_view upstream) {
    std::vector<DeadLetter> letters;
    Statement select(database_,
                     "SELECT id, upstream, number, at, reason, body, retried FROM dead_letter"
                     " WHERE ?2 = '' OR upstream = ?2 ORDER BY id DESC LIMIT ?1");
    Query query(select, count, upstream);
    while (query.next()) {
        DeadLetter letter;
        letter.id = query.number(0);
        letter.upstream = query.text(1);
        letter.at = query.time(3);
        letter.reason = query.text(4);
        letter.retried = query.maybe_time(6);
        auto readings = decode_readings(query.blob(5), query.number(2));
        if (readings && readings->size() == 1) letter.reading = std::move(readings->front());
        letter.reading.number = query.number(2);
        letters.push_back(std::move(letter));
    }
    return letters;
}

}  // namespace narrowgate::store
