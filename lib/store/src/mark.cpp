// SPDX-License-Identifier: Apache-2.0
#include "mark.hpp"

#include <bit>

#include "effects.hpp"
#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint8_t kMarkBlockFormat = 1;  // first byte of a block
// A row of this size still fits into a leaf page of 4 096 bytes, beside the page's and the row's own headers.
constexpr std::size_t kMaxBlockBytes = 4'000;
// Pieces of a block that has grown too large: two to a page, and room for what comes.
constexpr std::size_t kSplitBytes = 2'600;
constexpr std::size_t kEntryOverheadBytes = 8 + 1 + 4;

constexpr std::uint8_t kMarkConfirmed = 1;
constexpr std::uint8_t kWindowComplement = 2;  // of an old session the window is mostly ones

class BlockWriter {
public:
    explicit BlockWriter(const Sealer& sealer) : sealer_(sealer) {}

    void add(SessionId id, ByteView entry) {
        starts_.push_back({id, entries_.size()});
        entries_.insert(entries_.end(), entry.begin(), entry.end());
    }
    void add_mark(SessionId id, ByteView mark) {
        starts_.push_back({id, entries_.size()});
        ByteWriter(entries_).u64(id).append_prefixed(mark, 1).u32(sealer_.mark_tag(id, mark));
    }
    std::vector<MarkBlock> finish() const {
        std::vector<MarkBlock> blocks;
        const std::size_t pieces =
            entries_.size() < kMaxBlockBytes ? 1 : (entries_.size() + kSplitBytes - 1) / kSplitBytes;
        const std::size_t target = entries_.size() / pieces + 1;
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            const std::size_t end = i + 1 < starts_.size() ? starts_[i + 1].at : entries_.size();
            if (blocks.empty() || blocks.back().body.size() >= target) {
                blocks.push_back({starts_[i].id, {}});
                blocks.back().body.reserve(kMaxBlockBytes);
                blocks.back().body.push_back(kMarkBlockFormat);
            }
            blocks.back().body.insert(blocks.back().body.end(),
                                      entries_.begin() + static_cast<std::ptrdiff_t>(starts_[i].at),
                                      entries_.begin() + static_cast<std::ptrdiff_t>(end));
        }
        return blocks;
    }

private:
    struct Start {
        SessionId id;
        std::size_t at;
    };
    const Sealer& sealer_;
    Bytes entries_;
    std::vector<Start> starts_;
};

}  // namespace

void put_mark(Bytes& out, const SessionMark& mark) {
    const bool complement = std::popcount(mark.window) > 32;
    out.push_back(static_cast<std::uint8_t>((mark.confirmed ? kMarkConfirmed : 0) |
                                            (complement ? kWindowComplement : 0)));
    put_varint(out, mark.right_edge);
    put_varint(out, complement ? ~mark.window : mark.window);
    put_varint(out, mark.lease_end);
    put_path(out, mark.path);
    put_signed_varint(out, mark.last_seen.time_since_epoch().count());
    put_varint(out, mark.heard);
    put_traffic(out, mark.traffic);
}

bool take_mark(ByteView body, SessionMark& mark) {
    ByteReader reader(body);
    const auto flags = reader.u8();
    mark.confirmed = (flags & kMarkConfirmed) != 0;
    mark.right_edge = take_varint(reader);
    mark.window = take_varint(reader);
    if ((flags & kWindowComplement) != 0) mark.window = ~mark.window;
    mark.lease_end = take_varint(reader);
    mark.path = take_path(reader);
    mark.last_seen = WallTime(std::chrono::microseconds(take_signed_varint(reader)));
    mark.heard = take_varint(reader);
    mark.traffic = take_traffic(reader);
    return reader.finished();
}

MarkCursor::MarkCursor(ByteView block, const Sealer& sealer) : sealer_(&sealer), rest_(block) {
    if (!rest_.empty() && rest_.front() == kMarkBlockFormat) rest_ = rest_.subspan(1);
}

bool MarkCursor::next() {
    for (; rest_.size() >= kEntryOverheadBytes; rest_ = rest_.subspan(1)) {
        ByteReader reader(rest_);
        id_ = reader.u64();
        body_ = reader.take_prefixed(1);
        const std::uint32_t tag = reader.u32();
        if (!reader.ok() || sealer_->mark_tag(id_, body_) != tag) continue;
        entry_ = rest_.first(body_.size() + kEntryOverheadBytes);
        rest_ = rest_.subspan(entry_.size());
        return true;
    }
    return false;
}

std::optional<SessionMark> MarkCursor::open() const {
    SessionMark mark;
    mark.session = id_;
    if (!take_mark(body_, mark)) return std::nullopt;
    return mark;
}

std::vector<MarkBlock> merge(ByteView block, std::span<const MarkChange> changes, const Sealer& sealer) {
    BlockWriter out(sealer);
    MarkCursor old(block, sealer);
    bool more = old.next();
    for (const auto& change : changes) {
        for (; more && key_of(old.id()) < key_of(change.id); more = old.next())
            out.add(old.id(), old.entry());
        const bool known = more && old.id() == change.id;
        if (known) more = old.next();
        if (change.kind == MarkChange::Kind::kPut || (known && change.kind == MarkChange::Kind::kUpdate))
            out.add_mark(change.id, change.mark);
    }
    for (; more; more = old.next())
        out.add(old.id(), old.entry());
    return out.finish();
}

}  // namespace narrowgate::store
