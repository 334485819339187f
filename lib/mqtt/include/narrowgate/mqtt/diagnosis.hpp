// SPDX-License-Identifier: Apache-2.0
//
// What a connection attempt's trace says: what stalled or failed, what usually causes that, what to try. The
// words of the daemon's log, of its status and of `narrowgate diagnose upstream` all come from here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "narrowgate/base/error.hpp"
#include "narrowgate/mqtt/options.hpp"
#include "narrowgate/mqtt/reason_code.hpp"
#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

// A look-up that takes longer is worth a word even when all else is well.
inline constexpr milliseconds kSlowLookUp{2000};

enum class Finding : std::uint8_t {
    kOk,
    kFiles,         // our own settings or PEM files
    kNameNotFound,  //
    kDnsSlow,       // no answer of the resolver, or a late one
    kRefused,       // TCP
    kFiltered,      // no answer to SYN, or no route
    kNotTls,        // something else than TLS answers
    kBlackHole,     // large packets are lost, small ones pass
    kStallAfterClientHello,
    kStallAfterOurFlight,  // with TLS 1.2 where the broker's ChangeCipherSpec is awaited
    kServerAlert,
    kUnknownRoot,
    kExpired,
    kNotYetValid,
    kBadChain,  // verification failed in another way
    kWrongHost,
    kClientCertificateRefused,
    kAlpnMissing,
    kTlsFailed,  // we ended TLS for another reason
    kConnackRefused,
    kClosedWithoutAWord,
    kDuplicateClientId,
    kPublishRefused,
    kLost,  // a connection that stood
    kTimeout,
};

// "stall-after-client-hello": stable, for programs.
std::string_view name_of(Finding finding);

struct Diagnosis {
    Finding finding = Finding::kOk;
    std::string what;    // what stalled or failed: half a sentence
    std::string cause;   // what usually causes that; empty where `what` says it
    std::string advice;  // what to try
};

// How an attempt ended, as far as it has.
struct Outcome {
    enum class End : std::uint8_t {
        kConnected,   // CONNACK was good
        kPublished,   // a PUBLISH was answered with `code`
        kUnanswered,  // a PUBLISH was not answered, though the connection stands
        kRefused,     // CONNACK was not good: `code`
        kFailed,      // no CONNACK; `error` is what the dialer or the library says, or of our files
        kLost,        // it stood, and is gone; `code` of the broker's DISCONNECT if it sent one
    };
    End end = End::kConnected;
    std::optional<ReasonCode> code{};
    Error error{};
    bool timed_out = false;
    bool files = false;  // `error` is of our settings or files: nothing was tried
};

// Pure. `trace` may come from a hostile broker: its texts are shown, not believed.
Diagnosis diagnose(const ConnectionOptions& options, const ConnectionTrace& trace, const Outcome& outcome);

// For the log: "upstream NAME (URL): WHAT; ADVICE". Of files the words name the upstream already.
Error to_error(const ConnectionOptions& options, const Diagnosis& diagnosis);

struct TracedAttempt {
    ConnectionTrace trace;
    Diagnosis diagnosis;
};

// What is kept of a connection's attempts.
struct Traces {
    ConnectionTrace present;                 // of the present or last attempt
    std::optional<TracedAttempt> last_good;  // that had a CONNACK, up to its first PUBACK
    std::optional<TracedAttempt> last_bad;   // that failed, was lost or had its first publish refused
};

}  // namespace narrowgate::mqtt
