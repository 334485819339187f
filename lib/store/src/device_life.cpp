// SPDX-License-Identifier: Apache-2.0
//
// How credentials follow each other, and how they end.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ranges>
#include <utility>

#include "device_table.hpp"

namespace narrowgate::store {
namespace {

constexpr std::string_view kGateway = "gateway";  // the actor of what it does by itself

Error no_such_device(std::string_view identity_or_name) {
    return {fmt::format("there is no device {}", printable(identity_or_name)),
            "`narrowgate device list` shows identities and names"};
}

Error revoked_already(const Device& device) {
    return {fmt::format("device \"{}\" was revoked at {}", device.name, to_rfc3339(*device.revoked)),
            "nothing is left to revoke; to let the node in again, add the device anew"};
}

// "wm-0001" and 2 of "wm-0001#2"; 1 where there is no such end.
std::pair<std::string_view, std::uint64_t> base_and_number(std::string_view identity) {
    const auto hash = identity.rfind('#');
    if (hash == std::string_view::npos || hash == 0) return {identity, 1};
    const auto digits = identity.substr(hash + 1);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return {identity, 1};
    return {identity.substr(0, hash), number};
}

}  // namespace

Expected<CredentialRow> DeviceTable::rotate(std::string_view identity_or_name, Rotation&& rotation,
                                            const By& by) {
    const auto device = find(identity_or_name);
    if (!device) return std::unexpected(no_such_device(identity_or_name));
    if (device->revoked) {
        return failure(
            fmt::format("device \"{}\" was revoked at {}", device->name, to_rfc3339(*device->revoked)),
            "add the device anew");
    }
    const auto in_use = [](const CredentialInfo& credential) { return !credential.revoked; };
    const auto newest = std::ranges::find_if(device->credentials | std::views::reverse, in_use);
    if (newest == device->credentials.rend())
        return failure(fmt::format("device \"{}\" has no credential", device->name), "add one first");
    for (const auto& waiting : device->credentials | std::views::filter(in_use)) {
        const auto old = std::ranges::find(device->credentials, waiting.replaces, &CredentialInfo::id);
        if (old == device->credentials.end() || old->revoked) continue;
        return failure(
            fmt::format("device \"{}\": identity \"{}\" waits to take the place of \"{}\" already",
                        device->name, waiting.identity, old->identity),
            fmt::format("provision the node with it, or take it back: narrowgate device rotate {} --cancel",
                        identity_or_name));
    }

    NewDevice next;
    next.identity = rotation.identity.empty() ? next_identity(newest->identity) : rotation.identity;
    next.fleet = device->fleet;
    next.name = device->name;
    next.psk = std::move(rotation.psk);
    next.not_before = rotation.not_before;
    next.not_after = rotation.not_after;
    if (auto good = check(next); !good) return std::unexpected(good.error());
    if (const auto other = this->in_use(next.identity)) {
        return failure(
            fmt::format("identity \"{}\" is in use by device \"{}\"", next.identity, other->device),
            "choose another identity");
    }
    CredentialRow row;
    row.id = insert_credential(next, next.name, newest->id, by.at);
    row.replaces = newest->id;
    audit_.add({by.at, std::string(by.actor), "rotate", next.identity,
                fmt::format("device {}, takes the place of {}", next.name, newest->identity)});
    row.identity = std::move(next.identity);
    row.device = std::move(next.name);
    row.fleet = std::move(next.fleet);
    row.psk = std::move(next.psk);
    row.not_before = next.not_before;
    row.not_after = next.not_after;
    return row;
}

Expected<std::vector<CredentialId>> DeviceTable::revoke(std::string_view identity_or_name, const By& by) {
    const auto device = find(identity_or_name);
    if (!device) return std::unexpected(no_such_device(identity_or_name));
    if (device->revoked) return std::unexpected(revoked_already(*device));
    std::vector<CredentialId> revoked;
    for (const auto& credential : device->credentials) {
        if (end_credential(credential.id, by.at, "revoked")) revoked.push_back(credential.id);
    }
    end_device(device->name, by.at);
    audit_.add({by.at, std::string(by.actor), "revoke", device->name,
                fmt::format("device, {} credentials", revoked.size())});
    return revoked;
}

Expected<CredentialId> DeviceTable::revoke_credential(std::string_view identity, const By& by) {
    const auto old = in_use(identity);
    if (!old) {
        const auto device = find(identity);
        if (!device) return std::unexpected(no_such_device(identity));
        for (const auto& credential : device->credentials | std::views::reverse) {
            if (credential.identity != identity || !credential.revoked) continue;
            return failure(
                fmt::format("identity \"{}\" was {} at {}", identity,
                            credential.why_revoked.value_or("revoked"), to_rfc3339(*credential.revoked)),
                "nothing is left to revoke");
        }
        return failure(fmt::format("\"{}\" is a device, not an identity", identity),
                       "`narrowgate device show` lists its identities");
    }
    end_credential(old->id, by.at, "revoked");
    const auto device = find(old->device);
    const bool last =
        device && !device->revoked && std::ranges::all_of(device->credentials, [](const auto& credential) {
            return credential.revoked.has_value();
        });
    if (last) end_device(old->device, by.at);
    audit_.add({by.at, std::string(by.actor), "revoke", std::string(identity),
                last ? fmt::format("the last credential of device {}, which is revoked with it", old->device)
                     : fmt::format("one credential of device {}", old->device)});
    return old->id;
}

Expected<std::string> DeviceTable::set_report_interval(std::string_view identity_or_name,
                                                       std::optional<seconds> interval, const By& by) {
    const auto device = find(identity_or_name);
    if (!device) return std::unexpected(no_such_device(identity_or_name));
    if (device->revoked) return std::unexpected(revoked_already(*device));
    if (interval && (*interval < kLeastReportInterval || *interval > kMostReportInterval)) {
        return failure("a report interval is 1 s to 31 d", "give the interval that the node reports at");
    }
    Statement(database_, "UPDATE device SET report_interval = ?2 WHERE name = ?1")
        .run(device->name, interval ? std::optional(interval->count()) : std::nullopt);
    audit_.add({by.at, std::string(by.actor), "interval", device->name,
                interval ? "reports every " + to_words(*interval) : "reports as its fleet does"});
    return device->name;
}

void DeviceTable::retire(CredentialId credential, WallTime at) {
    if (!end_credential(credential, at, "retired")) return;
    std::string identity;
    std::string device;
    {
        Statement select(database_, "SELECT identity, device FROM credential WHERE id = ?1");
        Query query(select, credential);
        if (query.next()) {
            identity = query.text(0);
            device = query.text(1);
        }
    }
    audit_.add({at, std::string(kGateway), "retire", identity,
                fmt::format("device {}: its successor is in use", device)});
}

// Never one that was given before: a node that was left behind must not be taken for its successor.
std::string DeviceTable::next_identity(const std::string& identity) {
    const auto [base, number] = base_and_number(identity);
    for (std::uint64_t next = number + 1;; ++next) {
        auto candidate = fmt::format("{}#{}", base, next);
        Query query(device_of_identity_, candidate);
        if (!query.next()) return candidate;
    }
}

}  // namespace narrowgate::store
