// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/handshake_look.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "daemon/ingress/shard_answers.hpp"

namespace narrowgate::daemon {

void look_in_shard(const Ingress& ingress, const DeviceQuery& query, DeviceEvidence& evidence) {
    // Traces are large, and one address may have thousands: the newest are chosen before any is copied.
    std::vector<std::pair<const dtls::HandshakeTrace*, bool>> found;
    const auto collect = [&](const dtls::HandshakeTrace& trace, bool in_progress) {
        if (query.matches(trace)) found.emplace_back(&trace, in_progress);
    };
    ingress.traces().for_each([&](const dtls::HandshakeTrace& trace) { collect(trace, false); });
    ingress.endpoint().for_each_handshake([&](const dtls::HandshakeTrace& trace) { collect(trace, true); });
    std::ranges::sort(found, std::ranges::greater(), [](const auto& of) { return of.first->started; });
    if (found.size() > DeviceEvidence::kMostHandshakes) found.resize(DeviceEvidence::kMostHandshakes);
    for (const auto& [trace, in_progress] : found)
        evidence.handshakes.push_back({.trace = *trace, .in_progress = in_progress});
    ingress.endpoint().hellos().for_each([&](const dtls::SeenHellos& seen) {
        if (query.matches(seen.remote)) evidence.hellos.push_back(seen);
    });
}

std::optional<DeviceEvidence> look_for_device(const Shards& shards, const Clock& clock,
                                              const DeviceQuery& query, milliseconds patience) {
    auto answers = ask_shards<DeviceEvidence>(shards, clock, patience, [query](const Ingress& ingress) {
        DeviceEvidence its;
        look_in_shard(ingress, query, its);
        return its;
    });
    if (!answers) return std::nullopt;
    DeviceEvidence evidence;
    for (DeviceEvidence& its : *answers) {
        std::ranges::move(its.handshakes, std::back_inserter(evidence.handshakes));
        std::ranges::move(its.hellos, std::back_inserter(evidence.hellos));
    }
    evidence.at = clock.now();
    evidence.arrange();
    return evidence;
}

}  // namespace narrowgate::daemon
