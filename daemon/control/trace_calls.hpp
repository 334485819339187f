// SPDX-License-Identifier: Apache-2.0
//
// How the connections to brokers came about:
//
//     upstream.traces  {upstream}  → {upstream, connections: [{present: TRACE, last_good: ATTEMPT | null,
//                                     last_bad: ATTEMPT | null}]}
//
// TRACE and ATTEMPT are those of trace_json.hpp.
#pragma once

#include "daemon/control/calls.hpp"
#include "daemon/upstream/upstreams.hpp"

namespace narrowgate::daemon {

// `upstreams` must outlive `calls`.
void add_trace_calls(ControlCalls& calls, const Upstreams& upstreams);

}  // namespace narrowgate::daemon
