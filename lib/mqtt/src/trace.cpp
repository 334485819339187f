// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/trace.hpp"

#include <fmt/format.h>

#include <string_view>

#include "record_meter.hpp"

namespace narrowgate::mqtt {
namespace {

std::string record_name(const TraceStep& step) {
    switch (step.content_type) {
        case kTypeChangeCipherSpec:
            return "ChangeCipherSpec";
        case kTypeAlert:
            return "encrypted alert";
        case kTypeHandshake:
            return step.handshake_type ? handshake_name(*step.handshake_type) : "encrypted handshake";
        case kTypeApplicationData:
            return "encrypted data";
        default:
            return fmt::format("record of type {}", step.content_type);
    }
}

std::string_view verb_of(TraceStep::Kind kind) {
    switch (kind) {
        case TraceStep::Kind::kResolving:
            return "resolving";
        case TraceStep::Kind::kResolved:
            return "resolved:";
        case TraceStep::Kind::kConnecting:
            return "connecting to";
        case TraceStep::Kind::kResolveFailed:
        case TraceStep::Kind::kConnectFailed:
            return "failed:";
        case TraceStep::Kind::kConnected:
            return "connected";
        case TraceStep::Kind::kTls:
            return "TLS:";
        case TraceStep::Kind::kCertificate:
            return "broker's certificate";
        case TraceStep::Kind::kOwnCertificate:
            return "our certificate:";
        case TraceStep::Kind::kVerified:
            return "chain:";
        case TraceStep::Kind::kHostName:
            return "host name:";
        case TraceStep::Kind::kAlpn:
            return "application protocol:";
        case TraceStep::Kind::kConnect:
            return "-> MQTT CONNECT";
        case TraceStep::Kind::kConnack:
            return "<- MQTT CONNACK:";
        case TraceStep::Kind::kPublish:
            return "-> MQTT PUBLISH";
        case TraceStep::Kind::kPuback:
            return "<- MQTT PUBACK:";
        case TraceStep::Kind::kClosed:
            return "closed:";
        case TraceStep::Kind::kRecord:
        case TraceStep::Kind::kMessage:
        case TraceStep::Kind::kAlert:
            break;
    }
    return "";
}

}  // namespace

std::string handshake_name(std::uint8_t type) {
    switch (type) {
        case 1:
            return "ClientHello";
        case 2:
            return "ServerHello";
        case 4:
            return "NewSessionTicket";
        case 8:
            return "EncryptedExtensions";
        case 11:
            return "Certificate";
        case 12:
            return "ServerKeyExchange";
        case 13:
            return "CertificateRequest";
        case 14:
            return "ServerHelloDone";
        case 15:
            return "CertificateVerify";
        case 16:
            return "ClientKeyExchange";
        case 20:
            return "Finished";
        case 22:
            return "CertificateStatus";
        default:
            return fmt::format("handshake message {}", type);
    }
}

std::string to_words(const TraceStep& step) {
    const double at = static_cast<double>(step.at.count()) / 1e6;
    const std::string_view arrow = step.direction == Direction::kToServer ? "->" : "<-";
    switch (step.kind) {
        case TraceStep::Kind::kRecord:
            return fmt::format("{:8.3f} s  {} {}, {} bytes", at, arrow, record_name(step), step.size_bytes);
        case TraceStep::Kind::kMessage:
            return fmt::format("{:8.3f} s  TLS has {} {}, {} bytes", at,
                               step.direction == Direction::kToServer ? "written" : "read",
                               handshake_name(step.handshake_type.value_or(0)), step.size_bytes);
        case TraceStep::Kind::kAlert:
            return fmt::format("{:8.3f} s  {} TLS alert: {}", at, arrow, step.detail);
        default:
            return fmt::format("{:8.3f} s  {}{}{}", at, verb_of(step.kind), step.detail.empty() ? "" : " ",
                               step.detail);
    }
}

}  // namespace narrowgate::mqtt
