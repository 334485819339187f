// SPDX-License-Identifier: Apache-2.0
//
// How sessions of the journal come into memory: all of them in the background, and at once what a peer asks
// for meanwhile.
#include <algorithm>
#include <utility>

#include "endpoint_impl.hpp"
#include "session_secret.hpp"

namespace narrowgate::dtls {
namespace {

// The second belt of P3: after a restart numbers begin at 2^16 a second since the session did, whatever the
// disk says of leases.
constexpr int kSequenceBitsPerSecond = 16;
constexpr std::int64_t kMaxBeltSeconds = std::int64_t{1} << 31;

std::uint64_t belt_of(WallTime established, WallTime now) {
    const auto age = std::chrono::floor<seconds>(now - established).count();
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(age, 0, kMaxBeltSeconds))
           << kSequenceBitsPerSecond;
}

}  // namespace

void Endpoint::Impl::load_from(SessionShelf* shelf) {
    shelf_ = shelf;
    if (shelf == nullptr) {
        departed_.reset();
    } else if (!departed_) {
        departed_.emplace();
    }
}

Restored Endpoint::Impl::restore(SessionRecord&& record, Now now) {
    if (record.id == 0 || record.credential > Uint48::kMax ||
        (!record.cid.empty() && record.cid.size() != options_.cid_bytes)) {
        return Restored::kUnreadable;
    }
    if (sessions_.find(record.id) != nullptr || (departed_ && departed_->has(record.id, record.credential))) {
        return Restored::kHereAlready;
    }
    Session session;
    if (!decode_secret(record.secret, session)) return Restored::kUnreadable;
    session.id = record.id;
    session.credential = record.credential;
    session.records.own_cid.assign(record.cid);
    session.records.right_edge = record.right_edge;
    session.records.window = record.window;
    session.records.lease_end = record.lease_end;
    session.records.next_sequence = std::max(record.lease_end, belt_of(record.established, now.wall));

    session.order = loaded_order(record.established);
    session.path = record.path;
    session.path_sequence = record.right_edge;
    session.traffic = record.traffic;
    session.confirmed = record.confirmed;
    session.durable = true;
    if (session.confirmed) session.unconfirmed.reset();
    session.heard = now.steady - std::clamp(record.silence, seconds(0), options_.session_lifetime);

    const SteadyTime due = session.heard + options_.session_lifetime;
    // A slot that was used before may be in the wheel for later than this session is due.
    const CompactSession& placed = sessions_.insert(std::move(session), SessionTable::Slot::kNeverUsed);
    expiry_.schedule(sessions_.slot_of(placed), due, now.steady);
    ++counters_.sessions_restored;
    return Restored::kYes;
}

void Endpoint::Impl::pull(ByteView cid, Now now) {
    SessionRecord record;
    if (shelf_->find_by_cid(cid, record)) (void)restore(std::move(record), now);
}

void Endpoint::Impl::pull(const Path& path, Now now) {
    std::vector<SessionRecord> records;
    shelf_->find_by_path(path, records);
    for (SessionRecord& record : records)
        (void)restore(std::move(record), now);
}

void Endpoint::Impl::pull(CredentialId credential, Now now) {
    std::vector<SessionRecord> records;
    shelf_->find_of(credential, records);
    for (SessionRecord& record : records)
        (void)restore(std::move(record), now);
}

}  // namespace narrowgate::dtls
