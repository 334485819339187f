// SPDX-License-Identifier: Apache-2.0
//
// Readings that are sent once more:
//
//     replay.count   {upstream, from, to?, fleet?, device?, after?}  → {readings, bytes, waiting, unwanted,
//                                                                       first, last, next}
//     replay.start   {upstream, from, to?, fleet?, device?}          → a replay
//     replay.cancel  {upstream}                                      → a replay
//     replay.list    {}                                              → {replays: [a replay]}
//
// Times are RFC 3339. A count is of a part of the store: the rest is asked for with `next` as `after`, until
// that is null.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "daemon/control/calls.hpp"
#include "daemon/upstream/routes.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// By which routes a replay to that upstream goes; fails when there can be none.
using ReplayRoutes = std::function<Expected<std::shared_ptr<const Routes>>(std::string_view upstream)>;

// `store` must outlive `calls`. Without `routes` no daemon runs: there is only the list.
void add_replay_calls(ControlCalls& calls, store::Store& store, ReplayRoutes routes);

// Ends those to upstreams that take none any more, or are gone from the configuration: while a replay runs
// nothing goes for its age.
Expected<void> end_impossible_replays(store::Store& store,
                                      const std::function<bool(std::string_view)>& possible);

}  // namespace narrowgate::daemon
