// SPDX-License-Identifier: Apache-2.0
#include "failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "narrowgate/mqtt/code_rule.hpp"
#include "record_meter.hpp"

namespace narrowgate::mqtt {
namespace {

struct AlertWords {
    std::uint8_t description;  // RFC 8446 section 6
    std::string_view name;     // as OpenSSL writes it
    // What it means and what to do when the broker sends it, about us; a null cure where there is nothing to
    // add.
    std::string_view from_broker;
    std::string_view from_broker_cure;
    // The same when we send it, about the broker.
    std::string_view from_us;
    std::string_view from_us_cure;
};

constexpr std::string_view kOurCertificate =
    "check certificate_file and key_file, and that the broker knows them";
constexpr std::string_view kTheirCertificate =
    "check the broker's certificate (openssl s_client -connect HOST:PORT)";

constexpr std::array kAlerts = {
    AlertWords{40, "handshake failure", "the broker found no common way to speak TLS, or wants a certificate",
               kOurCertificate, "no common way to speak TLS", kTheirCertificate},
    AlertWords{42, "bad certificate", "the broker refused our certificate as bad", kOurCertificate,
               "the broker's certificate is bad", kTheirCertificate},
    AlertWords{43, "unsupported certificate", "the broker refused the kind of our certificate",
               "use a certificate for client authentication",
               "the broker's certificate is not one for servers", kTheirCertificate},
    AlertWords{44, "certificate revoked", "the broker says our certificate is revoked",
               "activate it there, or get another", "the broker's certificate is revoked", kTheirCertificate},
    AlertWords{45, "certificate expired", "the broker says our certificate has expired",
               "renew certificate_file",
               "the broker's certificate has expired, or this machine's clock is wrong",
               "check the clock, then tell the broker's operator"},
    AlertWords{46, "certificate unknown", "the broker refused our certificate", kOurCertificate,
               "the broker's certificate was not acceptable", kTheirCertificate},
    AlertWords{48, "unknown CA", "the broker does not know the authority of our certificate",
               "register our certificate or its authority there, or use the certificate it knows; those "
               "between it and "
               "the root belong into certificate_file too",
               "the broker's certificate is from an authority that ca_file does not hold",
               "put the broker's root into ca_file; if it is there, the broker does not send the "
               "certificates between; if "
               "you do not expect another authority, somebody is in between"},
    AlertWords{49, "access denied", "the broker denies access to our certificate", kOurCertificate,
               "access denied", kTheirCertificate},
    AlertWords{51, "decrypt error", "the broker could not verify our signature",
               "check that key_file is the key of certificate_file", "the broker's signature is wrong",
               kTheirCertificate},
    AlertWords{70, "protocol version", "the broker speaks no version of TLS that we speak",
               "it must speak TLS 1.2 or 1.3", "the broker speaks no version of TLS that we speak",
               "it must speak TLS 1.2 or 1.3"},
    AlertWords{71, "insufficient security", "the broker finds our TLS too weak", kOurCertificate,
               "the broker's TLS is too weak", kTheirCertificate},
    AlertWords{112, "unrecognized name", "the broker does not serve the host of url",
               "correct the host in url", "", ""},
    AlertWords{116, "certificate required", "the broker wants a certificate and got none", kOurCertificate,
               "", ""},
    AlertWords{120, "no application protocol", "the broker does not speak MQTT on this port",
               "check the port; on 443 an application protocol must be asked for", "", ""},
};

const AlertWords* alert_of(std::string_view name) {
    const auto found =
        std::ranges::find_if(kAlerts, [&](const AlertWords& alert) { return name == alert.name; });
    return found == kAlerts.end() ? nullptr : &*found;
}

struct FatalAlert {
    std::string name;
    bool from_broker = false;
};

// What the library's trace says, "SSL alert read:fatal:unknown CA", is the best witness: it also sees
// encrypted alerts. Else one that passed in the clear.
std::optional<FatalAlert> fatal_alert(const ConnectionTrace& trace) {
    constexpr std::string_view kRead = "SSL alert read:fatal:";
    constexpr std::string_view kWrite = "SSL alert write:fatal:";
    std::optional<FatalAlert> in_the_clear;
    for (const TraceStep& step : trace.steps) {
        if (step.kind == TraceStep::Kind::kVerified) {
            if (step.detail.starts_with(kRead)) return FatalAlert{step.detail.substr(kRead.size()), true};
            if (step.detail.starts_with(kWrite)) return FatalAlert{step.detail.substr(kWrite.size()), false};
        }
        if (step.kind == TraceStep::Kind::kAlert && step.detail != alert_name(0)) {
            in_the_clear = FatalAlert{step.detail, step.direction == Direction::kFromServer};
        }
    }
    return in_the_clear;
}

// How far TLS and MQTT came, from the records that passed.
struct Progress {
    bool records_sent = false;
    bool records_received = false;
    bool own_flight_encrypted = false;  // our Finished, and with TLS 1.3 more, may have been sent
    bool closed_by_us = false;
    bool closed_by_broker = false;
    std::string last_step;
};

Progress progress_of(const ConnectionTrace& trace) {
    Progress progress;
    for (const TraceStep& step : trace.steps) {
        if (step.kind == TraceStep::Kind::kRecord) {
            const bool sent = step.direction == Direction::kToServer;
            (sent ? progress.records_sent : progress.records_received) = true;
            if (sent &&
                (step.content_type == kTypeChangeCipherSpec || step.content_type == kTypeApplicationData)) {
                progress.own_flight_encrypted = true;
            }
        }
        if (step.kind == TraceStep::Kind::kClosed && !progress.closed_by_us && !progress.closed_by_broker) {
            (step.detail.starts_with("we") ? progress.closed_by_us : progress.closed_by_broker) = true;
        }
        if (step.kind != TraceStep::Kind::kVerified && step.kind != TraceStep::Kind::kClosed) {
            progress.last_step = to_words(step);
        }
    }
    return progress;
}

bool heard_of_wrong_host(const ConnectionTrace& trace) {
    return std::ranges::any_of(trace.steps, [](const TraceStep& step) {
        return step.kind == TraceStep::Kind::kVerified && step.detail.starts_with("X509_check_host");
    });
}

Error with_name(const ConnectionOptions& options, std::string what, std::string cure) {
    return {fmt::format("upstream {} ({}): {}", options.name, options.url, what), std::move(cure)};
}

Error of_alert(const ConnectionOptions& options, const FatalAlert& alert) {
    const AlertWords* words = alert_of(alert.name);
    const std::string_view meaning = words == nullptr    ? ""
                                     : alert.from_broker ? words->from_broker
                                                         : words->from_us;
    const std::string_view cure = words == nullptr    ? ""
                                  : alert.from_broker ? words->from_broker_cure
                                                      : words->from_us_cure;
    const std::string_view who = alert.from_broker ? "the broker's" : "our";
    if (meaning.empty()) {
        return with_name(options, fmt::format("TLS ended with {} alert \"{}\"", who, alert.name),
                         "read the broker's log for its side");
    }
    return with_name(options, fmt::format("{} ({} TLS alert \"{}\")", meaning, who, alert.name),
                     std::string(cure));
}

}  // namespace

std::string alert_name(std::uint8_t description) {
    if (description == 0) return "close notify";
    const auto found = std::ranges::find_if(
        kAlerts, [&](const AlertWords& alert) { return description == alert.description; });
    return found == kAlerts.end() ? fmt::format("alert {}", description) : std::string(found->name);
}

Error refused_connect(const ConnectionOptions& options, ReasonCode code) {
    return with_name(options,
                     fmt::format("the broker refused client_id {}: {}", options.client_id, to_words(code)),
                     std::string(rule_of(Packet::kConnack, code).cure));
}

Error failed_connect(const ConnectionOptions& options, const ConnectionTrace& trace, bool timed_out,
                     const std::string& library_words) {
    if (const auto alert = fatal_alert(trace)) return of_alert(options, *alert);

    const Progress progress = progress_of(trace);
    // The library checks the name after the handshake and then closes without an alert.
    if (heard_of_wrong_host(trace)) {
        return with_name(
            options, "the broker's certificate is not one for the host in url",
            "correct the host in url to a name the certificate holds, or have the name put into it");
    }
    if (timed_out) {
        return with_name(
            options,
            fmt::format("no connection within {} s; the last step was {}", options.connect_timeout.count(),
                        progress.last_step),
            progress.records_received
                ? "packets above some size may be lost on the way (try a smaller MSS), or the broker "
                  "is overloaded"
                : "something accepts TCP there that does not speak TLS: check host and port");
    }
    if (progress.closed_by_broker && progress.own_flight_encrypted) {
        return with_name(
            options, "the broker closed the connection without a word after our certificate or CONNECT",
            "check that our certificate is registered and active there, and that its policy allows "
            "this client_id to connect");
    }
    if (progress.closed_by_broker && !progress.records_received) {
        return with_name(options, "the broker closed the connection before any TLS",
                         "check that the port is one for MQTT over TLS");
    }
    return with_name(options, fmt::format("{}; the last step was {}", library_words, progress.last_step),
                     "read the broker's log for its side");
}

Error lost_connection(const ConnectionOptions& options, const ConnectionTrace& trace,
                      std::optional<ReasonCode> said) {
    if (said) {
        const std::string what =
            said == ReasonCode::kSessionTakenOver
                ? fmt::format("another client has connected as {}: {}", options.client_id, to_words(*said))
                : fmt::format("the broker ended the connection: {}", to_words(*said));
        return with_name(options, what, std::string(rule_of(Packet::kDisconnect, *said).cure));
    }
    if (const auto alert = fatal_alert(trace)) return of_alert(options, *alert);
    std::string how;
    for (const TraceStep& step : trace.steps) {
        if (step.kind == TraceStep::Kind::kClosed) {
            how = ": " + step.detail;
            break;
        }
    }
    return with_name(
        options, "the connection was lost" + how,
        fmt::format("nothing: it is tried again; if this repeats, see that no other client connects as {}",
                    options.client_id));
}

}  // namespace narrowgate::mqtt
