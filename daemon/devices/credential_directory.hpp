// SPDX-License-Identifier: Apache-2.0
//
// Every credential in memory: what the handshake looks keys up in, and what tells whose a session is. The
// store is the truth; whoever changes it changes this too.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/credentials.hpp"
#include "narrowgate/store/devices.hpp"

namespace narrowgate::daemon {

// Thread: any. Look-ups by many threads do not wait for each other. Memory: about 300 bytes a credential.
class CredentialDirectory final : public dtls::CredentialLookup {
public:
    struct Owner {
        std::string device;
        std::string fleet;
    };

    // `clock` decides whether a credential's time has come or gone, and must outlive the directory.
    explicit CredentialDirectory(const Clock& clock);

    // Takes a credential over, in place of one with the same identity. A revoked one is not taken.
    void add(store::CredentialRow&& row);
    void remove(std::span<const store::CredentialId> credentials);

    // dtls::CredentialLookup: an identity that is unknown, revoked, not yet valid or no longer so is not
    // found.
    bool find(ByteView identity, dtls::Credential& out) const override;
    // Nothing when the credential is gone.
    std::optional<Owner> owner_of(store::CredentialId credential) const;

    std::size_t size() const;
    // How many credentials each fleet has: a fleet that has some cannot vanish from the configuration.
    std::map<std::string, std::size_t> fleets() const;

private:
    struct Entry {
        std::string identity;
        Owner owner;
        Secret psk;
        std::optional<WallTime> not_before;
        std::optional<WallTime> not_after;
    };

    const Clock& clock_;
    mutable std::shared_mutex mutex_;
    std::unordered_map<store::CredentialId, Entry> entries_;
    std::unordered_map<std::string, store::CredentialId> by_identity_;
};

}  // namespace narrowgate::daemon
