// SPDX-License-Identifier: Apache-2.0
//
// Devices as operators handle them: the one implementation behind the control socket and, when no daemon
// runs, behind the command line. The store keeps them; this says what is allowed and tells who must know.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/error.hpp"
#include "narrowgate/base/secret.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// Shorter keys can be guessed: a handshake that was recorded lets anybody try keys at leisure (RFC 4279
// section 7.2).
inline constexpr std::size_t kMinPskBytes = 16;

// What a change means for those who hold credentials in memory. It is durable already.
struct CredentialChanges {
    std::vector<store::CredentialId> removed;  // revoked or replaced: their live sessions end now
    std::vector<store::CredentialRow> added;
};

// What is wrong with one line of an import; 0 where it is no line's.
struct ImportMistake {
    std::size_t line = 0;
    Error error;
};

// Identities. Nothing was changed when `mistakes` is not empty, nor in a dry run.
struct ImportSummary {
    std::vector<std::string> added;
    std::vector<std::string> changed;  // another key or fleet
    std::vector<std::string> unchanged;
    std::vector<ImportMistake> mistakes;
};

// Thread: one; its calls wait for the store's writer.
class DeviceService {
public:
    using Listener = std::function<void(CredentialChanges&&)>;

    // `fleets` are those of the configuration. `listener` is called after each durable change, before the
    // call that made it returns. `store` must outlive the service.
    DeviceService(store::Store& store, std::set<std::string> fleets, Listener listener);
    // A reload.
    void set_fleets(std::set<std::string> fleets) { fleets_ = std::move(fleets); }

    // `device.name` may be empty: the identity. Fails when the fleet does not exist, the identity is in use,
    // or a field is out of bounds.
    Expected<void> add(store::NewDevice device);
    // CSV as device_csv.hpp reads it. All or nothing; fails when the store does.
    Expected<ImportSummary> import_csv(std::string_view text, bool dry_run);
    Expected<std::vector<store::Device>> list();
    // By identity or name; fails when there is none.
    Expected<store::Device> show(std::string_view identity_or_name);
    // Returns how many credentials were revoked.
    Expected<std::size_t> revoke(std::string_view identity_or_name);
    // Every credential that is not revoked, as CSV that import_csv() reads when it has the keys.
    Expected<std::string> export_csv(bool with_keys);

private:
    Expected<void> check_fleet(std::string_view fleet) const;
    // Tells the listener of the credentials that stand behind `identities` now.
    Expected<void> announce(std::vector<store::CredentialId> removed,
                            std::span<const store::NewDevice> added);

    store::Store& store_;
    std::set<std::string> fleets_;
    const Listener listener_;
};

// Whether `identity` is 1 to 128 bytes of UTF-8 without control characters.
Expected<void> check_identity(std::string_view identity);
// kMinPskBytes to 64 bytes in hexadecimal, white space around it allowed. The error does not quote the key.
Expected<Secret> parse_psk(ByteView hex);

}  // namespace narrowgate::daemon
