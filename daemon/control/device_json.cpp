// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/device_json.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/control/calls.hpp"
#include "daemon/control/care_json.hpp"
#include "narrowgate/dtls/record_state.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

template <class Value>
json json_or_null(const std::optional<Value>& value) {
    return value ? json(*value) : json(nullptr);
}

json identity_json(const store::Device& device, store::CredentialId id) {
    const auto found = std::ranges::find(device.credentials, id, &store::CredentialInfo::id);
    return found != device.credentials.end() ? json(found->identity) : json(nullptr);
}

json credential_json(const store::Device& device, const store::CredentialInfo& credential) {
    return {{"identity", credential.identity},
            {"added", to_rfc3339(credential.added)},
            {"not_before", time_json(credential.not_before)},
            {"not_after", time_json(credential.not_after)},
            {"revoked", time_json(credential.revoked)},
            {"why_revoked", json_or_null(credential.why_revoked)},
            {"replaces", identity_json(device, credential.replaces)}};
}

std::string state_of(const DeviceReport& report, const store::CredentialInfo& credential) {
    if (credential.revoked) return credential.why_revoked.value_or("revoked");
    if (credential.not_before && report.at < *credential.not_before) return "not_yet_valid";
    if (credential.not_after && report.at > *credential.not_after) return "no_longer_valid";
    return &credential == waiting_credential(report.device) ? "waiting" : "in_use";
}

std::string cipher_name(std::uint16_t suite) {
    switch (static_cast<dtls::CipherSuite>(suite)) {
        case dtls::CipherSuite::kPskAes128GcmSha256:
            return "PSK-AES128-GCM-SHA256";
        case dtls::CipherSuite::kPskAes128Ccm:
            return "PSK-AES128-CCM";
        case dtls::CipherSuite::kPskAes128Ccm8:
            return "PSK-AES128-CCM8";
    }
    return fmt::format("0x{:04x}", suite);
}

json session_json(const DeviceReport& report, const LiveSession& session) {
    const auto silence = std::chrono::duration_cast<seconds>(report.at - session.heard);
    return {{"identity", identity_json(report.device, session.credential)},
            {"confirmed", session.confirmed},
            {"since", time_json(session.since)},
            {"heard", to_rfc3339(session.heard)},
            {"silent_seconds", std::max<std::int64_t>(0, silence.count())},
            {"remote", session.path.remote.text()},
            {"local", session.path.local.text()},
            {"cid", session.cid.empty() ? json(nullptr) : json(to_hex(session.cid))},
            {"bytes_up", session.traffic.bytes_up},
            {"bytes_down", session.traffic.bytes_down},
            {"address_moves", session.traffic.address_moves},
            {"repeats", session.traffic.repeats},
            {"next_number", json_or_null(session.next_number)},
            {"lease_end", session.lease_end}};
}

json handshake_json(const ExplainedHandshake& explained) {
    const HandshakeEvent& handshake = explained.handshake;
    return {{"at", to_rfc3339(explained.at)},
            {"identity", explained.identity.empty() ? json(nullptr) : json(explained.identity)},
            {"remote", handshake.remote.text()},
            {"cid", handshake.with_cid},
            {"cipher", cipher_name(handshake.suite)},
            {"milliseconds", handshake.duration.count()},
            {"bytes_in", handshake.bytes_in},
            {"bytes_out", handshake.bytes_out},
            {"flights_again", handshake.flights_again},
            {"reason", name_of(explained.reason)}};
}

std::string method_name(coap::Code code) {
    switch (code) {
        case coap::Code::kGet:
            return "GET";
        case coap::Code::kPost:
            return "POST";
        case coap::Code::kPut:
            return "PUT";
        case coap::Code::kDelete:
            return "DELETE";
        case coap::Code::kFetch:
            return "FETCH";
        case coap::Code::kPatch:
            return "PATCH";
        case coap::Code::kIPatch:
            return "iPATCH";
        default:
            return coap::text_of(code);
    }
}

json exchange_json(const DeviceReport& report, const DeviceExchange& exchange) {
    constexpr double kMicrosecondsOfOne = 1000;
    const bool has_code = exchange.code != coap::Code::kEmpty;
    return {{"at", to_rfc3339(exchange.at)},
            {"identity", identity_json(report.device, exchange.credential)},
            {"method", method_name(exchange.method)},
            {"path", exchange.path},
            {"path_cut", exchange.path_cut},
            {"code", has_code ? json(coap::text_of(exchange.code)) : json(nullptr)},
            {"fate", fate_of(exchange)},
            {"bytes_up", exchange.request_bytes},
            {"bytes_down", exchange.response_bytes},
            {"milliseconds", static_cast<double>(exchange.took.count()) / kMicrosecondsOfOne},
            {"repeats", exchange.repeats}};
}

json exchanges_json(const DeviceReport& report) {
    if (!report.exchanges) return nullptr;
    json exchanges = json::array();
    for (const DeviceExchange& exchange : *report.exchanges)
        exchanges.push_back(exchange_json(report, exchange));
    return exchanges;
}

// The device's story in a sentence or two.
std::string why(const DeviceReport& report) {
    const DevicePast& past = report.past;
    std::string text;
    if (past.handshakes.empty()) {
        text = "No handshake of it is on record.";
    } else {
        const ExplainedHandshake& last = past.handshakes.front();
        text = last.reason == HandshakeReason::kFirst
                   ? fmt::format("It shook hands last at {}; nothing is on record before that.",
                                 to_rfc3339(last.at))
                   : fmt::format("It shook hands last at {}, because {}.", to_rfc3339(last.at),
                                 words_of(last.reason));
    }
    if (!report.sessions.empty()) return text;
    if (report.device.revoked) return text + " It is revoked and cannot shake hands again.";
    text += " It has no session now, and shakes hands when it speaks next";
    if (past.ended)
        return text +
               fmt::format(": at {}, {}.", to_rfc3339(past.ended_at), words_of(reason_of(*past.ended)));
    return text + ".";
}

}  // namespace

json to_json(const store::Device& device) {
    json credentials = json::array();
    for (const store::CredentialInfo& credential : device.credentials)
        credentials.push_back(credential_json(device, credential));
    return {{"name", device.name},
            {"fleet", device.fleet},
            {"added", to_rfc3339(device.added)},
            {"revoked", time_json(device.revoked)},
            {"credentials", std::move(credentials)}};
}

json to_json(const DeviceReport& report) {
    json device = to_json(report.device);
    for (std::size_t i = 0; i < report.device.credentials.size(); ++i)
        device["credentials"][i]["state"] = state_of(report, report.device.credentials[i]);
    json sessions = json::array();
    for (const LiveSession& session : report.sessions)
        sessions.push_back(session_json(report, session));
    json handshakes = json::array();
    for (const ExplainedHandshake& handshake : report.past.handshakes)
        handshakes.push_back(handshake_json(handshake));
    device["sessions"] = std::move(sessions);
    device["exchanges"] = exchanges_json(report);
    device["handshakes"] = std::move(handshakes);
    device["session_ended"] = nullptr;
    if (report.past.ended) {
        device["session_ended"] = {{"at", to_rfc3339(report.past.ended_at)},
                                   {"reason", name_of(reason_of(*report.past.ended))}};
    }
    device["why"] = why(report);
    device["figures"] = to_json(report.care);
    return device;
}

json to_json(const store::AuditEntry& entry) {
    return {{"at", to_rfc3339(entry.at)},
            {"actor", entry.actor},
            {"action", entry.action},
            {"subject", entry.subject},
            {"detail", entry.detail}};
}

}  // namespace narrowgate::daemon
