// SPDX-License-Identifier: Apache-2.0
//
// Devices as operators handle them: the one implementation behind the control socket and, when no daemon
// runs, behind the command line. The store keeps them; this says what is allowed and tells who must know.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/care/device_care.hpp"
#include "daemon/devices/device_exchange.hpp"
#include "daemon/devices/handshake_reasons.hpp"
#include "daemon/devices/live_session.hpp"
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

// A device with its present and its past.
struct DeviceReport {
    store::Device device;
    WallTime at{};
    // Where no daemon runs, or a shard does not answer: as the store has them, some seconds old.
    std::vector<LiveSession> sessions;
    DevicePast past;
    // Newest first. Nothing where no daemon runs, or a shard does not answer.
    std::optional<std::vector<DeviceExchange>> exchanges;
    // Where no daemon runs: without what its fleet's file says.
    DeviceCare care;
};

// Thread: one; its calls wait for the store's writer. `actor` is who asked for a change, for the audit trail.
class DeviceService {
public:
    struct Outside {
        // Called after each durable change, before the call that made it returns.
        std::function<void(CredentialChanges&&)> changed{};
        LookAtSessions live_sessions{};
        LookAtExchanges exchanges{};
        CareOf care{};
        // The same for how often a device reports; nothing: as its fleet.
        std::function<void(const std::string& device, std::optional<seconds> interval)> interval_changed{};
    };

    // `fleets` are those of the configuration. `store` and `clock` must outlive the service.
    DeviceService(store::Store& store, const Clock& clock, std::set<std::string> fleets, Outside outside);
    // A reload.
    void set_fleets(std::set<std::string> fleets) { fleets_ = std::move(fleets); }

    // `device.name` may be empty: the identity. Fails when the fleet does not exist, the identity is in use,
    // or a field is out of bounds.
    Expected<void> add(store::NewDevice device, std::string_view actor);
    // CSV as device_csv.hpp reads it. All or nothing; fails when the store does.
    Expected<ImportSummary> import_csv(std::string_view text, bool dry_run, std::string_view actor);
    // Store::devices().
    Expected<std::vector<store::Device>> list(std::string_view after, std::size_t count);
    // By identity or name, like the calls below; fails when there is none. With so many exchanges.
    Expected<DeviceReport> show(std::string_view identity_or_name, std::size_t exchanges = kUsualExchanges);
    // The same; nothing when there is none.
    Expected<std::optional<DeviceReport>> look_for(std::string_view identity_or_name,
                                                   std::size_t exchanges = kUsualExchanges);
    // Gives the device its next credential: both are valid until the node has used the new one, then the one
    // before is retired. Returns the new one. Fails when one waits already.
    Expected<store::CredentialRow> rotate(std::string_view identity_or_name, store::Rotation rotation,
                                          std::string_view actor);
    // Takes a credential back that a rotation made and that its node has not used; returns its identity.
    Expected<std::string> cancel_rotation(std::string_view identity_or_name, std::string_view actor);
    // Returns how many credentials were revoked.
    Expected<std::size_t> revoke(std::string_view identity_or_name, std::string_view actor);
    // One credential; the device goes on with its others, if it has any.
    Expected<void> revoke_credential(std::string_view identity, std::string_view actor);
    // How often it reports, where that is not its fleet's to say; nothing: it is. Returns its name.
    Expected<std::string> set_report_interval(std::string_view identity_or_name,
                                              std::optional<seconds> interval, std::string_view actor);
    // Every credential that is not revoked, as CSV that import_csv() reads when it has the keys.
    Expected<std::string> export_csv(bool with_keys);

    // The last `count` changes, newest first.
    Expected<std::vector<store::AuditEntry>> audit(std::size_t count) { return store_.audit(count); }

private:
    Expected<store::Device> find(std::string_view identity_or_name);
    Expected<DeviceReport> report_on(store::Device&& device, std::size_t exchanges);
    std::optional<std::vector<DeviceExchange>> exchanges_of(const store::Device& device, std::size_t count);
    Expected<DeviceCare> care_of(const store::Device& device);
    Expected<std::vector<LiveSession>> sessions_of(const store::Device& device, const DevicePast& past);
    Expected<void> check_fleet(std::string_view fleet) const;
    void announce(CredentialChanges&& changes);
    // Tells of the credentials that stand behind `identities` now.
    Expected<void> announce(std::vector<store::CredentialId> removed,
                            std::span<const store::NewDevice> added);

    store::Store& store_;
    const Clock& clock_;
    std::set<std::string> fleets_;
    const Outside outside_;
};

// Whether `identity` is 1 to 128 bytes of UTF-8 without control characters.
Expected<void> check_identity(std::string_view identity);
// kMinPskBytes to 64 bytes in hexadecimal, white space around it allowed. The error does not quote the key.
Expected<Secret> parse_psk(ByteView hex);
// The credential of `device` that waits for its first use, so that it can retire the one before; nullptr when
// no rotation is under way.
const store::CredentialInfo* waiting_credential(const store::Device& device);

}  // namespace narrowgate::daemon
