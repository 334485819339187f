// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/session_look.hpp"

#include <future>
#include <memory>
#include <utility>

namespace narrowgate::daemon {
namespace {

LiveSession live_session(dtls::SessionView&& view, Now now) {
    const auto silence = std::chrono::duration_cast<std::chrono::microseconds>(now.steady - view.heard);
    const dtls::Traffic& traffic = view.traffic;
    return {.id = view.id,
            .credential = view.credential,
            .confirmed = view.confirmed,
            .cid = std::move(view.cid),
            .path = view.path,
            .since = std::nullopt,
            .heard = now.wall - silence,
            .next_number = view.next_sequence,
            .lease_end = view.lease_end,
            .traffic = {traffic.bytes_up, traffic.bytes_down, traffic.address_moves, traffic.repeats}};
}

using Views = std::vector<dtls::SessionView>;

}  // namespace

std::optional<std::vector<LiveSession>> look_at_sessions(const Shards& shards, const Clock& clock,
                                                         const std::vector<store::CredentialId>& credentials,
                                                         milliseconds patience) {
    std::vector<std::future<Views>> answers;
    for (const auto& shard : shards.all()) {
        auto promise = std::make_shared<std::promise<Views>>();
        answers.push_back(promise->get_future());
        const bool asked = shard->ask([promise, credentials](const Ingress& ingress) {
            Views views;
            for (const store::CredentialId credential : credentials)
                for (dtls::SessionView& view : ingress.endpoint().sessions_of(credential))
                    views.push_back(std::move(view));
            promise->set_value(std::move(views));
        });
        if (!asked) return std::nullopt;
    }
    const SteadyTime deadline = clock.now().steady + patience;
    std::vector<LiveSession> sessions;
    for (std::future<Views>& answer : answers) {
        if (answer.wait_until(deadline) != std::future_status::ready) return std::nullopt;
        for (dtls::SessionView& view : answer.get())
            sessions.push_back(live_session(std::move(view), clock.now()));
    }
    return sessions;
}

}  // namespace narrowgate::daemon
