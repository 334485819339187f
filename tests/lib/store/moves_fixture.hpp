// SPDX-License-Identifier: Apache-2.0
//
// Two gateways' stores, of which one gives its sessions to the other.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "narrowgate/store/moves.hpp"
#include "store_fixture.hpp"

namespace narrowgate::store {

inline const Bytes kMovedEvent{1, 2, 9};

// `options_` and the fixture's store are the source's; the destination has a sealing key of its own.
class MovesFixture : public StoreTest {
protected:
    MovesFixture() {
        destination_ = options_;
        destination_.directory = directory_.path() / "destination";
    }

    // The destination with these devices, and not running. Returns its instance.
    Uuid prepare_destination(const std::vector<std::string>& identities) {
        auto store = Store::open(destination_, log_, clock_);
        EXPECT_TRUE(store.has_value()) << store.error().text();
        for (const auto& identity : identities)
            EXPECT_TRUE((*store)->add_device(new_device(identity), kActor).has_value());
        return (*store)->instance();
    }
    // A device at the source with a confirmed session of that id.
    void add_session(SessionId id, const std::string& identity) {
        Unit unit;
        unit.open = session(id, add_device(identity));
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        unit = {};
        unit.mark = mark(id, 7);
        unit.mark->lease_end = 4096;
        unit.mark->heard = static_cast<std::uint64_t>(store_->service_time().count());
        unit.mark->traffic = {100, 200, 3, 4};
        unit.reply = StoredReply{id, 77, clock_.now().wall + std::chrono::hours(1), {0x60, 0x44}};
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }

    Expected<ExportInfo> export_to(const Uuid& destination, const std::string& fleet = {}) {
        return export_sessions(
            options_,
            {.destination = destination, .fleet = fleet, .event = kMovedEvent, .actor = std::string(kActor)},
            key_, log_, clock_);
    }
    Expected<std::string> file_of(const Uuid& id) {
        std::string file;
        auto written = write_export(
            options_, id,
            [&](ByteView bytes) -> Expected<void> {
                file.append(bytes.begin(), bytes.end());
                return {};
            },
            log_, clock_);
        if (!written) return std::unexpected(written.error());
        return file;
    }
    Expected<ImportedSessions> import_at(const Options& where, const std::string& file, const Secret& key,
                                         bool without_unknown = false) {
        std::istringstream in(file);
        return import_sessions(
            where, in, key,
            {.cid_bytes = 6, .without_unknown = without_unknown, .actor = std::string(kActor)}, log_, clock_);
    }
    Expected<ImportedSessions> import_it(const std::string& file) {
        return import_at(destination_, file, key_);
    }
    std::map<SessionId, SessionRow> sessions_at(const Options& where) {
        std::map<SessionId, SessionRow> rows;
        const auto store = Store::open(where, log_, clock_);
        EXPECT_TRUE(store.has_value()) << store.error().text();
        if (!store) return rows;
        EXPECT_TRUE((*store)
                        ->load_sessions([&](SessionRow&& row) { rows.emplace(row.id, std::move(row)); })
                        .has_value());
        return rows;
    }

    Options destination_;
    const Secret key_{bytes_of("0123456789abcdef0123456789abcdef")};
};

}  // namespace narrowgate::store
