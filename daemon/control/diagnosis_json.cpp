// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/diagnosis_json.hpp"

#include <array>
#include <string_view>

#include "daemon/control/care_json.hpp"
#include "daemon/control/device_json.hpp"
#include "daemon/devices/tls_names.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

// In the order of dtls::FlightPart's bits.
constexpr std::array<std::string_view, dtls::kFlightParts> kParts{"ClientHello",
                                                                  "ServerHello",
                                                                  "ServerHelloDone",
                                                                  "ClientKeyExchange",
                                                                  "ChangeCipherSpec",
                                                                  "Finished",
                                                                  "unfitting",
                                                                  "Alert",
                                                                  "other"};

std::string_view state_of(const SeenHandshake& handshake) {
    if (handshake.in_progress) return "in_progress";
    switch (handshake.trace.outcome) {
        case dtls::HandshakeOutcome::kEstablished:
            return "established";
        case dtls::HandshakeOutcome::kTimedOut:
            return "timed_out";
        case dtls::HandshakeOutcome::kRefused:
            return "refused";
        case dtls::HandshakeOutcome::kDisplaced:
            return "displaced";
        case dtls::HandshakeOutcome::kRevoked:
            return "revoked";
    }
    return "unknown";
}

json waits_for(dtls::HandshakeStep step) {
    switch (step) {
        case dtls::HandshakeStep::kClientHello:
            return "client_hello";
        case dtls::HandshakeStep::kClientKeyExchange:
            return "client_key_exchange";
        case dtls::HandshakeStep::kFinished:
            return "finished";
        case dtls::HandshakeStep::kCommit:
            break;
    }
    return nullptr;
}

json suites_json(const dtls::OfferedSuites& offered) {
    json names = json::array();
    for (const std::uint16_t suite : offered.view()) {
        const SuiteTraits traits = traits_of(suite);
        if (!traits.signalling) names.push_back(traits.name);
    }
    return names;
}

json datagram_json(const dtls::TracedDatagram& datagram) {
    json parts = json::array();
    for (std::size_t i = 0; i < kParts.size(); ++i) {
        if (datagram.holds(static_cast<dtls::FlightPart>(1U << i))) parts.push_back(kParts[i]);
    }
    return {{"milliseconds", datagram.at.count()},
            {"ours", datagram.ours},
            {"bytes", datagram.bytes},
            {"parts", std::move(parts)},
            {"again", datagram.again}};
}

json handshake_json(const DeviceEvidence& evidence, const SeenHandshake& handshake) {
    const dtls::HandshakeTrace& trace = handshake.trace;
    const bool established = !handshake.in_progress && trace.outcome == dtls::HandshakeOutcome::kEstablished;
    const auto time = [&](SteadyTime of) { return to_rfc3339(evidence.wall_of(of)); };
    json datagrams = json::array();
    for (const dtls::TracedDatagram& datagram : trace.trail.all())
        datagrams.push_back(datagram_json(datagram));
    return {{"started", time(trace.started)},
            {"ended", handshake.in_progress ? json(nullptr) : json(time(trace.ended))},
            {"state", state_of(handshake)},
            {"waits_for", waits_for(trace.step)},
            {"remote", trace.path.remote.text()},
            {"local", trace.path.local.text()},
            {"identity", trace.identity.empty() ? json(nullptr) : json(text_of(trace.identity))},
            {"identity_known", trace.identity_known},
            {"cid", trace.with_cid},
            {"cipher",
             established ? json(traits_of(static_cast<std::uint16_t>(trace.suite)).name) : json(nullptr)},
            {"offered", suites_json(trace.offered)},
            {"max_fragment", trace.max_fragment == 0 ? json(nullptr) : json(trace.max_fragment)},
            {"bytes_in", trace.bytes_in},
            {"bytes_out", trace.bytes_out},
            {"largest_in", trace.largest_in},
            {"largest_out", trace.largest_out},
            {"retransmissions", trace.retransmissions},
            {"unfitting", trace.unfitting_finished},
            {"alert", trace.alert ? json(alert_name(*trace.alert)) : json(nullptr)},
            {"hellos_before", trace.hellos_before},
            {"put_off", trace.put_off},
            {"first_hello", trace.first_hello ? json(time(*trace.first_hello)) : json(nullptr)},
            {"datagrams", std::move(datagrams)},
            {"left_out", trace.trail.left_out()}};
}

json hello_json(const DeviceEvidence& evidence, const dtls::SeenHellos& seen) {
    return {{"remote", seen.remote.text()},
            {"first", to_rfc3339(evidence.wall_of(seen.first))},
            {"last", to_rfc3339(evidence.wall_of(seen.last))},
            {"last_fate", dtls::name_of(seen.last_fate)},
            {"without_cookie", seen.without_cookie},
            {"wrong_cookie", seen.wrong_cookie},
            {"fragmented", seen.fragmented},
            {"malformed", seen.malformed},
            {"not_admitted", seen.not_admitted},
            {"shed", seen.shed},
            {"bytes", seen.datagram_bytes},
            {"message_bytes", seen.message_bytes},
            {"fragment_bytes", seen.fragment_bytes},
            {"offered", suites_json(seen.offered)}};
}

}  // namespace

json to_json(const DeviceCase& its, const Verdict& verdict) {
    json handshakes = json::array();
    for (const SeenHandshake& handshake : its.evidence.handshakes)
        handshakes.push_back(handshake_json(its.evidence, handshake));
    json hellos = json::array();
    for (const dtls::SeenHellos& seen : its.evidence.hellos)
        hellos.push_back(hello_json(its.evidence, seen));
    return {{"who", its.who},
            {"running", its.running},
            {"mtu", its.mtu},
            {"device", its.device != nullptr ? to_json(*its.device) : json(nullptr)},
            {"figures", its.device != nullptr ? to_json(its.device->care) : json(nullptr)},
            {"handshakes", std::move(handshakes)},
            {"hellos", std::move(hellos)},
            {"finding", name_of(verdict.finding)},
            {"happened", verdict.happened},
            {"cause", verdict.cause},
            {"cure", verdict.cure}};
}

}  // namespace narrowgate::daemon
