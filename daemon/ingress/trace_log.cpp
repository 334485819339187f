// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/trace_log.hpp"

namespace narrowgate::daemon {

void TraceLog::Ring::add(const dtls::HandshakeTrace& trace) {
    if (traces.size() < kKept) {
        traces.push_back(trace);
        return;
    }
    traces[next] = trace;
    next = (next + 1) % kKept;
}

void TraceLog::add(const dtls::HandshakeTrace& trace) {
    (trace.outcome == dtls::HandshakeOutcome::kEstablished ? succeeded_ : failed_).add(trace);
}

}  // namespace narrowgate::daemon
