// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/diagnosis_calls.hpp"

#include <algorithm>
#include <utility>

#include "daemon/control/device_calls.hpp"
#include "daemon/control/diagnosis_json.hpp"
#include "daemon/devices/device_verdict.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

Expected<json> diagnose(DeviceService& devices, const dtls::Options& options, const LookForDevice& look,
                        const json& arguments) {
    auto who = text_argument(arguments, "who");
    if (!who) return std::unexpected(std::move(who.error()));
    if (const auto valid = check_identity(*who); !valid)
        return failure("this is neither an identity nor an address: " + valid.error().what,
                       valid.error().cure);
    const auto exchanges = exchanges_argument(arguments);
    if (!exchanges) return std::unexpected(exchanges.error());
    auto device = devices.look_for(*who, *exchanges);
    if (!device) return std::unexpected(std::move(device.error()));

    DeviceQuery query = DeviceQuery::of(*who);
    if (*device) {
        for (const store::CredentialInfo& credential : (*device)->device.credentials) {
            if (std::ranges::find(query.identities, credential.identity) == query.identities.end())
                query.identities.push_back(credential.identity);
        }
    }
    std::optional<DeviceEvidence> evidence = DeviceEvidence();
    if (look) evidence = look(query);
    if (!evidence) {
        return failure("a thread of the gateway is too busy to answer",
                       "ask again; narrowgate status says how busy it is");
    }
    const DeviceCase its{.who = *who,
                         .running = static_cast<bool>(look),
                         .device = *device ? &**device : nullptr,
                         .evidence = *evidence,
                         .mtu = options.mtu,
                         .first_wait = options.handshake_timeout_min};
    return to_json(its, judge(its));
}

}  // namespace

void add_diagnosis_calls(ControlCalls& calls, DeviceService& devices, const dtls::Options& options,
                         LookForDevice look) {
    calls.add("device.diagnose", [&devices, options, look = std::move(look)](json& arguments) {
        return diagnose(devices, options, look, arguments);
    });
}

}  // namespace narrowgate::daemon
