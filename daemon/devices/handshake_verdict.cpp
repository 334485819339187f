// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "daemon/devices/device_verdict_parts.hpp"
#include "daemon/devices/tls_names.hpp"
#include "narrowgate/dtls/options.hpp"

namespace narrowgate::daemon {
namespace {

// Datagrams up to this reach nodes over every link that we know of.
constexpr std::uint32_t kHarmlessBytes = 256;

std::string names_of(const dtls::OfferedSuites& offered) {
    std::string names;
    for (const std::uint16_t suite : offered.view()) {
        const SuiteTraits traits = traits_of(suite);
        if (!traits.signalling) names += (names.empty() ? "" : ", ") + traits.name;
    }
    if (offered.offered > offered.kept) names += fmt::format(" and {} more", offered.offered - offered.kept);
    return names;
}

// What the node said of it itself, as it seems.
std::string alert_of(const dtls::HandshakeTrace& trace) {
    if (!trace.alert) return {};
    return fmt::format(" In between an alert came from its address, which proves nothing: {}.",
                       alert_name(*trace.alert));
}

Verdict no_common_suite(const dtls::HandshakeTrace& trace) {
    bool any_psk = false;
    bool all_cbc = true;
    for (const std::uint16_t suite : trace.offered.view()) {
        const SuiteTraits traits = traits_of(suite);
        if (traits.signalling) continue;
        any_psk = any_psk || traits.psk;
        all_cbc = all_cbc && traits.cbc;
    }
    Verdict verdict{.finding = Finding::kNoCommonSuite};
    verdict.happened = fmt::format(
        "It was refused with an alert: none of the cipher suites that it offers is one of "
        "ours. It offers {}.",
        names_of(trace.offered));
    if (all_cbc) {
        verdict.happened += " All of them are CBC suites.";
        verdict.cause =
            "a modem or an old stack whose DTLS has CBC suites alone. The gateway has none of these, on "
            "purpose: they leak by timing (RFC 7457 section 2.4)";
    } else if (!any_psk) {
        verdict.cause = "a node that is set up for certificates; the gateway takes pre-shared keys alone";
    } else {
        verdict.cause = "a stack that was built without the suites of RFC 7925";
    }
    verdict.cure =
        "switch on PSK-AES128-CCM8 (best), PSK-AES128-CCM or PSK-AES128-GCM-SHA256; where the modem's own "
        "DTLS cannot, run DTLS on the node's processor and use the modem for UDP";
    return verdict;
}

Verdict unknown_identity(const DeviceCase& its, const dtls::HandshakeTrace& trace) {
    const std::string identity = identity_of(trace);
    Verdict verdict{.finding = Finding::kUnknownIdentity};
    verdict.happened = fmt::format("It named the identity \"{}\", which opens no session here.{}", identity,
                                   alert_of(trace));
    const store::CredentialInfo* known = nullptr;
    if (its.device != nullptr) {
        const auto found =
            std::ranges::find(its.device->device.credentials, identity, &store::CredentialInfo::identity);
        if (found != its.device->device.credentials.end()) known = &*found;
    }
    if (known == nullptr) {
        verdict.cause =
            "the device was never added or has another spelling: identities are compared byte by byte, "
            "upper and lower case, blanks and a zero byte at the end included";
        verdict.cure = "narrowgate device list; then device add, or correct the node";
    } else if (known->revoked) {
        verdict.happened += fmt::format(" Its credential was revoked at {}.", to_rfc3339(*known->revoked));
        verdict.cause = "a revoked device that tries on, or a rotation that the node has not followed";
        verdict.cure = "narrowgate device show; narrowgate device add lets it in again, with another key";
    } else if (known->not_before && its.device->at < *known->not_before) {
        verdict.happened +=
            fmt::format(" Its credential is valid only from {}.", to_rfc3339(*known->not_before));
        verdict.cure = "wait, or give it another validity by narrowgate device rotate";
    } else if (known->not_after && its.device->at > *known->not_after) {
        verdict.happened += fmt::format(" Its credential was valid until {}.", to_rfc3339(*known->not_after));
        verdict.cure = "narrowgate device rotate, and provision the node";
    } else {
        verdict.happened += " It is known by now: it may have been added, or let in again, since.";
        verdict.cure = "let it try once more";
    }
    return verdict;
}

Verdict wrong_key(const dtls::HandshakeTrace& trace) {
    return {
        .finding = Finding::kWrongKey,
        .happened =
            fmt::format("It named the identity \"{}\", which is known, but its Finished does not fit the "
                        "key of that identity: {} record{} that did not authenticate.{}",
                        identity_of(trace), trace.unfitting_finished,
                        trace.unfitting_finished == 1 ? "" : "s", alert_of(trace)),
        .cause =
            "the node holds another key: the text of a key in place of its bytes, a key of another device, "
            "or one from before an import or a rotation. Or somebody else uses its name",
        .cure =
            "provision the node anew: narrowgate device rotate makes a next key for it. The network is told "
            "nothing of this: from outside a wrong key looks like an unknown identity"};
}

Verdict silence(const DeviceCase& its, const SeenHandshake& handshake) {
    const dtls::HandshakeTrace& trace = handshake.trace;
    const SteadyTime until = handshake.in_progress ? its.evidence.at.steady : trace.ended;
    const auto waited = std::chrono::duration_cast<milliseconds>(until - trace.last_progress);
    const bool early = trace.step == dtls::HandshakeStep::kClientKeyExchange;
    Verdict verdict{.finding = early ? Finding::kSilenceAfterOurFlight : Finding::kSilenceBeforeFinished};
    if (early) {
        verdict.happened = fmt::format(
            "It was sent our flight (ServerHello, ServerHelloDone) {} within {}, in datagrams of at most {} "
            "bytes "
            "(dtls.mtu is {}), and nothing came back.",
            times(1 + trace.retransmissions), time_in_words(waited), trace.largest_out, its.mtu);
        if (trace.max_fragment > 0)
            verdict.happened += fmt::format(
                " It asked for records of at most {} bytes (max_fragment_length), which "
                "bounds a record and not the datagram.",
                trace.max_fragment);
        verdict.happened += alert_of(trace);
        verdict.cause =
            "our datagram does not reach it: a radio that sleeps before the answer comes, a NAT or "
            "firewall that closed meanwhile, a modem that takes no datagram of this size; or it gave up: "
            "its handshake timer is shorter than the way there and back, or it was reset";
        verdict.cure = trace.largest_out > kHarmlessBytes
                           ? fmt::format("a smaller dtls.mtu ({} at least); ", dtls::kMinMtuBytes)
                           : std::string("not the size, which every link carries: ");
        verdict.cure +=
            "look on the node whether the datagram arrives; let its timer begin at 9 s (RFC 7925 section "
            "11) and keep the radio awake meanwhile";
        return verdict;
    }
    verdict.happened = fmt::format(
        "It named the identity \"{}\", which is known, in its ClientKeyExchange, but no Finished followed "
        "within {}; "
        "our flight was sent again {}.{}",
        identity_of(trace), time_in_words(waited), times(trace.retransmissions), alert_of(trace));
    verdict.cause =
        "it sends its last flight in several datagrams, and those behind the first are lost or held back by "
        "the modem; or it was reset while it computed keys";
    verdict.cure =
        "let it put ClientKeyExchange, ChangeCipherSpec and Finished into one datagram, about 100 bytes; "
        "look at its supply and its watchdog";
    return verdict;
}

}  // namespace

Verdict judge_failure(const DeviceCase& its, const SeenHandshake& handshake) {
    const dtls::HandshakeTrace& trace = handshake.trace;
    if (!handshake.in_progress && trace.outcome == dtls::HandshakeOutcome::kRefused) {
        if (!trace.offered.common) return no_common_suite(trace);
        return {
            .finding = Finding::kRefused,
            .happened =
                fmt::format("Its handshake was refused with an alert: a message that the protocol does "
                            "not allow, or an extension that contradicts itself.{} It offers {}.",
                            alert_of(trace), names_of(trace.offered)),
            .cause = "a defect of its DTLS stack, or a datagram that was damaged on its way",
            .cure =
                "capture the handshake at the gateway (tcpdump udp port 5684) and look at its ClientHello"};
    }
    if (!handshake.in_progress && trace.outcome == dtls::HandshakeOutcome::kRevoked)
        return unknown_identity(its, trace);
    if (trace.step == dtls::HandshakeStep::kFinished && !trace.identity_known)
        return unknown_identity(its, trace);
    if (trace.step == dtls::HandshakeStep::kFinished && trace.unfitting_finished > 0) return wrong_key(trace);
    if (handshake.in_progress && its.evidence.at.steady - trace.last_progress < its.first_wait) {
        return in_progress("A handshake of it is under way, and is not late yet.");
    }
    return silence(its, handshake);
}

}  // namespace narrowgate::daemon
