// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/device_calls.hpp"

#include <algorithm>

#include "daemon/control/device_json.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

template <class T>
std::unexpected<Error> passed_on(Expected<T>& failed) {
    return std::unexpected(std::move(failed.error()));
}

constexpr std::size_t kDefaultAuditEntries = 20;

struct Validity {
    std::optional<WallTime> not_before;
    std::optional<WallTime> not_after;
};

Expected<Validity> validity_argument(const json& arguments) {
    auto not_before = time_argument(arguments, "not_before");
    if (!not_before) return passed_on(not_before);
    auto not_after = time_argument(arguments, "not_after");
    if (!not_after) return passed_on(not_after);
    return Validity{*not_before, *not_after};
}

Expected<Secret> psk_argument(json& arguments) {
    auto hex = secret_argument(arguments, "psk");
    if (!hex) return passed_on(hex);
    return parse_psk(hex->view());
}

Expected<json> add_device(DeviceService& service, json& arguments, const Caller& caller) {
    store::NewDevice device;
    auto psk = psk_argument(arguments);
    if (!psk) return passed_on(psk);
    auto identity = text_argument(arguments, "identity");
    if (!identity) return passed_on(identity);
    auto fleet = text_argument(arguments, "fleet");
    if (!fleet) return passed_on(fleet);
    auto name = text_argument_or(arguments, "name", "");
    if (!name) return passed_on(name);
    const auto validity = validity_argument(arguments);
    if (!validity) return std::unexpected(validity.error());
    device.psk = *std::move(psk);
    device.identity = *std::move(identity);
    device.fleet = *std::move(fleet);
    device.name = *std::move(name);
    device.not_before = validity->not_before;
    device.not_after = validity->not_after;
    if (auto added = service.add(std::move(device), caller.name); !added) return passed_on(added);
    return json::object();
}

Expected<json> import_csv(DeviceService& service, json& arguments, const Caller& caller) {
    auto csv = secret_argument(arguments, "csv");
    if (!csv) return passed_on(csv);
    auto dry_run = flag_argument_or(arguments, "dry_run", false);
    if (!dry_run) return passed_on(dry_run);
    auto summary = service.import_csv(text_of(csv->view()), *dry_run, caller.name);
    if (!summary) return passed_on(summary);
    json mistakes = json::array();
    for (const ImportMistake& mistake : summary->mistakes)
        mistakes.push_back(
            {{"line", mistake.line}, {"what", mistake.error.what}, {"cure", mistake.error.cure}});
    return json{{"added", summary->added},
                {"changed", summary->changed},
                {"unchanged", summary->unchanged},
                {"mistakes", std::move(mistakes)}};
}

Expected<json> list(DeviceService& service, const json& arguments) {
    auto after = text_argument_or(arguments, "after", "");
    if (!after) return passed_on(after);
    const auto asked = count_argument_or(arguments, "count", kUsualDevices);
    if (!asked) return std::unexpected(asked.error());
    const std::size_t count = std::clamp<std::size_t>(*asked, 1, kMostDevices);
    auto devices = service.list(*after, count + 1);
    if (!devices) return passed_on(devices);
    const bool more = devices->size() > count;
    if (more) devices->pop_back();
    json array = json::array();
    for (const store::Device& device : *devices)
        array.push_back(to_json(device));
    return json{{"devices", std::move(array)}, {"more", more}};
}

Expected<json> show(DeviceService& service, const json& arguments) {
    auto name = text_argument(arguments, "device");
    if (!name) return passed_on(name);
    const auto exchanges = exchanges_argument(arguments);
    if (!exchanges) return std::unexpected(exchanges.error());
    auto report = service.show(*name, *exchanges);
    if (!report) return passed_on(report);
    return json{{"device", to_json(*report)}};
}

