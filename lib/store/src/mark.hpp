// SPDX-License-Identifier: Apache-2.0
//
// Marks on disk. What changes with each record of a session is kept apart from what never does, and packed:
// some fifty marks a row (a block), ordered by session. A fold of many marks then rewrites few database
// pages. On-disk form: docs/store.md.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/store/unit.hpp"
#include "sealer.hpp"

namespace narrowgate::store {

// A mark without its session's id; at most 255 bytes.
void put_mark(Bytes& out, const SessionMark& mark);
// False when the bytes are not a whole mark. Does not set `mark.session`.
bool take_mark(ByteView body, SessionMark& mark);

// SQLite's integers are signed, and so is the order of sessions on disk.
inline std::int64_t key_of(SessionId id) {
    return static_cast<std::int64_t>(id);
}

// Walks a block's entries that this store wrote for their sessions. Damaged bytes are passed over up to the
// next such entry, so that they end the session they belong to and no other.
class MarkCursor {
public:
    MarkCursor() = default;
    // Both must outlive the cursor.
    MarkCursor(ByteView block, const Sealer& sealer);

    bool next();
    // Of the current entry.
    SessionId id() const { return id_; }
    ByteView entry() const { return entry_; }  // as it stands in the block
    // Nothing when it is of a form that is not known.
    std::optional<SessionMark> open() const;

private:
    const Sealer* sealer_ = nullptr;
    ByteView rest_;
    SessionId id_ = 0;
    ByteView entry_;
    ByteView body_;
};

struct MarkChange {
    enum class Kind : std::uint8_t { kUpdate, kPut, kErase };  // an update of no entry is ignored
    SessionId id = 0;
    Kind kind = Kind::kUpdate;
    ByteView mark;  // as put_mark() wrote it; must outlive the change
};

struct MarkBlock {
    SessionId first = 0;  // of its entries
    Bytes body;
};

// `block` with the changes (ascending by key_of(), one a session) made to it, as one block or, where that
// would be more than a database page takes, several. None when no entry is left.
std::vector<MarkBlock> merge(ByteView block, std::span<const MarkChange> changes, const Sealer& sealer);

}  // namespace narrowgate::store
