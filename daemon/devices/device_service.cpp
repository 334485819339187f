// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_service.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "daemon/config/units.hpp"
#include "daemon/devices/device_csv.hpp"

namespace narrowgate::daemon {
namespace {

std::unexpected<Error> unknown_device(std::string_view identity_or_name) {
    return failure(fmt::format("there is no device \"{}\"", identity_or_name.substr(0, 128)),
                   "see narrowgate device list");
}

}  // namespace

Expected<void> check_identity(std::string_view identity) {
    if (identity.empty() || identity.size() > store::kMaxIdentityBytes) {
        return failure(fmt::format("it is {} bytes long", identity.size()),
                       fmt::format("use 1 to {} bytes", store::kMaxIdentityBytes));
    }
    if (!is_utf8(bytes_of(identity)) || std::ranges::any_of(identity, is_control))
        return failure("it is no UTF-8 text, or holds control characters", "use printable characters");
    return {};
}

Expected<Secret> parse_psk(ByteView hex) {
    std::string_view text = text_of(hex);
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && blank(text.back()))
        text.remove_suffix(1);
    while (!text.empty() && blank(text.front()))
        text.remove_prefix(1);
    auto bytes = from_hex(text);
    if (!bytes) {
        return failure("the key is not in hexadecimal",
                       "write two digits 0-9 a-f for each byte, and nothing else");
    }
    Secret psk(*std::move(bytes));
    if (psk.size() < kMinPskBytes) {
        return failure(
            fmt::format("the key has {} bytes; short ones can be guessed from a recorded handshake",
                        psk.size()),
            fmt::format("use at least {} random bytes", kMinPskBytes));
    }
    if (psk.size() > store::kMaxPskBytes) {
        return failure(fmt::format("the key has {} bytes", psk.size()),
                       fmt::format("use at most {} (RFC 4279 section 5.3)", store::kMaxPskBytes));
    }
    return psk;
}

const store::CredentialInfo* waiting_credential(const store::Device& device) {
    const auto in_use = [&](store::CredentialId id) {
        return std::ranges::any_of(device.credentials, [&](const store::CredentialInfo& credential) {
            return credential.id == id && !credential.revoked;
        });
    };
    for (const store::CredentialInfo& credential : device.credentials) {
        if (!credential.revoked && credential.replaces != 0 && in_use(credential.replaces))
            return &credential;
    }
    return nullptr;
}

DeviceService::DeviceService(store::Store& store, const Clock& clock, std::set<std::string> fleets,
                             Outside outside)
    : store_(store), clock_(clock), fleets_(std::move(fleets)), outside_(std::move(outside)) {}

Expected<void> DeviceService::check_fleet(std::string_view fleet) const {
    if (fleets_.contains(std::string(fleet))) return {};
    const std::vector<std::string_view> names(fleets_.begin(), fleets_.end());
    const auto meant = nearest(fleet, names);
    return failure(fmt::format("there is no fleet \"{}\"", fleet.substr(0, 64)),
                   meant ? fmt::format("did you mean \"{}\"?", *meant)
                         : fmt::format("the configuration has: {}", fmt::join(names, ", ")));
}

Expected<void> DeviceService::announce(std::vector<store::CredentialId> removed,
                                       std::span<const store::NewDevice> added) {
    CredentialChanges changes{.removed = std::move(removed), .added = {}};
    for (const store::NewDevice& device : added) {
        auto found = store_.find_device(device.identity);
        if (!found) return std::unexpected(std::move(found.error()));
        if (!*found) continue;
        for (const store::CredentialInfo& credential : (*found)->credentials) {
            if (credential.identity != device.identity || credential.revoked) continue;
            changes.added.push_back({.id = credential.id,
                                     .identity = credential.identity,
                                     .device = (*found)->name,
                                     .fleet = (*found)->fleet,
                                     .psk = device.psk.copy(),
                                     .not_before = credential.not_before,
                                     .not_after = credential.not_after,
                                     .revoked = std::nullopt,
                                     .replaces = credential.replaces});
        }
    }
    announce(std::move(changes));
    return {};
}

void DeviceService::announce(CredentialChanges&& changes) {
    if (outside_.changed) outside_.changed(std::move(changes));
}

Expected<void> DeviceService::add(store::NewDevice device, std::string_view actor) {
    if (const auto valid = check_identity(device.identity); !valid)
        return failure("the identity cannot be used: " + valid.error().what, valid.error().cure);
    if (!device.name.empty()) {
        if (const auto valid = check_identity(device.name); !valid)
            return failure("the name cannot be used: " + valid.error().what, valid.error().cure);
    }
    if (const auto known = check_fleet(device.fleet); !known) return known;
    if (auto id = store_.add_device(device, actor); !id) return std::unexpected(std::move(id.error()));
    return announce({}, {&device, 1});
}

