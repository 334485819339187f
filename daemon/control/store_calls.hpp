// SPDX-License-Identifier: Apache-2.0
//
// Looking into the store:
//
//     store.show  {count?}  → {uuid, sessions, devices, credentials, readings_waiting, …, upstreams: […],
//                              last: […], dead_letters: […]}
//
// No key and no payload is shown: a payload's size is.
#pragma once

#include "daemon/control/calls.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// `store` must outlive `calls`.
void add_store_calls(ControlCalls& calls, store::Store& store);

}  // namespace narrowgate::daemon
