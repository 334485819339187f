// SPDX-License-Identifier: Apache-2.0
//
// Looking at devices and credentials.
#include <utility>

#include "credential_reader.hpp"
#include "device_table.hpp"

namespace narrowgate::store {
namespace {

// From columns id, identity, added, not_before, not_after, revoked, replaces, why.
CredentialInfo credential_at(const Query& query, int column) {
    CredentialInfo info{query.number(column),         query.text(column + 1),
                        query.time(column + 2),       query.maybe_time(column + 3),
                        query.maybe_time(column + 4), query.maybe_time(column + 5),
                        query.number(column + 6),     std::nullopt};
    if (!query.null(column + 7)) info.why_revoked = query.text(column + 7);
    return info;
}

// From columns name, fleet, added, revoked, and the interval's.
Device device_at(const Query& query, int interval) {
    Device device{query.text(0), query.text(1), query.time(2), query.maybe_time(3), std::nullopt, {}};
    if (!query.null(interval)) device.report_interval = seconds(query.integer(interval));
    return device;
}

}  // namespace

std::vector<Device> DeviceTable::list(std::string_view after, std::size_t count) {
    std::vector<Device> devices;
    Statement select(
        database_,
        "SELECT device.name, fleet, device.added, device.revoked, credential.id, identity,"
        " credential.added, not_before, not_after, credential.revoked, replaces, why, report_interval FROM"
        " (SELECT * FROM device WHERE name > ?1 ORDER BY name LIMIT ?2) AS device"
        " LEFT JOIN credential ON credential.device = device.name ORDER BY device.name, credential.id");
    Query query(select, after, count);
    while (query.next()) {
        if (devices.empty() || text_of(query.blob(0)) != devices.back().name) {
            devices.push_back(device_at(query, 12));
        }
        if (query.null(4)) continue;
        devices.back().credentials.push_back(credential_at(query, 4));
    }
    return devices;
}

std::optional<Device> DeviceTable::find(std::string_view identity_or_name) {
    const auto name = name_of(identity_or_name);
    if (!name) return std::nullopt;
    Statement select_device(
        database_, "SELECT name, fleet, added, revoked, report_interval FROM device WHERE name = ?1");
    Query query(select_device, *name);
    if (!query.next()) return std::nullopt;
    Device device = device_at(query, 4);
    Statement select(
        database_,
        "SELECT id, identity, added, not_before, not_after, revoked, replaces, why FROM credential"
        " WHERE device = ?1 ORDER BY id");
    Query credentials(select, *name);
    while (credentials.next()) {
        device.credentials.push_back(credential_at(credentials, 0));
    }
    return device;
}

std::vector<UnreadableKey> DeviceTable::load(const std::function<void(CredentialRow&&)>& take) {
    std::vector<UnreadableKey> bad;
    Statement select(database_,
                     "SELECT id, identity, device, fleet, sealed, not_before, not_after, credential.revoked,"
                     " replaces FROM credential JOIN device ON device.name = credential.device ORDER BY id");
    Query query(select);
    while (query.next()) {
        auto row = credential_row(query, sealer_);
        if (!row) {
            bad.push_back(unreadable_key(query));
            continue;
        }
        take(std::move(*row));
    }
    return bad;
}

std::optional<std::string> DeviceTable::name_of(std::string_view identity_or_name) {
    {
        Query query(device_of_identity_, identity_or_name);
        if (query.next()) return query.text(0);
    }
    Query query(device_, identity_or_name);
    if (query.next()) return std::string(identity_or_name);
    return std::nullopt;
}

}  // namespace narrowgate::store
