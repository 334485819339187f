// SPDX-License-Identifier: Apache-2.0
//
// Readings that an upstream refused for good:
//
//     dead_letters.list   {upstream?, count?}        → {letters: [{id, upstream, at, reason, retried,
//     reading: …}]} dead_letters.retry  {id} or {all, upstream?}   → {readings} dead_letters.drop   {id} or
//     {all, upstream?}   → {readings}
//
// No payload is shown: its size is.
#pragma once

#include "daemon/control/calls.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// `store` must outlive `calls`.
void add_dead_letter_calls(ControlCalls& calls, store::Store& store);

}  // namespace narrowgate::daemon
