// SPDX-License-Identifier: Apache-2.0
#include "tls_diagnosis.hpp"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include "alert.hpp"

namespace narrowgate::mqtt {
namespace {

// Where AWS IoT Core, and others behind load balancers, tell MQTT from HTTPS by the application protocol.
constexpr std::uint16_t kHttpsPort = 443;

constexpr std::string_view kPathCause =
    "packets above some size are lost on the way and no ICMP message says so: a tunnel, PPPoE, a mobile or "
    "satellite link, or a firewall that drops ICMP";
constexpr std::string_view kPathAdvice =
    "make TCP send and ask for smaller segments: ip route change default via GATEWAY advmss 1200, or clamp "
    "the "
    "MSS on the router; if the handshake then completes, correct the MTU of that link";

// " (CN=…, issued by …)" of the broker's certificate.
std::string in_brackets(const std::string& certificate) {
    return certificate.empty() ? "" : " (" + certificate + ")";
}

// "the last reads were of 1393, 2, 517 bytes".
std::string reads_of(const ConnectionTrace& trace) {
    std::string text;
    for (const std::size_t bytes : trace.last_reads)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", bytes);
    return text.empty() ? "nothing was read" : "the last reads were of " + text + " bytes";
}

std::string partial_of(const ConnectionTrace& trace) {
    const auto& partial = trace.partial_from_server;
    if (!partial) return "";
    if (partial->size_bytes == 0)
        return fmt::format(", {} bytes into a record's header", partial->seen_bytes);
    return fmt::format(", {} of a record's {} bytes", partial->seen_bytes, partial->size_bytes);
}

bool is_lost_on_the_way_out(const ConnectionTrace& trace) {
    return trace.tcp && trace.tcp->unacknowledged > 0 && trace.tcp->retransmissions > 0;
}

Diagnosis of_verification(const Progress& progress) {
    const std::string certificate = in_brackets(progress.certificate);
    switch (progress.verification) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return {Finding::kExpired,
                    "the broker's certificate, or one of its chain, has expired, or this machine's clock is "
                    "wrong" +
                        certificate,
                    "a renewal was forgotten, or this machine started without the time",
                    "check the clock, then tell the broker's operator"};
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return {
                Finding::kNotYetValid,
                "the broker's certificate is not yet valid, or this machine's clock is slow" + certificate,
                "a machine without a battery for its clock starts in the past until NTP has answered",
                "check the clock: timedatectl"};
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_CERT_UNTRUSTED: {
            const AlertWords* words = words_of_alert(kAlertUnknownCa);
            return {
                Finding::kUnknownRoot, std::string(words->from_us) + certificate,
                "the root was replaced, the broker does not send the certificates between its own and the "
                "root, or something on the way (a proxy that inspects TLS) answers in its place",
                std::string(words->from_us_cure)};
        }
        default:
            return {Finding::kBadChain,
                    fmt::format("the broker's certificate was not acceptable: {}{}",
                                X509_verify_cert_error_string(progress.verification), certificate),
                    "it was made for another purpose, or its chain is damaged",
                    "check the broker's certificate (openssl s_client -connect HOST:PORT -showcerts)"};
    }
}

Diagnosis of_alert_read(const ConnectionOptions& options, const Progress& progress) {
    const std::uint8_t alert = *progress.alert_read;
    if (alert == kAlertNoApplicationProtocol) return alpn_missing(options, progress);
    const AlertWords* words = words_of_alert(alert);
    const bool about_certificate =
        (alert >= kAlertBadCertificate && alert <= kAlertAccessDenied && alert != kAlertIllegalParameter) ||
        alert == kAlertDecryptError || alert == kAlertCertificateRequired ||
        (alert == kAlertHandshakeFailure && progress.flight_sent);
    Diagnosis diagnosis{
        .finding = about_certificate ? Finding::kClientCertificateRefused : Finding::kServerAlert,
        .what =
            words == nullptr || words->from_broker.empty()
                ? fmt::format("TLS ended with the broker's alert \"{}\"", alert_name(alert))
                : fmt::format("{} (the broker's TLS alert \"{}\")", words->from_broker, alert_name(alert)),
        .cause = {},
        .advice = words == nullptr || words->from_broker_cure.empty() ? "read the broker's log for its side"
                                                                      : std::string(words->from_broker_cure)};
    if (about_certificate) {
        diagnosis.cause =
            "the certificate is not registered or not active there, has expired, or is of another authority";
        if (!progress.certificate_sent) diagnosis.cause += "; none was sent, as far as the trace shows";
    } else {
        diagnosis.cause =
            "settings of TLS on the two sides that have nothing in common, or a host that the "
            "broker does not serve";
    }
    return diagnosis;
}

Diagnosis of_alert_written(const Progress& progress) {
    const std::uint8_t alert = *progress.alert_written;
    const AlertWords* words = words_of_alert(alert);
    const bool has_words = words != nullptr && !words->from_us.empty();
    return {Finding::kTlsFailed,
            has_words ? fmt::format("{} (our TLS alert \"{}\")", words->from_us, alert_name(alert))
                      : fmt::format("TLS ended with our alert \"{}\"", alert_name(alert)),
            "what the broker sent was no TLS that we accept: an old or damaged server, or bytes changed on "
            "the way",
            has_words && !words->from_us_cure.empty() ? std::string(words->from_us_cure)
                                                      : "read the broker's log for its side"};
}

}  // namespace

