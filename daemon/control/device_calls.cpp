// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/device_calls.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

template <class T>
std::unexpected<Error> passed_on(Expected<T>& failed) {
    return std::unexpected(std::move(failed.error()));
}

json time_json(const std::optional<WallTime>& time) {
    return time ? json(to_rfc3339(*time)) : json(nullptr);
}

json device_json(const store::Device& device) {
    json credentials = json::array();
    for (const store::CredentialInfo& credential : device.credentials) {
        credentials.push_back({{"identity", credential.identity},
                               {"added", to_rfc3339(credential.added)},
                               {"not_before", time_json(credential.not_before)},
                               {"not_after", time_json(credential.not_after)},
                               {"revoked", time_json(credential.revoked)}});
    }
    return {{"name", device.name},
            {"fleet", device.fleet},
            {"added", to_rfc3339(device.added)},
            {"revoked", time_json(device.revoked)},
            {"credentials", std::move(credentials)}};
}

Expected<json> add(DeviceService& service, json& arguments) {
    store::NewDevice device;
    auto hex = secret_argument(arguments, "psk");
    if (!hex) return passed_on(hex);
    auto psk = parse_psk(hex->view());
    if (!psk) return passed_on(psk);
    auto identity = text_argument(arguments, "identity");
    if (!identity) return passed_on(identity);
    auto fleet = text_argument(arguments, "fleet");
    if (!fleet) return passed_on(fleet);
    auto name = text_argument_or(arguments, "name", "");
    if (!name) return passed_on(name);
    device.psk = *std::move(psk);
    device.identity = *std::move(identity);
    device.fleet = *std::move(fleet);
    device.name = *std::move(name);
    if (auto added = service.add(std::move(device)); !added) return passed_on(added);
    return json::object();
}

Expected<json> import_csv(DeviceService& service, json& arguments) {
    auto csv = secret_argument(arguments, "csv");
    if (!csv) return passed_on(csv);
    auto dry_run = flag_argument_or(arguments, "dry_run", false);
    if (!dry_run) return passed_on(dry_run);
    auto summary = service.import_csv(text_of(csv->view()), *dry_run);
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

Expected<json> list(DeviceService& service) {
    auto devices = service.list();
    if (!devices) return passed_on(devices);
    json array = json::array();
    for (const store::Device& device : *devices)
        array.push_back(device_json(device));
    return json{{"devices", std::move(array)}};
}

Expected<json> show(DeviceService& service, const json& arguments) {
    auto name = text_argument(arguments, "device");
    if (!name) return passed_on(name);
    auto device = service.show(*name);
    if (!device) return passed_on(device);
    return json{{"device", device_json(*device)}};
}

Expected<json> revoke(DeviceService& service, const json& arguments) {
    auto name = text_argument(arguments, "device");
    if (!name) return passed_on(name);
    auto count = service.revoke(*name);
    if (!count) return passed_on(count);
    return json{{"credentials", *count}};
}

Expected<json> export_csv(DeviceService& service, const json& arguments) {
    auto with_keys = flag_argument_or(arguments, "with_keys", false);
    if (!with_keys) return passed_on(with_keys);
    auto csv = service.export_csv(*with_keys);
    if (!csv) return passed_on(csv);
    return json{{"csv", *std::move(csv)}};
}

}  // namespace

void add_device_calls(ControlCalls& calls, DeviceService& service) {
    calls.add("device.add", [&service](json& arguments) { return add(service, arguments); });
    calls.add("device.import", [&service](json& arguments) { return import_csv(service, arguments); });
    calls.add("device.list", [&service](json&) { return list(service); });
    calls.add("device.show", [&service](json& arguments) { return show(service, arguments); });
    calls.add("device.revoke", [&service](json& arguments) { return revoke(service, arguments); });
    calls.add("device.export", [&service](json& arguments) { return export_csv(service, arguments); });
}

}  // namespace narrowgate::daemon
