// SPDX-License-Identifier: Apache-2.0
//
// A store in memory whose commits, failures and crashes a test decides, and the way a start looks into it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/ingress/disk_shelves.hpp"
#include "daemon/ingress/stored_replies.hpp"
#include "narrowgate/store/loading.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::daemon::testing {

inline store::SessionRow copy_of(const store::SessionRow& row) {
    return row.with(row.secret.copy());
}

// What the store would hold. Units wait until commit(); a crash forgets what waits.
class MemoryJournal {
public:
    struct Reading {
        std::string device;
        Bytes payload;
    };

    bool submit(store::Unit&& unit) {
        if (full_queue) return false;
        waiting_.push_back(std::move(unit));
        return true;
    }

    // All that waits, in order, becomes durable, unless the store is out of order in one of its ways. What
    // became of it, by who submitted it.
    std::map<store::SinkId, std::vector<store::Completion>> commit() {
        std::map<store::SinkId, std::vector<store::Completion>> completions;
        for (store::Unit& unit : std::exchange(waiting_, {})) {
            store::Outcome outcome = store::Outcome::kCommitted;
            if (failing) {
                outcome = store::Outcome::kFailed;
            } else {
                if (unit.reading && full) outcome = store::Outcome::kReadingRefused;
                apply(unit, outcome);
            }
            completions[unit.sink].push_back({unit.ticket, outcome, seconds(60)});
        }
        return completions;
    }
    void crash() { waiting_.clear(); }
    bool idle() const { return waiting_.empty(); }

    std::map<store::SessionId, store::SessionRow> sessions;
    std::vector<store::StoredReply> replies;
    std::vector<Reading> readings;
    std::vector<store::DeviceEvent> events;  // newest first, as the store gives them
    std::vector<store::CredentialId> retired;
    bool full = false;        // readings are refused
    bool failing = false;     // nothing can be written
    bool full_queue = false;  // nothing is even taken

private:
    void apply(store::Unit& unit, store::Outcome outcome) {
        for (const store::SessionId id : unit.close)
            sessions.erase(id);
        if (unit.open) sessions.insert_or_assign(unit.open->id, std::move(*unit.open));
        if (unit.mark) {
            if (const auto found = sessions.find(unit.mark->session); found != sessions.end()) {
                store::SessionRow& row = found->second;
                row.right_edge = unit.mark->right_edge;
                row.window = unit.mark->window;
                row.lease_end = unit.mark->lease_end;
                row.confirmed = unit.mark->confirmed;
                row.path = unit.mark->path;
                row.last_seen = unit.mark->last_seen;
                row.heard = unit.mark->heard;
                row.traffic = unit.mark->traffic;
            }
        }
        for (store::DeviceEvent& event : unit.events)
            events.insert(events.begin(), std::move(event));
        if (unit.retire) {
            retired.push_back(*unit.retire);
            std::erase_if(sessions, [&](const auto& each) { return each.second.credential == *unit.retire; });
        }
        if (outcome != store::Outcome::kCommitted) return;
        if (unit.reading) readings.push_back({unit.reading->device, unit.reading->payload});
        if (unit.reply) replies.push_back(*unit.reply);
    }

    std::vector<store::Unit> waiting_;
};

// Sees the sessions as they were when it was made, like the store's own before a fold.
class MemorySessionReader final : public store::SessionReader {
public:
    explicit MemorySessionReader(const MemoryJournal& journal) {
        for (const auto& [id, row] : journal.sessions)
            rows_.push_back(copy_of(row));
    }

    Expected<bool> next(std::size_t count, const Take& take) override {
        for (; count > 0 && next_ < rows_.size(); --count)
            take(copy_of(rows_[next_++]));
        return next_ < rows_.size();
    }
    Expected<void> find_by_cid(ByteView cid, const Take& take) override {
        return find(take, [&](const store::SessionRow& row) { return std::ranges::equal(row.cid, cid); });
    }
    Expected<void> find_by_path(const Path& path, const Take& take) override {
        return find(take, [&](const store::SessionRow& row) { return row.cid.empty() && row.path == path; });
    }
    Expected<void> find_of(store::CredentialId credential, const Take& take) override {
        return find(take, [&](const store::SessionRow& row) { return row.credential == credential; });
    }

private:
    template <class Fits>
    Expected<void> find(const Take& take, Fits fits) {
        for (const store::SessionRow& row : rows_)
            if (fits(row)) take(copy_of(row));
        return {};
    }

    std::vector<store::SessionRow> rows_;
    std::size_t next_ = 0;
};

}  // namespace narrowgate::daemon::testing