std::string seconds_of(std::chrono::microseconds time) {
    return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1e6);
}

bool lacks_alpn(const ConnectionOptions& options, const Progress& progress) {
    const auto endpoint = endpoint_of(options.url);
    return endpoint && endpoint->port == kHttpsPort && !progress.alpn_chosen;
}

Diagnosis alpn_missing(const ConnectionOptions& options, const Progress& progress) {
    const bool offered = !options.alpn.empty();
    std::string what =
        offered
            ? fmt::format("the broker does not take the application protocol \"{}\"", options.alpn.front())
            : "no application protocol (ALPN) was asked for, and the broker does not speak "
              "MQTT without on this port";
    if (progress.alert_read)
        what += fmt::format(" (the broker's TLS alert \"{}\")", alert_name(*progress.alert_read));
    return {Finding::kAlpnMissing, std::move(what),
            "on port 443 brokers tell MQTT from HTTPS by the application protocol; a proxy that inspects TLS "
            "drops it",
            offered
                ? "use port 8883, or the protocol that the broker's documentation names"
                : "set alpn = [\"x-amzn-mqtt-ca\"] for AWS IoT Core (the profile aws-iot does), or use port "
                  "8883"};
}

std::optional<Diagnosis> refused_in_tls(const ConnectionOptions& options, const ConnectionTrace& trace,
                                        const Progress& progress) {
    if (progress.alert_read) return of_alert_read(options, progress);
    if (progress.verification != X509_V_OK) return of_verification(progress);
    if (progress.wrong_host) {
        return Diagnosis{
            Finding::kWrongHost,
            "the broker's certificate is not one for the host in url" + in_brackets(progress.certificate),
            "url names an address or an alias, or the DNS leads elsewhere than meant",
            "correct the host in url to a name the certificate holds, or have the name put into it"};
    }
    if (trace.bytes_from_server > 0 && !progress.tls_records_received && !trace.partial_from_server) {
        return Diagnosis{Finding::kNotTls, "something answers there that does not speak TLS",
                         "the port is one for MQTT or HTTP without TLS, or a proxy's page stands in the way",
                         "check host and port: 8883 is the usual one for MQTT over TLS"};
    }
    if (progress.alert_written) return of_alert_written(progress);
    return std::nullopt;
}