Expected<ImportSummary> DeviceService::import_csv(std::string_view text, bool dry_run,
                                                  std::string_view actor) {
    DeviceTable table = parse_device_csv(text);
    ImportSummary summary{.added = {}, .changed = {}, .unchanged = {}, .mistakes = std::move(table.mistakes)};
    std::vector<store::NewDevice> devices;
    std::vector<std::size_t> lines;
    for (CsvDevice& row : table.devices) {
        if (auto known = check_fleet(row.device.fleet); !known)
            summary.mistakes.push_back({row.line, std::move(known.error())});
        devices.push_back(std::move(row.device));
        lines.push_back(row.line);
    }
    // The store sees the good lines even then, so that one run names all that is wrong.
    const bool only_look = dry_run || !summary.mistakes.empty();
    auto result = store_.import_devices(devices, only_look, actor);
    if (!result) return std::unexpected(std::move(result.error()));
    for (store::ImportResult::LineError& error : result->errors)
        summary.mistakes.push_back({lines.at(error.index), std::move(error.error)});
    std::ranges::stable_sort(summary.mistakes, {}, &ImportMistake::line);
    const auto last = std::ranges::unique(summary.mistakes, {}, &ImportMistake::line);
    summary.mistakes.erase(last.begin(), last.end());

    summary.added = std::move(result->added);
    summary.changed = std::move(result->changed);
    summary.unchanged = std::move(result->unchanged);
    if (dry_run || !summary.mistakes.empty()) return summary;

    const std::set<std::string_view> same(summary.unchanged.begin(), summary.unchanged.end());
    std::erase_if(devices, [&](const store::NewDevice& device) { return same.contains(device.identity); });
    if (auto told = announce(std::move(result->revoked), devices); !told)
        return std::unexpected(std::move(told.error()));
    return summary;
}

Expected<std::vector<store::Device>> DeviceService::list(std::string_view after, std::size_t count) {
    return store_.devices(after, count);
}

Expected<store::Device> DeviceService::find(std::string_view identity_or_name) {
    auto found = store_.find_device(identity_or_name);
    if (!found) return std::unexpected(std::move(found.error()));
    if (!*found) return unknown_device(identity_or_name);
    return **std::move(found);
}

Expected<DeviceReport> DeviceService::show(std::string_view identity_or_name, std::size_t exchanges) {
    auto device = find(identity_or_name);
    if (!device) return std::unexpected(std::move(device.error()));
    return report_on(*std::move(device), exchanges);
}

Expected<std::optional<DeviceReport>> DeviceService::look_for(std::string_view identity_or_name,
                                                              std::size_t exchanges) {
    auto found = store_.find_device(identity_or_name);
    if (!found) return std::unexpected(std::move(found.error()));
    if (!*found) return std::nullopt;
    auto report = report_on(**std::move(found), exchanges);
    if (!report) return std::unexpected(std::move(report.error()));
    return *std::move(report);
}

Expected<DeviceReport> DeviceService::report_on(store::Device&& device, std::size_t exchanges) {
    const auto events = store_.device_events(device.name, store::kDeviceEventsKept);
    if (!events) return std::unexpected(events.error());
    DevicePast past = explain_past(device, *events);
    auto sessions = sessions_of(device, past);
    if (!sessions) return std::unexpected(std::move(sessions.error()));
    auto care = care_of(device);
    if (!care) return std::unexpected(std::move(care.error()));
    auto last = exchanges_of(device, exchanges);
    return DeviceReport{.device = std::move(device),
                        .at = clock_.now().wall,
                        .sessions = *std::move(sessions),
                        .past = std::move(past),
                        .exchanges = std::move(last),
                        .care = *std::move(care)};
}

// Those by credentials of the past, too.
std::optional<std::vector<DeviceExchange>> DeviceService::exchanges_of(const store::Device& device,
                                                                       std::size_t count) {
    if (!outside_.exchanges) return std::nullopt;
    std::vector<store::CredentialId> credentials;
    credentials.reserve(device.credentials.size());
    for (const store::CredentialInfo& credential : device.credentials)
        credentials.push_back(credential.id);
    return outside_.exchanges(credentials, count);
}

Expected<DeviceCare> DeviceService::care_of(const store::Device& device) {
    const auto body = store_.figures_of(device.name);
    if (!body) return std::unexpected(body.error());
    DeviceFigures written = decode_figures(*body).value_or(DeviceFigures{});
    if (outside_.care) return outside_.care(device, written);
    const WallTime now = clock_.now().wall;
    DeviceCare care{.figures = written,
                    .month = month_of(now),
                    .interval = device.report_interval,
                    .own_interval = device.report_interval.has_value()};
    care.judge(store_.service_time(), now);
    return care;
}

