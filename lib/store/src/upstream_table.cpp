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

void UpstreamTable::trim_dead_letters(std::size_t keep) {
    Statement(
        database_,
        "DELETE FROM dead_letter WHERE id <= (SELECT id FROM dead_letter ORDER BY id DESC LIMIT 1 OFFSET ?1)")
        .run(keep);
}

std::vector<DeadLetter> UpstreamTable::dead_letters(std::size_t count) {
    std::vector<DeadLetter> letters;
    Statement select(database_,
                     "SELECT upstream, number, at, reason, body FROM dead_letter ORDER BY id DESC LIMIT ?1");
    Query query(select, count);
    while (query.next()) {
        DeadLetter letter{query.text(0), query.time(2), query.text(3), {}};
        auto readings = decode_readings(query.blob(4), query.number(1));
        if (readings && readings->size() == 1) letter.reading = std::move(readings->front());
        letter.reading.number = query.number(1);
        letters.push_back(std::move(letter));
    }
    return letters;
}

}  // namespace narrowgate::store
