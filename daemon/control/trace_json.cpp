// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/trace_json.hpp"

#include <string_view>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using StepKind = mqtt::TraceStep::Kind;

std::string_view name_of(StepKind kind) {
    switch (kind) {
        case StepKind::kResolving:
            return "resolving";
        case StepKind::kResolved:
            return "resolved";
        case StepKind::kResolveFailed:
            return "resolve-failed";
        case StepKind::kConnecting:
            return "connecting";
        case StepKind::kConnectFailed:
            return "connect-failed";
        case StepKind::kConnected:
            return "connected";
        case StepKind::kRecord:
            return "record";
        case StepKind::kMessage:
            return "message";
        case StepKind::kTls:
            return "tls";
        case StepKind::kCertificate:
            return "certificate";
        case StepKind::kOwnCertificate:
            return "own-certificate";
        case StepKind::kVerified:
            return "verified";
        case StepKind::kHostName:
            return "host-name";
        case StepKind::kAlpn:
            return "alpn";
        case StepKind::kAlert:
            return "alert";
        case StepKind::kConnect:
            return "connect";
        case StepKind::kConnack:
            return "connack";
        case StepKind::kPublish:
            return "publish";
        case StepKind::kPuback:
            return "puback";
        case StepKind::kClosed:
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
    if (step.kind == StepKind::kRecord || step.kind == StepKind::kMessage || step.kind == StepKind::kAlert) {
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
