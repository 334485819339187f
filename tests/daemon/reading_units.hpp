// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// A reading of three bytes, as a store takes it from a node.
inline store::Unit reading_unit(store::UpstreamMask upstreams, WallTime received, store::SinkId sink) {
    store::Unit unit;
    unit.reading.emplace();
    unit.reading->device = "wm-0001";
    unit.reading->fleet = "water-meters";
    unit.reading->resource = "telemetry";
    unit.reading->payload = {1, 2, 3};
    unit.reading->received = received;
    unit.reading->upstreams = upstreams;
    unit.sink = sink;
    return unit;
}

}  // namespace narrowgate::daemon
