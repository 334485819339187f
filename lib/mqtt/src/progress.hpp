// SPDX-License-Identifier: Apache-2.0
//
// How far an attempt came, read off its trace.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/mqtt/reason_code.hpp"
#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

struct Progress {
    std::optional<std::chrono::microseconds> look_up_took;
    std::optional<int> look_up_failed;  // TraceStep::LookUpFailure
    std::vector<int> connect_errors;    // errno, one an address
    std::string connect_failures;       // in words
    bool tcp_connected = false;

    bool hello_sent = false;
    bool tls_records_received = false;
    // Our second flight: certificate, Finished. It goes when the broker's has come entirely.
    bool flight_sent = false;
    std::uint64_t received_before_flight = 0;  // bytes from the broker
    bool is_tls_1_2 = false;
    std::string certificate;  // the broker's own, in words
    int verification = 0;     // X509_V_ERR_…
    bool wrong_host = false;
    bool certificate_sent = false;
    bool alpn_chosen = false;
    std::optional<std::uint8_t> alert_read;     // descriptions of fatal ones
    std::optional<std::uint8_t> alert_written;  //
    bool connect_sent = false;
    std::optional<std::chrono::microseconds> connack_at;
    std::string connack;
    std::optional<std::chrono::microseconds> published_at;
    std::optional<ReasonCode> puback;  // the first one
    std::chrono::microseconds puback_at{0};

    bool closed_by_us = false;
    bool closed_by_broker = false;
    // Its way of closing was a FIN, not a reset or an error.
    bool closed_in_order = false;
    std::chrono::microseconds closed_at{0};
    std::string closed;  // in words

    std::string last_step;  // in words, without its time
};

Progress progress_of(const ConnectionTrace& trace);

}  // namespace narrowgate::mqtt
