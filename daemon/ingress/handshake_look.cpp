// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/handshake_look.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>
#include <vector>

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
    std::vector<std::future<DeviceEvidence>> answers;
    for (const auto& shard : shards.all()) {
        auto promise = std::make_shared<std::promise<DeviceEvidence>>();
        answers.push_back(promise->get_future());
        const bool asked = shard->ask([promise, query](const Ingress& ingress) {
            DeviceEvidence its;
            look_in_shard(ingress, query, its);
            promise->set_value(std::move(its));
        });
        if (!asked) return std::nullopt;
    }
    const SteadyTime deadline = clock.now().steady + patience;
    DeviceEvidence evidence;
    for (std::future<DeviceEvidence>& answer : answers) {
        if (answer.wait_until(deadline) != std::future_status::ready) return std::nullopt;
        DeviceEvidence its = answer.get();
        std::ranges::move(its.handshakes, std::back_inserter(evidence.handshakes));
        std::ranges::move(its.hellos, std::back_inserter(evidence.hellos));
    }
    evidence.at = clock.now();
    evidence.arrange();
    return evidence;
}

}  // namespace narrowgate::daemon
