// SPDX-License-Identifier: Apache-2.0
//
// Traces made by hand, as the dialer and the watch over TLS would write them.
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "narrowgate/mqtt/diagnosis.hpp"

namespace narrowgate::mqtt {

class TraceBuilder {
public:
    using Kind = TraceStep::Kind;

    TraceBuilder() { step(Kind::kResolving, "broker.example"); }

    TraceBuilder& step(Kind kind, std::string detail = {}, int code = 0) {
        TraceStep step;
        step.kind = kind;
        step.detail = std::move(detail);
        step.code = code;
        return add(std::move(step));
    }
    TraceBuilder& after(milliseconds time) {
        trace_.taken += time;
        return *this;
    }
    TraceBuilder& connected() {
        step(Kind::kResolved, "192.0.2.1:8883");
        step(Kind::kConnecting, "192.0.2.1:8883");
        step(Kind::kConnected, "198.51.100.1:40000 to 192.0.2.1:8883, MSS 1460, round trip 640.0 ms");
        trace_.tcp =
            TcpState{.mss_bytes = 1460, .unacknowledged = 0, .retransmissions = 0, .out_of_order = 0};
        return *this;
    }
    TraceBuilder& record(Direction direction, std::uint8_t content_type,
                         std::optional<std::uint8_t> handshake, std::size_t size) {
        (direction == Direction::kToServer ? trace_.bytes_to_server : trace_.bytes_from_server) += size;
        if (direction == Direction::kFromServer) trace_.last_from_server = trace_.taken;
        TraceStep step;
        step.kind = Kind::kRecord;
        step.direction = direction;
        step.content_type = content_type;
        step.handshake_type = handshake;
        step.size_bytes = size;
        return add(std::move(step));
    }
    TraceBuilder& sent(std::optional<std::uint8_t> handshake, std::size_t size, std::uint8_t type = 22) {
        return record(Direction::kToServer, type, handshake, size);
    }
    TraceBuilder& received(std::optional<std::uint8_t> handshake, std::size_t size, std::uint8_t type = 22) {
        return record(Direction::kFromServer, type, handshake, size);
    }
    TraceBuilder& alert(Direction direction, int description) {
        TraceStep step;
        step.kind = Kind::kAlert;
        step.direction = direction;
        step.code = description;
        return add(std::move(step));
    }
    TraceBuilder& hello() { return connected().sent(1, 320); }
    // The first flights of TLS 1.2, each side's whole.
    TraceBuilder& flights_of_tls_1_2() {
        hello().received(2, 95).step(Kind::kTls, "TLSv1.2, ECDHE-RSA-AES128-GCM-SHA256");
        received(11, 3712).received(12, 338).received(13, 58).received(14, 9);
        certificate();
        step(Kind::kOwnCertificate, "sent: CN=gw-1, issued by CN=root, valid from 2026-01-01 to 2027-01-01");
        return sent(11, 870).sent(16, 42).sent(15, 269).sent(std::nullopt, 6, 20).sent(std::nullopt, 45);
    }
    TraceBuilder& certificate() {
        return step(
            Kind::kCertificate,
            "1 of 1: CN=broker, issued by CN=root, valid from 2026-01-01 to 2027-01-01, for broker.example");
    }
    // TLS 1.3 up to CONNECT.
    TraceBuilder& flights_of_tls_1_3() {
        hello()
            .received(2, 127)
            .received(std::nullopt, 6, 20)
            .step(Kind::kTls, "TLSv1.3, TLS_AES_128_GCM_SHA256");
        received(std::nullopt, 3800, 23);
        certificate();
        step(Kind::kOwnCertificate, "sent: CN=gw-1");
        sent(std::nullopt, 6, 20).sent(std::nullopt, 1200, 23);
        return step(Kind::kConnect).sent(std::nullopt, 60, 23);
    }
    ConnectionTrace& trace() { return trace_; }

private:
    TraceBuilder& add(TraceStep step) {
        step.at = trace_.taken;
        step.bytes_to_server = trace_.bytes_to_server;
        step.bytes_from_server = trace_.bytes_from_server;
        trace_.steps.push_back(std::move(step));
        return *this;
    }

    ConnectionTrace trace_;
};

}  // namespace narrowgate::mqtt
