// SPDX-License-Identifier: Apache-2.0
//
// Every credential in memory: what the handshake looks keys up in, and what tells whose a session is. The
// store is the truth; whoever changes it changes this too.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "daemon/devices/credential_shelf.hpp"
#include "daemon/devices/credential_slab.hpp"
#include "daemon/devices/entry_index.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/siphash.hpp"
#include "narrowgate/dtls/credentials.hpp"
#include "narrowgate/store/devices.hpp"

namespace narrowgate::daemon {

// Memory of a credential with a key of 16 bytes and an identity of 12, which is its device's name too: 48
// bytes in the slab and 9 to 11 in each of two indexes, 66 to 70 in all. Keys are wiped when they go.
//
// Thread: any. Look-ups by many threads do not wait for each other.
class CredentialDirectory final : public dtls::CredentialLookup {
public:
    struct Owner {
        std::string device;
        std::string fleet;
    };

    // `clock` decides whether a credential's time has come or gone, and must outlive the directory.
    explicit CredentialDirectory(const Clock& clock);

    // --- What changes while the gateway runs ---------------------------------------------------------------

    // Takes a credential over, in place of one with the same identity. A revoked one is not taken.
    void add(store::CredentialRow&& row);
    void remove(std::span<const store::CredentialId> credentials);

    // --- Loading at start ----------------------------------------------------------------------------------

    // From now on a look-up that finds nothing here goes to `shelf`, and one by identity goes there in any
    // case, so that the time it takes tells nobody what is loaded. What is removed meanwhile stays so,
    // whatever the shelf says. nullptr: all is here. Waits for look-ups on the shelf that is left.
    void load_from(CredentialShelf* shelf);
    bool loading() const { return shelf_.load(std::memory_order_acquire) != nullptr; }
    // Rows as the store had them some time ago: those that were added or removed here since are passed over,
    // as are revoked ones. One lock for all: some hundreds at a time are right.
    void load(std::span<const store::CredentialRow> rows);
    // Makes room at once for `count` credentials in all.
    void reserve(std::size_t count);

    // --- Look-ups ------------------------------------------------------------------------------------------

    // dtls::CredentialLookup: an identity that is unknown, revoked, not yet valid or no longer so is not
    // found.
    bool find(ByteView identity, dtls::Credential& out) const override;
    // Nothing when the credential is gone.
    std::optional<Owner> owner_of(store::CredentialId credential) const;
    // The credential in whose place this one comes, as long as both work.
    std::optional<store::CredentialId> replaces_of(store::CredentialId credential) const;

    std::size_t size() const;
    // How many credentials each fleet has, those here: while loading() there may be more. A fleet that has
    // some cannot vanish from the configuration.
    std::map<std::string, std::size_t> fleets() const;

private:
    using Handle = CredentialSlab::Handle;
    struct FleetName {
        std::string name;
        std::size_t credentials = 0;
    };

    std::uint64_t hash_of(std::string_view identity) const;
    std::uint64_t hash_of(store::CredentialId credential) const;

    // Under the lock, all of them.
    std::optional<Handle> handle_of(std::string_view identity) const;
    std::optional<Handle> handle_of(store::CredentialId credential) const;
    std::uint32_t number_of_fleet(const std::string& name);
    void put(const store::CredentialRow& row);
    void erase(Handle handle);

    // Calls `use` with the entry of `credential`, here or on the shelf; nothing when it is gone.
    template <class Use>
    auto with_entry_of(store::CredentialId credential, Use use) const
        -> decltype(use(std::declval<const CredentialSlab::Entry&>(), std::declval<const std::string&>()));

    const Clock& clock_;
    const SipHash hash_;  // keyed: strangers choose what is looked up

    // Taken in this order, and the shelf is asked under the first alone: whoever fills the directory from the
    // shelf needs the second.
    mutable std::shared_mutex shelf_mutex_;
    mutable std::shared_mutex mutex_;

    std::atomic<CredentialShelf*> shelf_{nullptr};  // written under the first
    CredentialSlab slab_;
    EntryIndex by_identity_;
    EntryIndex by_id_;
    std::vector<FleetName> fleets_;                 // few: configurations have tens
    std::unordered_set<store::CredentialId> gone_;  // removed while loading
};

}  // namespace narrowgate::daemon
