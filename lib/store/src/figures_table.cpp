// SPDX-License-Identifier: Apache-2.0
#include "figures_table.hpp"

#include <cstdlib>
#include <utility>

namespace narrowgate::store {
namespace {

Bytes copy_of(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

// A device that was revoked after it was counted gets no row any more.
FiguresTable::FiguresTable(Database& database)
    : get_(database, "SELECT body FROM device_figures WHERE device = ?1"),
      put_(database,
           "INSERT INTO device_figures(device, body) SELECT name, ?2 FROM device WHERE name = ?1"
           " AND revoked IS NULL ON CONFLICT(device) DO UPDATE SET body = ?2") {}

Bytes FiguresTable::read(std::string_view device) {
    Query query(get_, device);
    return query.next() ? copy_of(query.blob(0)) : Bytes();
}

void FiguresTable::apply(const FiguresChange& change) {
    for (const std::string& device : change.devices) {
        const Bytes after = change.merge(device, read(device));
        if (after.size() > kMaxFiguresBytes) std::abort();  // the caller's mistake
        put_.run(device, after);
    }
}

FiguresTableReader::FiguresTableReader(const std::filesystem::path& file, const std::string& file_layer)
    : file_(file),
      database_(file, file_layer, true),
      after_(database_,
             "SELECT name, fleet, (SELECT max(id) FROM credential WHERE credential.device = name"
             " AND credential.revoked IS NULL), report_interval, body FROM device"
             " LEFT JOIN device_figures ON device_figures.device = name"
             " WHERE name > ?1 AND device.revoked IS NULL ORDER BY name LIMIT ?2") {}

Expected<bool> FiguresTableReader::next(std::size_t count, const Take& take) {
    try {
        std::size_t seen = 0;
        Query query(after_, last_, count);
        for (; query.next(); ++seen) {
            FiguresRow row{query.text(0), query.text(1), query.number(2), std::nullopt,
                           copy_of(query.blob(4))};
            if (!query.null(3)) row.report_interval = seconds(query.integer(3));
            last_ = row.device;
            take(std::move(row));
        }
        return seen == count;
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

}  // namespace narrowgate::store
