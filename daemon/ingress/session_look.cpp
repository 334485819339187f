// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/session_look.hpp"

#include <utility>

#include "daemon/ingress/shard_answers.hpp"

namespace narrowgate::daemon {
namespace {

LiveSession live_session(const dtls::SessionView& view, Now now) {
    const auto silence = std::chrono::duration_cast<std::chrono::microseconds>(now.steady - view.heard);
    const dtls::Traffic& traffic = view.traffic;
    return {.id = view.id,
            .credential = view.credential,
            .confirmed = view.confirmed,
            .cid = view.cid,
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
    const auto answers = ask_shards<Views>(shards, clock, patience, [credentials](const Ingress& ingress) {
        Views views;
        for (const store::CredentialId credential : credentials)
            for (dtls::SessionView& view : ingress.endpoint().sessions_of(credential))
                views.push_back(std::move(view));
        return views;
    });
    if (!answers) return std::nullopt;
    std::vector<LiveSession> sessions;
    for (const Views& views : *answers)
        for (const dtls::SessionView& view : views)
            sessions.push_back(live_session(view, clock.now()));
    return sessions;
}

}  // namespace narrowgate::daemon
