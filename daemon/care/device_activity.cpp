// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/device_activity.hpp"

#include <algorithm>

namespace narrowgate::daemon {

void DeviceActivity::add(const DeviceActivity& later) {
    bytes_up += later.bytes_up;
    bytes_down += later.bytes_down;
    datagrams += later.datagrams;
    readings += later.readings;
    requests += later.requests;
    repeats += later.repeats;
    handshakes += later.handshakes;
    address_moves += later.address_moves;
    if (later.handshakes != 0) handshake = later.handshake;
    if (later.first < first) first = later.first;
    if (later.heard.steady >= heard.steady) heard = later.heard;
}

}  // namespace narrowgate::daemon
