// SPDX-License-Identifier: Apache-2.0
//
// A session as DTLS speaks of it and as the store keeps it. They differ in how they say for how long a node
// has been silent: the store stamps with its service time, which neither a stop nor a clock that jumps moves
// on.
#pragma once

#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/session_record.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::daemon {

// `service_time` is Store::service_time() of this moment. Thread: any.
store::SessionRow row_of(const dtls::SessionRecord& record, seconds service_time);
store::SessionMark mark_of(const dtls::Receipt& receipt, seconds service_time);
dtls::SessionRecord record_of(store::SessionRow&& row, seconds service_time);

}  // namespace narrowgate::daemon
