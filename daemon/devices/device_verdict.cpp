// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_verdict.hpp"

#include <fmt/format.h>

#include <optional>

#include "daemon/devices/device_verdict_parts.hpp"

namespace narrowgate::daemon {
namespace {

// Of our flights in a handshake that succeeded. One is the weather.
constexpr std::uint32_t kManyRetransmissions = 2;
// ClientHellos that were asked for a cookie before one came back with it.
constexpr std::uint32_t kManyHellos = 4;
// A node that shakes hands so often in this time loses its sessions.
constexpr std::size_t kManyHandshakes = 3;
constexpr std::chrono::hours kManyWithin{24};

// Why it has no session, or shakes hands again and again; nothing when neither.
std::optional<Verdict> by_history(const DeviceCase& its) {
    if (its.device == nullptr) return std::nullopt;
    const DevicePast& past = its.device->past;
    static constexpr std::string_view kWhere =
        "narrowgate device show has its last handshakes, each with its reason";
    if (its.device->sessions.empty()) {
        if (past.handshakes.empty() && !past.ended) return std::nullopt;
        if (its.device->device.revoked) {
            return Verdict{
                .finding = Finding::kSessionLost,
                .happened = "It has no session: the device is revoked and cannot shake hands again.",
                .cause = {},
                .cure = "narrowgate device add lets it in again, with another key"};
        }
        return Verdict{
            .finding = Finding::kSessionLost,
            .happened = past.ended ? fmt::format("It got through before, and has no session now: at {}, {}.",
                                                 to_rfc3339(past.ended_at), words_of(reason_of(*past.ended)))
                                   : "It got through before, and has no session now.",
            .cause = {},
            .cure = "nothing, if it shakes hands when it speaks next; " + std::string(kWhere)};
    }
    std::size_t recent = 0;
    for (const ExplainedHandshake& handshake : past.handshakes)
        recent += its.device->at - handshake.at < kManyWithin ? 1u : 0u;
    if (recent < kManyHandshakes) return std::nullopt;
    const HandshakeReason reason = past.handshakes.front().reason;
    switch (reason) {
        case HandshakeReason::kGatewayHadOne:
        case HandshakeReason::kAddressMoved:
        case HandshakeReason::kNeverUsed:
        case HandshakeReason::kClosedByNode:
        case HandshakeReason::kFailedByNode:
        case HandshakeReason::kDisplaced:
            return Verdict{
                .finding = Finding::kSessionLost,
                .happened = fmt::format("It gets through, but has shaken hands {} in the last 24 hours. "
                                        "The last time {}.",
                                        times(recent), words_of(reason)),
                .cause = {},
                .cure = std::string(kWhere)};
        default:
            return std::nullopt;
    }
}

Verdict ok(const DeviceCase& its, const dtls::HandshakeTrace* trace) {
    Verdict verdict{.finding = Finding::kOk};
    if (trace != nullptr) {
        verdict.happened = fmt::format(
            "It shook hands at {}, in {}, and was let in.", to_rfc3339(its.evidence.wall_of(trace->ended)),
            time_in_words(std::chrono::duration_cast<milliseconds>(trace->ended - trace->started)));
        if (its.device == nullptr && !trace->identity.empty())
            verdict.cure = fmt::format("narrowgate diagnose device \"{}\" says whether its session goes on",
                                       identity_of(*trace));
    }
    if (its.device != nullptr && !its.device->sessions.empty()) {
        const LiveSession& session = its.device->sessions.front();
        verdict.happened +=
            fmt::format("{}It has a session, heard last at {} from {}.", verdict.happened.empty() ? "" : " ",
                        to_rfc3339(session.heard), session.path.remote.text());
    }
    return verdict;
}

Verdict got_through(const DeviceCase& its, const dtls::HandshakeTrace& trace) {
    if (auto lost = by_history(its)) return *std::move(lost);
    if (trace.retransmissions < kManyRetransmissions && trace.hellos_before < kManyHellos)
        return ok(its, &trace);
    Verdict verdict = ok(its, &trace);
    verdict.finding = Finding::kRetransmitting;
    verdict.happened += fmt::format(" But it asked for a cookie {}, and our flights were sent again {}.",
                                    times(trace.hellos_before), times(trace.retransmissions));
    verdict.cause =
        "a link that loses much, or takes longer there and back than dtls.handshake_timeout.min; or a node "
        "whose own timer is shorter than that";
    verdict.cure =
        "let the node's timer begin at 9 s (RFC 7925 section 11); look at its signal, and whether its "
        "radio sleeps between the flights";
    return verdict;
}

Verdict no_trace(const DeviceCase& its) {
    Verdict verdict{.finding = Finding::kNoTrace};
    if (!its.running) {
        verdict.happened = "No daemon runs, and the store has nothing of it.";
        verdict.cure = "start the gateway, let the node try, and ask again";
        return verdict;
    }
    const bool unknown = its.device == nullptr && !DeviceQuery::of(its.who).address;
    verdict.happened =
        "Nothing was heard from it since the gateway started, or so long ago that others have taken its "
        "place.";
    if (unknown) verdict.happened += " No device has this name or identity either.";
    verdict.cause =
        "it speaks to another address or port; a firewall in front of the gateway, or an APN without a way "
        "here; its radio is not attached; or it never got as far as its identity";
    verdict.cure = unknown ? "check the spelling: narrowgate device list. " : "";
    verdict.cure +=
        "Check the node's target against dtls.listen; tcpdump udp port 5684 shows whether anything comes; "
        "then ask by its address, which finds what has named no identity: narrowgate diagnose device "
        "ADDRESS";
    if (its.device != nullptr && !its.device->past.handshakes.empty()) {
        verdict.cure += fmt::format(" (it came last from {})",
                                    its.device->past.handshakes.front().handshake.remote.text());
    }
    return verdict;
}

}  // namespace

Verdict judge(const DeviceCase& its) {
    const DeviceEvidence& evidence = its.evidence;
    const SeenHandshake* const last = evidence.handshakes.empty() ? nullptr : &evidence.handshakes.front();
    if (!evidence.hellos.empty() && (last == nullptr || evidence.hellos.front().last > last->latest()))
        return judge_hellos(its);
    if (last == nullptr) {
        if (auto lost = by_history(its)) return *std::move(lost);
        return its.device != nullptr && !its.device->sessions.empty() ? ok(its, nullptr) : no_trace(its);
    }
    if (!last->in_progress && last->trace.outcome == dtls::HandshakeOutcome::kEstablished)
        return got_through(its, last->trace);
    Verdict verdict = judge_failure(its, *last);
    if (its.device != nullptr && !its.device->sessions.empty()) {
        verdict.happened += fmt::format(" The device has a session all the same, heard last at {}.",
                                        to_rfc3339(its.device->sessions.front().heard));
    }
    return verdict;
}

std::string_view name_of(Finding finding) {
    switch (finding) {
        case Finding::kOk:
            return "ok";
        case Finding::kNoTrace:
            return "no-trace";
        case Finding::kInProgress:
            return "in-progress";
        case Finding::kCookieLoop:
            return "cookie-loop";
        case Finding::kFragmentedHello:
            return "fragmented-hello";
        case Finding::kMalformedHello:
            return "malformed-hello";
        case Finding::kNotAdmitted:
            return "not-admitted";
        case Finding::kNoCommonSuite:
            return "no-common-suite";
        case Finding::kRefused:
            return "refused";
        case Finding::kUnknownIdentity:
            return "unknown-identity";
        case Finding::kWrongKey:
            return "wrong-key";
        case Finding::kSilenceAfterOurFlight:
            return "silence-after-our-flight";
        case Finding::kSilenceBeforeFinished:
            return "silence-before-finished";
        case Finding::kRetransmitting:
            return "retransmitting";
        case Finding::kSessionLost:
            return "session-lost";
    }
    return "unknown";
}

}  // namespace narrowgate::daemon
