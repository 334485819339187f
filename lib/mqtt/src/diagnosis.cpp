// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/diagnosis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "narrowgate/mqtt/code_rule.hpp"
#include "progress.hpp"
#include "tls_diagnosis.hpp"

namespace narrowgate::mqtt {
namespace {

constexpr std::string_view kReadTheirLog = "read the broker's log for its side";
// A connection that is closed so soon after CONNACK was closed for what it is, not for what came later; and
// one that is closed so soon after a publish, for that.
constexpr seconds kSoonAfterConnack{10};
constexpr seconds kSoonAfterPublish{10};

Diagnosis well(const ConnectionOptions& options, const Progress& progress, bool published) {
    std::string what = fmt::format("connected as {}", options.client_id);
    if (!progress.connack.empty()) what += " (" + progress.connack + ")";
    if (published) what += ", and a publish was acknowledged";
    if (progress.look_up_took && *progress.look_up_took >= kSlowLookUp) {
        return {
            Finding::kDnsSlow,
            fmt::format("{}, but the look-up of the name took {}", what, seconds_of(*progress.look_up_took)),
            "the first resolver in /etc/resolv.conf does not answer, and the next is asked only after "
            "seconds",
            "put a resolver that answers first, or use one on this machine"};
    }
    return {Finding::kOk, std::move(what), "", ""};
}

Diagnosis not_resolved(const Progress& progress, const Error& error) {
    if (*progress.look_up_failed == TraceStep::kNoSuchName) {
        return {Finding::kNameNotFound, error.what,
                "a slip in url, or a name that only another network's DNS knows", error.cure};
    }
    return {Finding::kDnsSlow, error.what,
            *progress.look_up_failed == TraceStep::kNoAnswer
                ? "the resolver is down or cannot be reached, or a firewall drops what is asked of it"
                : "the resolver has troubles of its own",
            error.cure};
}

Diagnosis no_tcp(const Progress& progress) {
    const auto any = [&](std::initializer_list<int> wanted) {
        return std::ranges::any_of(progress.connect_errors, [&](int error_number) {
            return std::ranges::find(wanted, error_number) != wanted.end();
        });
    };
    if (any({ECONNREFUSED})) {
        return {
            Finding::kRefused, "no TCP connection: " + progress.connect_failures,
            "the host is there, and nothing listens on that port: the broker is down, or listens elsewhere",
            "check that the broker runs and listens on that port"};
    }
    if (any({EHOSTUNREACH, ENETUNREACH, EACCES, EPERM})) {
        return {Finding::kFiltered, "no TCP connection: " + progress.connect_failures,
                "there is no route there, or a firewall says so",
                "check the route (ip route get ADDRESS) and the firewall to it"};
    }
    if (any({ETIMEDOUT})) {
        return {Finding::kFiltered, "no answer to TCP: " + progress.connect_failures,
                "a firewall drops it without a word, or the host is down",
                "let port 8883 or 443 out; try the address and port from this machine and from elsewhere"};
    }
    return {Finding::kRefused, "no TCP connection: " + progress.connect_failures,
            "this machine's network is not up", "check the network of this machine"};
}

Diagnosis refused(const ConnectionOptions& options, ReasonCode code) {
    Diagnosis diagnosis{Finding::kConnackRefused,
                        fmt::format("the broker refused client_id {}: {}", options.client_id, to_words(code)),
                        "", std::string(rule_of(Packet::kConnack, code).cure)};
    switch (code) {
        case ReasonCode::kClientIdNotValid:
            diagnosis.cause = "the broker takes client IDs of a certain form or list only";
            break;
        case ReasonCode::kNotAuthorized:
        case ReasonCode::kBadUserNameOrPassword:
            diagnosis.cause =
                "the broker knows the certificate, and its policy does not let it connect under this "
                "client_id";
            break;
        case ReasonCode::kUnsupportedProtocolVersion:
            diagnosis.cause = "the broker is too old for MQTT 5, or has it switched off";
            break;
        case ReasonCode::kQuotaExceeded:
        case ReasonCode::kConnectionRateExceeded:
            diagnosis.cause =
                "more connections, or connections a second, than the broker allows: often two "
                "gateways with one client_id that throw each other off";
            break;
        case ReasonCode::kServerBusy:
        case ReasonCode::kServerUnavailable:
        case ReasonCode::kServerShuttingDown:
            diagnosis.cause = "the broker restarts or is overloaded";
            break;
        case ReasonCode::kBanned:
            diagnosis.cause = "an operator has shut this client out";
            break;
        case ReasonCode::kUseAnotherServer:
        case ReasonCode::kServerMoved:
            diagnosis.cause = "the account or the broker was moved to another address";
            break;
        default:
            diagnosis.cause = "the broker does not say more";
            break;
    }
    return diagnosis;
}

Diagnosis publish_refused(ReasonCode code) {
    const bool policy = code == ReasonCode::kNotAuthorized;
    return {Finding::kPublishRefused, "the broker refused the publish: " + to_words(code),
            policy ? "the broker's policy does not let this certificate publish on that topic"
                   : "the broker does not take that topic, or no more for now",
            policy ? "let the policy allow iot:Publish (AWS) or write (mosquitto) on the topics of the routes"
                   : std::string(rule_of(Packet::kPuback, code).cure)};
}

Diagnosis duplicate(const ConnectionOptions& options, std::string what) {
    return {
        Finding::kDuplicateClientId, std::move(what),
        "two clients with one client_id throw each other off: a second gateway with a copied configuration, "
        "or a test program",
        fmt::format("give each gateway a client_id of its own; see that no other client connects as {}",
                    options.client_id)};
}

Diagnosis lost(const ConnectionOptions& options, const ConnectionTrace& trace, const Progress& progress,
               std::optional<ReasonCode> said) {
    if (said == ReasonCode::kSessionTakenOver)
        return duplicate(options, fmt::format("another client has connected as {}", options.client_id));
    // A broker that refuses a publish may close right after it, and the loss is told last.
    const auto ended_at = progress.closed.empty() ? trace.taken : progress.closed_at;
    if (progress.puback && verdict_of(*progress.puback) == Verdict::kRefused &&
        ended_at < progress.puback_at + kSoonAfterPublish)
        return publish_refused(*progress.puback);
    const bool publish_open =
        progress.published_at && !progress.puback && ended_at < *progress.published_at + kSoonAfterPublish;
    if (said == ReasonCode::kNotAuthorized && progress.published_at) return publish_refused(*said);
    if (said) {
        return {Finding::kLost, fmt::format("the broker ended the connection: {}", to_words(*said)),
                "it says why", std::string(rule_of(Packet::kDisconnect, *said).cure)};
    }
    if (const auto in_tls = refused_in_tls(options, trace, progress)) return *in_tls;
    const bool closed = progress.closed_by_broker && progress.closed_in_order;
    if (closed && publish_open) {
        return {Finding::kPublishRefused,
                "the broker closed the connection instead of acknowledging the publish",
                "its policy does not let this certificate publish on that topic, or the message is too large",
                "let the policy allow publishing on the topics of the routes, and read the broker's log"};
    }
    if (closed && progress.connack_at && progress.closed_at < *progress.connack_at + kSoonAfterConnack) {
        return duplicate(options,
                         fmt::format("the broker closed the connection {} after CONNACK without a word",
                                     seconds_of(progress.closed_at - *progress.connack_at)));
    }
    return {
        Finding::kLost, "the connection was lost" + (progress.closed.empty() ? "" : ": " + progress.closed),
        "the network, or a restart of the broker",
        fmt::format("nothing: it is tried again; if this repeats, see that no other client connects as {}",
                    options.client_id)};
}

Diagnosis failed(const ConnectionOptions& options, const ConnectionTrace& trace, const Progress& progress,
                 const Outcome& outcome) {
    if (outcome.files) return {Finding::kFiles, outcome.error.what, "", outcome.error.cure};
    if (progress.look_up_failed) return not_resolved(progress, outcome.error);
    if (!progress.tcp_connected && !progress.connect_errors.empty()) return no_tcp(progress);
    if (const auto in_tls = refused_in_tls(options, trace, progress)) return *in_tls;
    if (outcome.timed_out && progress.tcp_connected && progress.hello_sent)
        return stalled(options, trace, progress);
    if (progress.closed_by_broker) return closed_before_connack(options, trace, progress);
    if (outcome.timed_out) {
        return {Finding::kTimeout,
                fmt::format("no connection within {} s; the last step was: {}",
                            options.connect_timeout.count(), progress.last_step),
                "this machine is overloaded", "try again with a longer connect_timeout"};
    }
    return {Finding::kTlsFailed,
            fmt::format("{}; the last step was: {}", outcome.error.what, progress.last_step), "",
            outcome.error.cure.empty() ? std::string(kReadTheirLog) : outcome.error.cure};
}

}  // namespace

std::string_view name_of(Finding finding) {
    switch (finding) {
        case Finding::kOk:
            return "ok";
        case Finding::kFiles:
            return "files";
        case Finding::kNameNotFound:
            return "name-not-found";
        case Finding::kDnsSlow:
            return "dns-slow";
        case Finding::kRefused:
            return "refused";
        case Finding::kFiltered:
            return "filtered";
        case Finding::kNotTls:
            return "not-tls";
        case Finding::kBlackHole:
            return "black-hole";
        case Finding::kStallAfterClientHello:
            return "stall-after-client-hello";
        case Finding::kStallAfterOurFlight:
            return "stall-after-our-flight";
        case Finding::kServerAlert:
            return "server-alert";
        case Finding::kUnknownRoot:
            return "unknown-root";
        case Finding::kExpired:
            return "expired";
        case Finding::kNotYetValid:
            return "not-yet-valid";
        case Finding::kBadChain:
            return "bad-chain";
        case Finding::kWrongHost:
            return "wrong-host";
        case Finding::kClientCertificateRefused:
            return "client-certificate-refused";
        case Finding::kAlpnMissing:
            return "alpn-missing";
        case Finding::kTlsFailed:
            return "tls-failed";
        case Finding::kConnackRefused:
            return "connack-refused";
        case Finding::kClosedWithoutAWord:
            return "closed-without-a-word";
        case Finding::kDuplicateClientId:
            return "duplicate-client-id";
        case Finding::kPublishRefused:
            return "publish-refused";
        case Finding::kLost:
            return "lost";
        case Finding::kTimeout:
            return "timeout";
    }
    return "timeout";
}

Diagnosis diagnose(const ConnectionOptions& options, const ConnectionTrace& trace, const Outcome& outcome) {
    const Progress progress = progress_of(trace);
    switch (outcome.end) {
        case Outcome::End::kConnected:
            return well(options, progress, false);
        case Outcome::End::kPublished:
            return outcome.code && verdict_of(*outcome.code) != Verdict::kTaken
                       ? publish_refused(*outcome.code)
                       : well(options, progress, true);
        case Outcome::End::kUnanswered:
            return {Finding::kTimeout, "the broker has taken the publish and not acknowledged it",
                    "AWS IoT Core discards what is above the rates of an account and says nothing; another "
                    "broker is overloaded, or holds the message for a subscriber",
                    "read the broker's log and its limits"};
        case Outcome::End::kRefused:
            return refused(options, outcome.code.value_or(ReasonCode::kUnspecifiedError));
        case Outcome::End::kLost:
            return lost(options, trace, progress, outcome.code);
        case Outcome::End::kFailed:
            break;
    }
    return failed(options, trace, progress, outcome);
}

Error to_error(const ConnectionOptions& options, const Diagnosis& diagnosis) {
    if (diagnosis.finding == Finding::kFiles) return {diagnosis.what, diagnosis.advice};
    return {fmt::format("upstream {} ({}): {}", options.name, options.url, diagnosis.what), diagnosis.advice};
}

}  // namespace narrowgate::mqtt
