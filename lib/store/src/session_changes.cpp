// SPDX-License-Identifier: Apache-2.0
#include "session_changes.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::store {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr std::size_t kLargestEntryBytes = 8 + 1 + 255;

SessionMark mark_of(const SessionRow& row) {
    return {.session = row.id,
            .right_edge = row.right_edge,
            .window = row.window,
            .lease_end = row.lease_end,
            .confirmed = row.confirmed,
            .path = row.path,
            .last_seen = row.last_seen,
            .heard = row.heard,
            .traffic = row.traffic};
}

bool before(const MarkChange& left, const MarkChange& right) {
    return key_of(left.id) < key_of(right.id);
}

}  // namespace

void MarkLog::add(const SessionMark& mark) {
    if (chunks_.empty() || chunks_.back().size() + kLargestEntryBytes > kChunkBytes) {
        chunks_.emplace_back().reserve(kChunkBytes);
    }
    Bytes& chunk = chunks_.back();
    ByteWriter(chunk).u64(mark.session).u8(0);
    const std::size_t begin = chunk.size();
    put_mark(chunk, mark);
    chunk[begin - 1] = static_cast<std::uint8_t>(chunk.size() - begin);
    ++count_;
}

std::vector<MarkChange> MarkLog::last_of_each() const {
    std::vector<MarkChange> all;
    all.reserve(count_);
    for (const Bytes& chunk : chunks_) {
        for (ByteReader reader(chunk); reader.remaining() != 0;) {
            const SessionId id = reader.u64();
            all.push_back({id, MarkChange::Kind::kUpdate, reader.take_prefixed(1)});
        }
    }
    std::ranges::stable_sort(all, before);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i + 1 < all.size() && all[i + 1].id == all[i].id) continue;
        all[kept++] = all[i];
    }
    all.resize(kept);
    return all;
}

void SessionChanges::apply(SealedSession&& session) {
    marks_.add(mark_of(session.row));
    rows_[session.row.id].open = std::move(session);
}

void SessionChanges::apply(const SessionClose& session) {
    close(session.session);
}

void SessionChanges::apply(const SessionsEnd& end) {
    ended_.push_back(end.credential);
    for (auto& [id, row] : rows_) {
        if (row.open && row.open->row.credential == end.credential) row = {.closed = true, .open = {}};
    }
}

const SessionChanges::Row* SessionChanges::find(SessionId session) const {
    const auto row = rows_.find(session);
    return row == rows_.end() ? nullptr : &row->second;
}

std::vector<MarkChange> SessionChanges::mark_changes() const {
    auto changes = marks_.last_of_each();
    for (auto& change : changes) {
        const Row* row = find(change.id);
        if (row == nullptr) continue;
        change.kind = row->open ? MarkChange::Kind::kPut : MarkChange::Kind::kErase;
    }
    const auto known = static_cast<std::ptrdiff_t>(changes.size());
    for (const auto& [id, row] : rows_) {
        if (row.open) continue;  // its first mark is in the log
        const MarkChange erase{id, MarkChange::Kind::kErase, {}};
        if (!std::binary_search(changes.begin(), changes.begin() + known, erase, before))
            changes.push_back(erase);
    }
    std::sort(changes.begin() + known, changes.end(), before);
    std::inplace_merge(changes.begin(), changes.begin() + known, changes.end(), before);
    return changes;
}

}  // namespace narrowgate::store
