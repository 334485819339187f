// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include "alert.hpp"
#include "record_meter.hpp"

namespace narrowgate::mqtt {
namespace {

using Kind = TraceStep::Kind;

// to_words() begins with the time, "   0.104 s  ".
std::string without_time(const std::string& words) {
    const std::size_t at = words.find(" s  ");
    return at == std::string::npos ? words : words.substr(at + 4);
}

// Of "1 of 2: CN=broker, …" the certificate alone.
std::string without_place(const std::string& certificate) {
    const std::size_t at = certificate.find(": ");
    return at == std::string::npos ? certificate : certificate.substr(at + 2);
}

bool is_of_our_flight(const TraceStep& step) {
    if (step.direction != Direction::kToServer) return false;
    if (step.kind == Kind::kMessage) return true;
    if (step.content_type == kTypeApplicationData) return true;
    return step.handshake_type == kTypeCertificate || step.handshake_type == kTypeClientKeyExchange;
}

void read_record(const TraceStep& step, Progress& progress) {
    if (step.direction == Direction::kFromServer) progress.tls_records_received = true;
    if (step.direction == Direction::kToServer && step.handshake_type == kTypeClientHello)
        progress.hello_sent = true;
}

void read_alert(const TraceStep& step, Progress& progress) {
    if (step.direction == Direction::kFromServer) progress.tls_records_received = true;
    if (step.code == kAlertCloseNotify) {
        // An end in good order, and the library answers it by closing before TCP has shown the broker's FIN.
        if (step.direction == Direction::kFromServer && !progress.closed_by_us &&
            !progress.closed_by_broker) {
            progress.closed_by_broker = true;
            progress.closed_in_order = true;
            progress.closed_at = step.at;
            progress.closed = "the broker closed";
        }
        return;
    }
    // What we say to an end of the stream without close_notify is no cause of it.
    if (step.direction == Direction::kToServer && progress.closed_by_broker) return;
    auto& alert = step.direction == Direction::kFromServer ? progress.alert_read : progress.alert_written;
    if (!alert) alert = static_cast<std::uint8_t>(step.code);
}

void read_end(const TraceStep& step, Progress& progress) {
    if (progress.closed_by_us || progress.closed_by_broker) return;
    const bool by_us = step.detail.starts_with("we ") || step.detail.starts_with("our ");
    (by_us ? progress.closed_by_us : progress.closed_by_broker) = true;
    progress.closed_in_order = step.code == 0;
    progress.closed_at = step.at;
    progress.closed = step.detail;
}

}  // namespace

Progress progress_of(const ConnectionTrace& trace) {
    Progress progress;
    std::chrono::microseconds look_up_began{0};
    for (const TraceStep& step : trace.steps) {
        if ((step.kind == Kind::kRecord || step.kind == Kind::kMessage) && is_of_our_flight(step) &&
            !progress.flight_sent) {
            progress.flight_sent = true;
            progress.received_before_flight = step.bytes_from_server;
        }
        switch (step.kind) {
            case Kind::kResolving:
                look_up_began = step.at;
                break;
            case Kind::kResolved:
                progress.look_up_took = step.at - look_up_began;
                break;
            case Kind::kResolveFailed:
                progress.look_up_failed = step.code;
                break;
            case Kind::kConnectFailed:
                progress.connect_errors.push_back(step.code);
                // A name may have very many addresses; a message need not.
                if (progress.connect_failures.size() < 400)
                    progress.connect_failures +=
                        (progress.connect_failures.empty() ? "" : ", ") + step.detail;
                break;
            case Kind::kConnected:
                progress.tcp_connected = true;
                break;
            case Kind::kRecord:
                read_record(step, progress);
                break;
            case Kind::kTls:
                progress.is_tls_1_2 = step.detail.starts_with("TLSv1.2");
                break;
            case Kind::kCertificate:
                if (progress.certificate.empty()) progress.certificate = without_place(step.detail);
                break;
            case Kind::kOwnCertificate:
                progress.certificate_sent = step.detail.starts_with("sent");
                break;
            case Kind::kVerified:
                progress.verification = step.code;
                break;
            case Kind::kHostName:
                progress.wrong_host = step.code != 0;
                break;
            case Kind::kAlpn:
                progress.alpn_chosen = true;
                break;
            case Kind::kAlert:
                read_alert(step, progress);
                break;
            case Kind::kConnect:
                progress.connect_sent = true;
                break;
            case Kind::kConnack:
                progress.connack_at = step.at;
                progress.connack = step.detail;
                break;
            case Kind::kPublish:
                progress.published_at = step.at;
                break;
            case Kind::kPuback:
                progress.puback = static_cast<ReasonCode>(step.code);
                progress.puback_at = step.at;
                break;
            case Kind::kClosed:
                read_end(step, progress);
                break;
            case Kind::kConnecting:
            case Kind::kMessage:
                break;
        }
        if (step.kind != Kind::kClosed) progress.last_step = without_time(to_words(step));
    }
    return progress;
}

}  // namespace narrowgate::mqtt