Diagnosis stalled(const ConnectionOptions&, const ConnectionTrace& trace, const Progress& progress) {
    const std::string silence = "for " + seconds_of(trace.taken - trace.last_from_server);
    if (is_lost_on_the_way_out(trace)) {
        return {
            Finding::kBlackHole,
            fmt::format("TCP stands, but what we sent last is not confirmed after {} retransmissions: it is "
                        "lost on the way to the broker (MSS {})",
                        trace.tcp->retransmissions, trace.tcp->mss_bytes),
            std::string(kPathCause), std::string(kPathAdvice)};
    }
    if (trace.bytes_from_server == 0) {
        if (trace.tcp && trace.tcp->out_of_order > 0) {
            return {Finding::kBlackHole,
                    fmt::format("the broker answers our ClientHello, but the large packets of its answer are "
                                "lost: {} smaller ones came {}",
                                trace.tcp->out_of_order, silence + " without them"),
                    std::string(kPathCause), std::string(kPathAdvice)};
        }
        return {
            Finding::kStallAfterClientHello,
            "TCP stands and our ClientHello has arrived, but nothing has come back " + silence,
            "something accepts TCP there that does not speak TLS, a proxy or firewall holds the connection, "
            "the broker hangs, or the first packets of its answer are lost because they are large",
            "check host and port; try openssl s_client from here and from another network; if only this "
            "network stalls, try a smaller MSS (ip route … advmss 1200)"};
    }
    if (!progress.flight_sent) {
        return {Finding::kBlackHole,
                fmt::format(
                    "the broker's handshake began and does not complete: {} bytes came{}, then nothing {} "
                    "({})",
                    trace.bytes_from_server, partial_of(trace), silence, reads_of(trace)),
                std::string(kPathCause), std::string(kPathAdvice)};
    }
    if (trace.bytes_from_server == progress.received_before_flight) {
        return {
            Finding::kStallAfterOurFlight,
            fmt::format("the broker's flight came whole and ours has gone ({} bytes in all, confirmed by "
                        "its side), but {} has not come {} ({})",
                        trace.bytes_to_server, progress.is_tls_1_2 ? "its ChangeCipherSpec" : "an answer",
                        silence, reads_of(trace)),
            "bytes were changed or lost between TCP and TLS (a modem or middlebox with too small a buffer), "
            "so that the broker cannot read our flight and says nothing; or it checks our certificate and "
            "hangs",
            "ask the broker's operator whether it saw our certificate; try another network; on a modem, look "
            "at the size of its socket buffer, which must hold a whole TCP segment"};
    }
    return {Finding::kTimeout,
            fmt::format("TLS stands{}, but CONNACK has not come {} ({})",
                        progress.connect_sent ? " and CONNECT has gone" : "", silence, reads_of(trace)),
            "the broker is overloaded, or it waits for something of its own (a database, a bridge)",
            "read the broker's log; a longer connect_timeout helps on slow links alone"};
}

Diagnosis closed_before_connack(const ConnectionOptions& options, const ConnectionTrace& trace,
                                const Progress& progress) {
    if (lacks_alpn(options, progress)) return alpn_missing(options, progress);
    if (progress.flight_sent) {
        return {
            Finding::kClosedWithoutAWord,
            fmt::format("the broker closed the connection without a word after our certificate or CONNECT "
                        "({})",
                        progress.closed),
            "AWS IoT Core does so when the certificate is not active, has no policy, or its policy does not "
            "allow this client_id; others when a listener limits its connections",
            fmt::format("check that our certificate is registered and active there, and that its policy "
                        "allows client_id {} to connect",
                        options.client_id)};
    }
    if (!progress.tls_records_received && !trace.partial_from_server) {
        return {
            Finding::kClosedWithoutAWord,
            fmt::format("the broker closed the connection before any TLS ({})", progress.closed),
            "the port is one for MQTT without TLS, a firewall closes what it does not know, or the broker "
            "takes no more connections",
            "check that the port is one for MQTT over TLS"};
    }
    return {Finding::kClosedWithoutAWord,
            fmt::format("the broker closed the connection in the middle of the handshake ({}{})",
                        progress.closed, partial_of(trace)),
            "it crashed or was restarted, or something on the way ends connections",
            "try again; if it repeats, read the broker's log"};
}

}  // namespace narrowgate::mqtt