Expected<json> rotate_device(DeviceService& service, json& arguments, const Caller& caller) {
    auto psk = psk_argument(arguments);
    if (!psk) return passed_on(psk);
    auto name = text_argument(arguments, "device");
    if (!name) return passed_on(name);
    auto identity = text_argument_or(arguments, "identity", "");
    if (!identity) return passed_on(identity);
    const auto validity = validity_argument(arguments);
    if (!validity) return std::unexpected(validity.error());
    auto row = service.rotate(*name,
                              {.identity = *std::move(identity),
                               .psk = *std::move(psk),
                               .not_before = validity->not_before,
                               .not_after = validity->not_after},
                              caller.name);
    if (!row) return passed_on(row);
    auto report = service.show(row->device);
    if (!report) return passed_on(report);
    const auto& credentials = report->device.credentials;
    const auto old = std::ranges::find(credentials, row->replaces, &store::CredentialInfo::id);
    return json{{"identity", row->identity},
                {"device", row->device},
                {"fleet", row->fleet},
                {"replaces", old != credentials.end() ? json(old->identity) : json(nullptr)}};
}

Expected<json> rotate_back(DeviceService& service, const json& arguments, const Caller& caller) {
    auto name = text_argument(arguments, "device");
    if (!name) return passed_on(name);
    auto identity = service.cancel_rotation(*name, caller.name);
    if (!identity) return passed_on(identity);
    return json{{"identity", *std::move(identity)}};
}

Expected<json> revoke_device(DeviceService& service, const json& arguments, const Caller& caller) {
    auto name = text_argument(arguments, "device");
    if (!name) return passed_on(name);
    auto count = service.revoke(*name, caller.name);
    if (!count) return passed_on(count);
    return json{{"credentials", *count}};
}

Expected<json> revoke_credential(DeviceService& service, const json& arguments, const Caller& caller) {
    auto identity = text_argument(arguments, "identity");
    if (!identity) return passed_on(identity);
    if (auto revoked = service.revoke_credential(*identity, caller.name); !revoked) return passed_on(revoked);
    return json::object();
}

// No seconds: as its fleet.
Expected<json> set_device_interval(DeviceService& service, const json& arguments, const Caller& caller) {
    auto name = text_argument(arguments, "device");
    if (!name) return passed_on(name);
    const auto count = count_argument_or(arguments, "seconds", 0);
    if (!count) return std::unexpected(count.error());
    const auto interval = *count == 0 ? std::nullopt : std::optional(seconds(*count));
    auto device = service.set_report_interval(*name, interval, caller.name);
    if (!device) return passed_on(device);
    return json{{"device", *std::move(device)},
                {"interval_s", interval ? json(interval->count()) : json(nullptr)}};
}

Expected<json> audit(DeviceService& service, const json& arguments) {
    const auto count = count_argument_or(arguments, "count", kDefaultAuditEntries);
    if (!count) return std::unexpected(count.error());
    auto entries = service.audit(std::min(*count, store::kAuditEntriesKept));
    if (!entries) return passed_on(entries);
    json array = json::array();
    for (const store::AuditEntry& entry : *entries)
        array.push_back(to_json(entry));
    return json{{"entries", std::move(array)}};
}

Expected<json> export_csv(DeviceService& service, const json& arguments) {
    auto with_keys = flag_argument_or(arguments, "with_keys", false);
    if (!with_keys) return passed_on(with_keys);
    auto csv = service.export_csv(*with_keys);
    if (!csv) return passed_on(csv);
    return json{{"csv", *std::move(csv)}};
}

}  // namespace

Expected<std::size_t> exchanges_argument(const json& arguments) {
    const auto count = count_argument_or(arguments, "exchanges", kUsualExchanges);
    if (!count) return count;
    return std::min(*count, kMostExchanges);
}

void add_device_calls(ControlCalls& calls, DeviceService& service) {
    const auto look = [&](const char* name, Expected<json> (*answer)(DeviceService&, const json&)) {
        calls.add(name, [&service, answer](json& arguments) { return answer(service, arguments); });
    };
    const auto change = [&](const char* name, auto answer) {
        calls.add(name, [&service, answer](json& arguments, const Caller& caller) {
            return answer(service, arguments, caller);
        });
    };
    look("device.list", list);
    look("device.show", show);
    look("device.export", export_csv);
    look("audit", audit);
    change("device.add", add_device);
    change("device.import", import_csv);
    change("device.rotate", rotate_device);
    change("device.rotate_back", rotate_back);
    change("device.interval", set_device_interval);
    change("device.revoke", revoke_device);
    change("device.revoke_credential", revoke_credential);
}

}  // namespace narrowgate::daemon
