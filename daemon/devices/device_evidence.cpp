// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_evidence.hpp"

#include <algorithm>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::daemon {

DeviceQuery DeviceQuery::of(std::string_view who) {
    DeviceQuery query{.identities = {std::string(who)}, .address = Address::from_text(who)};
    if (query.address) return query;
    const std::string text(who);
    query.address = Address::from_text(text + ":1");
    if (!query.address) query.address = Address::from_text("[" + text + "]:1");
    query.any_port = query.address.has_value();
    return query;
}

bool DeviceQuery::matches(const Address& remote) const {
    if (!address) return false;
    return any_port ? remote.ip == address->ip : remote.ip == address->ip && remote.port == address->port;
}

bool DeviceQuery::matches(const dtls::HandshakeTrace& trace) const {
    if (matches(trace.path.remote)) return true;
    return !trace.identity.empty() &&
           std::ranges::find(identities, text_of(trace.identity)) != identities.end();
}

void DeviceEvidence::arrange() {
    std::ranges::sort(handshakes, std::ranges::greater(),
                      [](const SeenHandshake& of) { return of.trace.started; });
    if (handshakes.size() > kMostHandshakes) handshakes.resize(kMostHandshakes);
    std::ranges::sort(hellos, std::ranges::greater(), &dtls::SeenHellos::last);
    if (hellos.size() > kMostHellos) hellos.resize(kMostHellos);
}

}  // namespace narrowgate::daemon
