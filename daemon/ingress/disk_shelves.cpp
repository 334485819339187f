// SPDX-License-Identifier: Apache-2.0
//
// A disk that fails is silent here: the node sends again, and whoever loads says what is wrong with the disk.
#include "daemon/ingress/disk_shelves.hpp"

#include <utility>

#include "daemon/ingress/session_rows.hpp"

namespace narrowgate::daemon {

DiskSessionShelf::DiskSessionShelf(std::unique_ptr<store::SessionReader> reader, const dtls::ShardMap& map,
                                   std::uint8_t shard, const Clock& clock, Outside outside)
    : reader_(std::move(reader)), map_(map), shard_(shard), clock_(clock), outside_(std::move(outside)) {}

bool DiskSessionShelf::is_mine(const store::SessionRow& row) const {
    return map_.owner_of_session(row.cid, row.path) == shard_;
}

dtls::SessionRecord DiskSessionShelf::hand_out(store::SessionRow&& row) const {
    outside_.found(row.id);
    return record_of(std::move(row), outside_.service_time());
}

bool DiskSessionShelf::find_by_cid(ByteView cid, dtls::SessionRecord& out) {
    if (!strangers_.take(clock_.now().steady)) return false;
    bool found = false;
    const auto read = reader_->find_by_cid(cid, [&](store::SessionRow&& row) {
        if (!is_mine(row)) return;
        out = hand_out(std::move(row));
        found = true;
    });
    return read && found;
}

void DiskSessionShelf::find_by_path(const Path& path, std::vector<dtls::SessionRecord>& out) {
    if (!strangers_.take(clock_.now().steady)) return;
    const auto read = reader_->find_by_path(path, [&](store::SessionRow&& row) {
        if (is_mine(row)) out.push_back(hand_out(std::move(row)));
    });
    if (!read) out.clear();
}

void DiskSessionShelf::find_of(dtls::CredentialId credential, std::vector<dtls::SessionRecord>& out) {
    const auto read = reader_->find_of(credential, [&](store::SessionRow&& row) {
        if (is_mine(row)) out.push_back(hand_out(std::move(row)));
    });
    if (!read) out.clear();
}

DiskCredentialShelf::DiskCredentialShelf(std::unique_ptr<store::CredentialReader> reader, const Clock& clock)
    : reader_(std::move(reader)), clock_(clock) {}

bool DiskCredentialShelf::find(ByteView identity, store::CredentialRow& out) {
    const std::scoped_lock lock(mutex_);
    if (!strangers_.take(clock_.now().steady)) return false;
    bool found = false;
    const auto read = reader_->find(text_of(identity), [&](store::CredentialRow&& row) {
        out = std::move(row);
        found = true;
    });
    return read && found;
}

bool DiskCredentialShelf::find(store::CredentialId credential, store::CredentialRow& out) {
    const std::scoped_lock lock(mutex_);
    bool found = false;
    const auto read = reader_->find(credential, [&](store::CredentialRow&& row) {
        out = std::move(row);
        found = true;
    });
    return read && found;
}

}  // namespace narrowgate::daemon
