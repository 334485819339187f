// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/credential_directory.hpp"

#include <mutex>
#include <utility>

namespace narrowgate::daemon {

CredentialDirectory::CredentialDirectory(const Clock& clock) : clock_(clock) {}

void CredentialDirectory::add(store::CredentialRow&& row) {
    if (row.revoked) return;
    const std::unique_lock lock(mutex_);
    const auto known = by_identity_.find(row.identity);
    if (known != by_identity_.end() && known->second != row.id) entries_.erase(known->second);
    by_identity_.insert_or_assign(row.identity, row.id);
    entries_.insert_or_assign(row.id, Entry{.identity = std::move(row.identity),
                                            .owner = {std::move(row.device), std::move(row.fleet)},
                                            .psk = std::move(row.psk),
                                            .not_before = row.not_before,
                                            .not_after = row.not_after});
}

void CredentialDirectory::remove(std::span<const store::CredentialId> credentials) {
    const std::unique_lock lock(mutex_);
    for (const store::CredentialId credential : credentials) {
        const auto entry = entries_.find(credential);
        if (entry == entries_.end()) continue;
        const auto named = by_identity_.find(entry->second.identity);
        if (named != by_identity_.end() && named->second == credential) by_identity_.erase(named);
        entries_.erase(entry);
    }
}

bool CredentialDirectory::find(ByteView identity, dtls::Credential& out) const {
    const WallTime now = clock_.now().wall;
    const std::string key(text_of(identity));
    const std::shared_lock lock(mutex_);
    const auto named = by_identity_.find(key);
    if (named == by_identity_.end()) return false;
    const Entry& entry = entries_.at(named->second);
    if ((entry.not_before && now < *entry.not_before) || (entry.not_after && now > *entry.not_after))
        return false;
    out.id = named->second;
    out.psk = entry.psk.copy();
    return true;
}

std::optional<CredentialDirectory::Owner> CredentialDirectory::owner_of(
    store::CredentialId credential) const {
    const std::shared_lock lock(mutex_);
    const auto entry = entries_.find(credential);
    if (entry == entries_.end()) return std::nullopt;
    return entry->second.owner;
}

std::size_t CredentialDirectory::size() const {
    const std::shared_lock lock(mutex_);
    return entries_.size();
}

std::map<std::string, std::size_t> CredentialDirectory::fleets() const {
    const std::shared_lock lock(mutex_);
    std::map<std::string, std::size_t> fleets;
    for (const auto& [id, entry] : entries_)
        ++fleets[entry.owner.fleet];
    return fleets;
}

}  // namespace narrowgate::daemon
