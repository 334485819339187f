// SPDX-License-Identifier: Apache-2.0
#include "device_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace narrowgate::store {
namespace {

// Names travel through logs, topics and CSV files.
bool is_name(std::string_view text, std::size_t max_bytes) {
    return !text.empty() && text.size() <= max_bytes && is_utf8(bytes_of(text)) &&
           std::ranges::none_of(text,
                                [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string printable(std::string_view text) {
    return is_name(text, kMaxNameBytes) ? "\"" + std::string(text) + "\"" : "(unprintable)";
}

Expected<void> check(const NewDevice& device) {
    const auto what = printable(device.identity);
    if (!is_name(device.identity, kMaxIdentityBytes)) {
        return failure(fmt::format("identity {}: must be 1 to {} bytes of UTF-8 without control characters",
                                   what, kMaxIdentityBytes),
                       "give the identity that the node's firmware sends");
    }
    if (!is_name(device.fleet, kMaxNameBytes)) {
        return failure(fmt::format("device {}: its fleet {} is not a name", what, printable(device.fleet)),
                       "give the name of a fleet in fleets.d");
    }
    if (!device.name.empty() && !is_name(device.name, kMaxNameBytes)) {
        return failure(fmt::format("device {}: its name must be at most {} bytes of UTF-8 without control "
                                   "characters",
                                   what, kMaxNameBytes),
                       "leave the name out, or give a shorter one");
    }
    if (device.psk.empty() || device.psk.size() > kMaxPskBytes) {
        return failure(
            fmt::format("device {}: its key has {} bytes", what, device.psk.size()),
            fmt::format("a PSK has 1 to {} bytes; 16 random ones are right for AES-128", kMaxPskBytes));
    }
    if (device.not_before && device.not_after && *device.not_after <= *device.not_before) {
        return failure(fmt::format("device {}: its key ends before it begins", what), "swap the two times");
    }
    return {};
}

DeviceTable::DeviceTable(Database& database, const Sealer& sealer, Meta& meta)
    : database_(database),
      sealer_(sealer),
      meta_(meta),
      audit_(database),
      in_use_(database,
              "SELECT id, device, fleet, sealed, not_before, not_after FROM credential JOIN device"
              " ON device.name = credential.device WHERE identity = ?1 AND credential.revoked IS NULL"),
      device_(database, "SELECT fleet, revoked FROM device WHERE name = ?1"),
      put_device_(database,
                  "INSERT INTO device(name, fleet, added) VALUES(?1, ?2, ?3)"
                  " ON CONFLICT(name) DO UPDATE SET fleet = ?2, added = ?3, revoked = NULL,"
                  " report_interval = NULL"),
      put_credential_(database,
                      "INSERT INTO credential(id, identity, device, sealed, added, not_before, not_after,"
                      " replaces) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
      end_credential_(database,
                      "UPDATE credential SET revoked = ?2, why = ?3 WHERE id = ?1 AND revoked IS NULL"),
      set_validity_(database, "UPDATE credential SET not_before = ?2, not_after = ?3 WHERE id = ?1"),
      set_fleet_(database, "UPDATE device SET fleet = ?2 WHERE name = ?1"),
      device_of_identity_(database,
                          "SELECT device FROM credential WHERE identity = ?1"
                          " ORDER BY revoked IS NOT NULL, id DESC LIMIT 1") {}

Expected<CredentialId> DeviceTable::add(const NewDevice& device, const By& by) {
    if (auto good = check(device); !good) return std::unexpected(good.error());
    if (const auto old = in_use(device.identity)) {
        return failure(
            fmt::format("identity \"{}\" is in use by device \"{}\"", device.identity, old->device),
            "revoke that device first, or choose another identity");
    }
    auto added = insert(device, by.at);
    if (added) {
        audit_.add({by.at, std::string(by.actor), "add", device.identity,
                    device.name.empty() ? "fleet " + device.fleet
                                        : "fleet " + device.fleet + ", device " + device.name});
    }
    return added;
}

ImportResult DeviceTable::import(std::span<const NewDevice> devices, const By& by) {
    ImportResult result;
    std::unordered_set<std::string_view> seen;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        const auto& device = devices[i];
        if (auto good = check(device); !good) {
            result.errors.push_back({i, good.error()});
            continue;
        }
        if (!seen.insert(device.identity).second) {
            result.errors.push_back({i,
                                     {fmt::format("identity \"{}\" occurs twice", device.identity),
                                      "remove one of the two lines"}});
            continue;
        }
        const auto old = in_use(device.identity);
        if (!old) {
            if (auto added = insert(device, by.at); !added) {
                result.errors.push_back({i, added.error()});
            } else {
                result.added.push_back(device.identity);
            }
            continue;
        }
        if (!device.name.empty() && device.name != old->device) {
            result.errors.push_back({i,
                                     {fmt::format("identity \"{}\" belongs to device \"{}\", not \"{}\"",
                                                  device.identity, old->device, device.name),
                                      "correct the name, or revoke that device first"}});
            continue;
        }
        const auto change = update(*old, device, by.at);
        if (change == Change::kKey) result.revoked.push_back(old->id);
        (change == Change::kNone ? result.unchanged : result.changed).push_back(device.identity);
    }
    if (!result.added.empty() || !result.changed.empty()) {
        audit_.add({by.at, std::string(by.actor), "import", fmt::format("{} devices", devices.size()),
                    fmt::format("{} added, {} changed, {} keys replaced", result.added.size(),
                                result.changed.size(), result.revoked.size())});
    }
    return result;
}

std::optional<DeviceTable::InUse> DeviceTable::in_use(std::string_view identity) {
    Query query(in_use_, identity);
    if (!query.next()) return std::nullopt;
    const auto sealed = query.blob(3);
    return InUse{query.number(0),     query.text(1),      query.text(2), Bytes(sealed.begin(), sealed.end()),
                 query.maybe_time(4), query.maybe_time(5)};
}

Expected<CredentialId> DeviceTable::insert(const NewDevice& device, WallTime now) {
    const std::string& name = device.name.empty() ? device.identity : device.name;
    bool new_device = true;
    {
        Query query(device_, name);
        if (query.next() && query.null(1)) {
            new_device = false;
            if (text_of(query.blob(0)) != device.fleet) {
                return failure(fmt::format("device \"{}\" is in fleet \"{}\", not \"{}\"", name,
                                           query.text(0), device.fleet),
                               "correct the fleet, or revoke the device first");
            }
        }
    }
    if (new_device) {
        put_device_.run(name, device.fleet, now);
        count("devices", 1);
    }
    return insert_credential(device, name, 0, now);
}

// The id is part of what the key is sealed for, so it is known before the row is written.
CredentialId DeviceTable::insert_credential(const NewDevice& device, const std::string& name,
                                            CredentialId replaces, WallTime now) {
    const CredentialId id = meta_.number("next_credential", 1);
    meta_.set_number("next_credential", id + 1);
    put_credential_.run(
        id, device.identity, name, sealer_.seal(credential_binding(id, device.identity), device.psk.view()),
        now, device.not_before, device.not_after, replaces == 0 ? std::nullopt : std::optional(replaces));
    count("credentials", 1);
    return id;
}

DeviceTable::Change DeviceTable::update(const InUse& old, const NewDevice& device, WallTime now) {
    Change change = Change::kNone;
    if (device.fleet != old.fleet) {
        set_fleet_.run(old.device, device.fleet);
        change = Change::kOther;
    }
    const auto psk = sealer_.open(credential_binding(old.id, device.identity), old.sealed);
    if (!psk || !equal_in_constant_time(psk->view(), device.psk.view())) {
        end_credential(old.id, now, "replaced");
        insert_credential(device, old.device, replaces_of(old.id), now);
        return Change::kKey;
    }
    if (device.not_before != old.not_before || device.not_after != old.not_after) {
        set_validity_.run(old.id, device.not_before, device.not_after);
        change = Change::kOther;
    }
    return change;
}

CredentialId DeviceTable::replaces_of(CredentialId credential) {
    Statement select(database_, "SELECT replaces FROM credential WHERE id = ?1 AND replaces IS NOT NULL");
    Query query(select, credential);
    return query.next() ? query.number(0) : 0;
}

bool DeviceTable::end_credential(CredentialId credential, WallTime now, std::string_view why) {
    end_credential_.run(credential, now, why);
    if (database_.changes() == 0) return false;
    count("credentials", -1);
    return true;
}

void DeviceTable::end_device(const std::string& name, WallTime now) {
    Statement(database_, "UPDATE device SET revoked = ?2 WHERE name = ?1").run(name, now);
    Statement(database_, "DELETE FROM device_figures WHERE device = ?1").run(name);
    count("devices", -1);
}

DeviceTable::Counts DeviceTable::counts() {
    return {meta_.number("devices", 0), meta_.number("credentials", 0)};
}

// Kept, not counted: a start must not read through a million rows.
void DeviceTable::count(std::string_view what, int change) {
    meta_.set_number(what, meta_.number(what, 0) + static_cast<std::uint64_t>(change));
}

}  // namespace narrowgate::store
