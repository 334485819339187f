// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/trace_json.hpp"

#include <string_view>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using Kind = mqtt::TraceStep::Kind;

std::string_view name_of(Kind kind) {
    switch (kind) {
        case Kind::kResolving:
            return "resolving";
        case Kind::kResolved:
            return "resolved";
        case Kind::kResolveFailed:
            return "resolve-failed";
        case Kind::kConnecting:
            return "connecting";
        case Kind::kConnectFailed:
            return "connect-failed";
        case Kind::kConnected:
            return "connected";
        case Kind::kRecord:
            return "record";
        case Kind::kMessage:
            return "message";
        case Kind::kTls:
            return "tls";
        case Kind::kCertificate:
            return "certificate";
        case Kind::kOwnCertificate:
            return "own-certificate";
        case Kind::kVerified:
            return "verified";
        case Kind::kHostName:
            return "host-name";
        case Kind::kAlpn:
            return "alpn";
        case Kind::kAlert:
            return "alert";
        case Kind::kConnect:
            return "connect";
        case Kind::kConnack:
            return "connack";
        case Kind::kPublish:
            return "publish";
        case Kind::kPuback:
            return "puback";
        case Kind::kClosed:
            return "closed";
    }
    return "closed";
}

json to_json(const mqtt::TraceStep& step) {
    json value{{"at_us", step.at.count()},
               {"kind", name_of(step.kind)},
               {"words", to_words(step)},
               {"code", step.code},
               {"bytes_to_server", step.bytes_to_server},
               {"bytes_from_server", step.bytes_from_server}};
    if (step.kind == Kind::kRecord || step.kind == Kind::kMessage || step.kind == Kind::kAlert) {
        value["direction"] = step.direction == mqtt::Direction::kToServer ? "to-server" : "from-server";
        value["size_bytes"] = step.size_bytes;
    }
    return value;
}

}  // namespace

json to_json(const mqtt::ConnectionTrace& trace) {
    json steps = json::array();
    for (const mqtt::TraceStep& step : trace.steps)
        steps.push_back(to_json(step));
    json partial = nullptr;
    if (trace.partial_from_server) {
        partial = {{"seen_bytes", trace.partial_from_server->seen_bytes},
                   {"size_bytes", trace.partial_from_server->size_bytes}};
    }
    json tcp = nullptr;
    if (trace.tcp) {
        tcp = {{"mss", trace.tcp->mss_bytes},
               {"unacknowledged", trace.tcp->unacknowledged},
               {"retransmissions", trace.tcp->retransmissions},
               {"out_of_order", trace.tcp->out_of_order}};
    }
    return {{"began", to_rfc3339(trace.began)},
            {"taken_us", trace.taken.count()},
            {"bytes_to_server", trace.bytes_to_server},
            {"bytes_from_server", trace.bytes_from_server},
            {"steps_left_out", trace.steps_left_out},
            {"last_from_server_us", trace.last_from_server.count()},
            {"partial_record", std::move(partial)},
            {"last_reads", trace.last_reads},
            {"tcp", std::move(tcp)},
            {"steps", std::move(steps)}};
}

json to_json(const mqtt::TracedAttempt& attempt) {
    return {{"finding", name_of(attempt.diagnosis.finding)},
            {"what", attempt.diagnosis.what},
            {"cause", attempt.diagnosis.cause},
            {"advice", attempt.diagnosis.advice},
            {"trace", to_json(attempt.trace)}};
}

}  // namespace narrowgate::daemon