Expected<std::vector<LiveSession>> DeviceService::sessions_of(const store::Device& device,
                                                              const DevicePast& past) {
    const auto reader = store_.session_reader([](store::SessionId) {});
    if (!reader) return std::unexpected(reader.error());
    std::vector<store::CredentialId> credentials;
    std::vector<LiveSession> stored;
    for (const store::CredentialInfo& credential : device.credentials) {
        if (credential.revoked) continue;
        credentials.push_back(credential.id);
        const auto found = (*reader)->find_of(credential.id, [&](store::SessionRow&& row) {
            stored.push_back({.id = row.id,
                              .credential = row.credential,
                              .confirmed = row.confirmed,
                              .cid = std::move(row.cid),
                              .path = row.path,
                              .since = row.established,
                              .heard = row.last_seen,
                              .next_number = std::nullopt,
                              .lease_end = row.lease_end,
                              .traffic = row.traffic});
        });
        if (!found) return std::unexpected(found.error());
    }
    auto live = outside_.live_sessions ? outside_.live_sessions(credentials) : std::nullopt;
    if (!live) return stored;
    for (LiveSession& session : *live) {
        const auto row = std::ranges::find(stored, session.id, &LiveSession::id);
        const auto begun = std::ranges::find_if(past.handshakes, [&](const ExplainedHandshake& each) {
            return each.handshake.session == session.id;
        });
        if (row != stored.end()) session.since = row->since;
        if (!session.since && begun != past.handshakes.end()) session.since = begun->at;
    }
    return *std::move(live);
}

Expected<store::CredentialRow> DeviceService::rotate(std::string_view identity_or_name,
                                                     store::Rotation rotation, std::string_view actor) {
    if (!rotation.identity.empty()) {
        if (const auto valid = check_identity(rotation.identity); !valid)
            return failure("the new identity cannot be used: " + valid.error().what, valid.error().cure);
    }
    if (auto known = find(identity_or_name); !known) return std::unexpected(std::move(known.error()));
    auto row = store_.rotate_device(identity_or_name, std::move(rotation), actor);
    if (!row) return row;
    CredentialChanges changes;
    changes.added.push_back({.id = row->id,
                             .identity = row->identity,
                             .device = row->device,
                             .fleet = row->fleet,
                             .psk = row->psk.copy(),
                             .not_before = row->not_before,
                             .not_after = row->not_after,
                             .revoked = std::nullopt,
                             .replaces = row->replaces});
    announce(std::move(changes));
    return row;
}

Expected<std::string> DeviceService::cancel_rotation(std::string_view identity_or_name,
                                                     std::string_view actor) {
    const auto device = find(identity_or_name);
    if (!device) return std::unexpected(device.error());
    const store::CredentialInfo* const waiting = waiting_credential(*device);
    if (waiting == nullptr) {
        return failure(
            fmt::format("no rotation of \"{}\" is under way", device->name),
            "its node may have used the new credential already: see narrowgate device show " + device->name);
    }
    if (auto revoked = revoke_credential(waiting->identity, actor); !revoked)
        return std::unexpected(std::move(revoked.error()));
    return waiting->identity;
}

Expected<std::size_t> DeviceService::revoke(std::string_view identity_or_name, std::string_view actor) {
    if (auto known = find(identity_or_name); !known) return std::unexpected(std::move(known.error()));
    auto revoked = store_.revoke_device(identity_or_name, actor);
    if (!revoked) return std::unexpected(std::move(revoked.error()));
    const std::size_t count = revoked->size();
    announce({.removed = *std::move(revoked), .added = {}});
    return count;
}

Expected<void> DeviceService::revoke_credential(std::string_view identity, std::string_view actor) {
    const auto revoked = store_.revoke_credential(identity, actor);
    if (!revoked) return std::unexpected(revoked.error());
    announce({.removed = {*revoked}, .added = {}});
    return {};
}

Expected<std::string> DeviceService::set_report_interval(std::string_view identity_or_name,
                                                         std::optional<seconds> interval,
                                                         std::string_view actor) {
    if (auto known = find(identity_or_name); !known) return std::unexpected(std::move(known.error()));
    auto name = store_.set_report_interval(identity_or_name, interval, actor);
    if (name && outside_.interval_changed) outside_.interval_changed(*name, interval);
    return name;
}

Expected<std::string> DeviceService::export_csv(bool with_keys) {
    std::vector<store::CredentialRow> rows;
    const auto loaded = store_.load_credentials([&](store::CredentialRow&& row) {
        if (!row.revoked) rows.push_back(std::move(row));
    });
    if (!loaded) return std::unexpected(loaded.error());
    std::ranges::sort(rows, {}, &store::CredentialRow::identity);
    return write_device_csv(rows, with_keys);
}

}  // namespace narrowgate::daemon
