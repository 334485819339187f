// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/credential_directory.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <utility>

namespace narrowgate::daemon {
namespace {

bool is_valid_at(WallTime now, std::optional<WallTime> not_before, std::optional<WallTime> not_after) {
    return (!not_before || now >= *not_before) && (!not_after || now <= *not_after);
}

}  // namespace

CredentialDirectory::CredentialDirectory(const Clock& clock)
    : clock_(clock), hash_(SipHash::with_random_key()) {}

std::uint64_t CredentialDirectory::hash_of(std::string_view identity) const {
    return hash_(bytes_of(identity));
}

std::uint64_t CredentialDirectory::hash_of(store::CredentialId credential) const {
    std::array<std::uint8_t, sizeof(credential)> bytes{};
    std::memcpy(bytes.data(), &credential, sizeof(credential));
    return hash_(bytes);
}

std::optional<CredentialDirectory::Handle> CredentialDirectory::handle_of(std::string_view identity) const {
    return by_identity_.find(hash_of(identity),
                             [&](Handle handle) { return slab_.at(handle).identity == identity; });
}

std::optional<CredentialDirectory::Handle> CredentialDirectory::handle_of(
    store::CredentialId credential) const {
    return by_id_.find(hash_of(credential), [&](Handle handle) { return slab_.at(handle).id == credential; });
}

std::uint32_t CredentialDirectory::number_of_fleet(const std::string& name) {
    auto fleet = std::ranges::find(fleets_, name, &FleetName::name);
    if (fleet == fleets_.end()) fleet = fleets_.insert(fleets_.end(), FleetName{.name = name});
    return static_cast<std::uint32_t>(fleet - fleets_.begin());
}

void CredentialDirectory::put(const store::CredentialRow& row) {
    const std::uint32_t fleet = number_of_fleet(row.fleet);
    const Handle handle = slab_.put({.id = row.id,
                                     .fleet = fleet,
                                     .identity = row.identity,
                                     .device = row.device,
                                     .psk = row.psk.view(),
                                     .not_before = row.not_before,
                                     .not_after = row.not_after,
                                     .replaces = row.replaces});
    by_identity_.insert(hash_of(row.identity), handle);
    by_id_.insert(hash_of(row.id), handle);
    ++fleets_[fleet].credentials;
}

void CredentialDirectory::erase(Handle handle) {
    const CredentialSlab::Entry entry = slab_.at(handle);
    by_identity_.erase(hash_of(entry.identity), handle);
    by_id_.erase(hash_of(entry.id), handle);
    --fleets_[entry.fleet].credentials;
    slab_.erase(handle);
}

void CredentialDirectory::add(store::CredentialRow&& row) {
    if (row.revoked) return;
    const std::unique_lock lock(mutex_);
    if (const auto same = handle_of(row.id)) erase(*same);
    if (const auto namesake = handle_of(row.identity)) erase(*namesake);
    put(row);
}

void CredentialDirectory::remove(std::span<const store::CredentialId> credentials) {
    const std::unique_lock lock(mutex_);
    for (const store::CredentialId credential : credentials) {
        if (const auto handle = handle_of(credential)) erase(*handle);
        if (loading()) gone_.insert(credential);
    }
}

void CredentialDirectory::load_from(CredentialShelf* shelf) {
    const std::unique_lock shelf_lock(shelf_mutex_);
    const std::unique_lock lock(mutex_);
    shelf_.store(shelf, std::memory_order_release);
    if (shelf == nullptr) gone_ = {};
}

void CredentialDirectory::load(std::span<const store::CredentialRow> rows) {
    const std::unique_lock lock(mutex_);
    for (const store::CredentialRow& row : rows) {
        if (!row.revoked && !gone_.contains(row.id) && !handle_of(row.id) && !handle_of(row.identity))
            put(row);
    }
}

void CredentialDirectory::reserve(std::size_t count) {
    const std::unique_lock lock(mutex_);
    by_identity_.reserve(count);
    by_id_.reserve(count);
}

bool CredentialDirectory::find(ByteView identity, dtls::Credential& out) const {
    const WallTime now = clock_.now().wall;
    const std::string_view name = text_of(identity);
    std::shared_lock<std::shared_mutex> shelf_lock;
    std::optional<store::CredentialRow> on_disk;
    if (loading()) {
        shelf_lock = std::shared_lock(shelf_mutex_);
        CredentialShelf* const shelf = shelf_.load(std::memory_order_relaxed);
        store::CredentialRow row;
        if (shelf != nullptr && shelf->find(identity, row)) on_disk = std::move(row);
    }
    const std::shared_lock lock(mutex_);
    if (const auto handle = handle_of(name)) {
        const CredentialSlab::Entry entry = slab_.at(*handle);
        if (!is_valid_at(now, entry.not_before, entry.not_after)) return false;
        out.id = entry.id;
        out.psk = Secret(entry.psk);
        return true;
    }
    if (!on_disk || on_disk->revoked || gone_.contains(on_disk->id) ||
        !is_valid_at(now, on_disk->not_before, on_disk->not_after)) {
        return false;
    }
    out.id = on_disk->id;
    out.psk = std::move(on_disk->psk);
    return true;
}

template <class Use>
auto CredentialDirectory::with_entry_of(store::CredentialId credential, Use use) const
    -> decltype(use(std::declval<const CredentialSlab::Entry&>(), std::declval<const std::string&>())) {
    {
        const std::shared_lock lock(mutex_);
        if (const auto handle = handle_of(credential)) {
            const CredentialSlab::Entry entry = slab_.at(*handle);
            return use(entry, fleets_[entry.fleet].name);
        }
        if (!loading() || gone_.contains(credential)) return {};
    }
    store::CredentialRow row;
    const std::shared_lock shelf_lock(shelf_mutex_);
    CredentialShelf* const shelf = shelf_.load(std::memory_order_relaxed);
    const bool on_disk = shelf != nullptr && shelf->find(credential, row) && !row.revoked;
    const std::shared_lock lock(mutex_);
    // Loading may have brought it, or come to its end, in between.
    if (const auto handle = handle_of(credential)) {
        const CredentialSlab::Entry entry = slab_.at(*handle);
        return use(entry, fleets_[entry.fleet].name);
    }
    if (!on_disk || gone_.contains(credential)) return {};
    return use({.id = row.id,
                .fleet = 0,
                .identity = row.identity,
                .device = row.device,
                .psk = row.psk.view(),
                .not_before = row.not_before,
                .not_after = row.not_after,
                .replaces = row.replaces},
               row.fleet);
}

std::optional<CredentialDirectory::Owner> CredentialDirectory::owner_of(
    store::CredentialId credential) const {
    return with_entry_of(credential, [](const CredentialSlab::Entry& entry, const std::string& fleet) {
        return std::optional<Owner>({.device = std::string(entry.device), .fleet = fleet});
    });
}

std::optional<store::CredentialId> CredentialDirectory::replaces_of(store::CredentialId credential) const {
    const auto replaced =
        with_entry_of(credential, [](const CredentialSlab::Entry& entry, const std::string&) {
            return entry.replaces != 0 ? std::optional(entry.replaces) : std::nullopt;
        });
    if (!replaced) return std::nullopt;
    return with_entry_of(*replaced, [](const CredentialSlab::Entry& entry, const std::string&) {
        return std::optional(entry.id);
    });
}

std::size_t CredentialDirectory::size() const {
    const std::shared_lock lock(mutex_);
    return by_id_.size();
}

std::map<std::string, std::size_t> CredentialDirectory::fleets() const {
    const std::shared_lock lock(mutex_);
    std::map<std::string, std::size_t> fleets;
    for (const FleetName& fleet : fleets_) {
        if (fleet.credentials > 0) fleets.emplace(fleet.name, fleet.credentials);
    }
    return fleets;
}

}  // namespace narrowgate::daemon
