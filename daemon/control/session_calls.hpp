// SPDX-License-Identifier: Apache-2.0
//
// Sessions as operators handle them while the gateway runs, or when none does:
//
//     sessions.list    {count?}          → {instance, sessions, last: [{device, identity, confirmed, cid,
//                                           remote, established, last_seen, bytes_up, bytes_down}],
//                                           exports: [{id, destination, generation, sessions, made}]}
//     sessions.forget  {device} | {all}  → {sessions}
//
// No key is shown. What is listed is up to a minute old.
#pragma once

#include <functional>
#include <vector>

#include "daemon/control/calls.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// Told of sessions that an operator had forgotten, durably: they end at once, wherever they live. False when
// some may live on.
using EndSessions = std::function<bool(std::vector<store::SessionId>&& sessions)>;

// One of `exports` as sessions.list has it.
nlohmann::json export_json(const store::ExportInfo& info);

// `store` and `clock` must outlive `calls`.
void add_session_calls(ControlCalls& calls, store::Store& store, const Clock& clock, EndSessions end);

}  // namespace narrowgate::daemon
