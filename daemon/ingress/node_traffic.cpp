// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/node_traffic.hpp"

#include <chrono>
#include <utility>

namespace narrowgate::daemon {

void NodeTraffic::record_came(store::CredentialId credential, Now now) {
    DeviceActivity& activity = activities_.heard(credential, now);
    if (uncounted_bytes_ == 0) return;
    activity.bytes_up += std::exchange(uncounted_bytes_, 0);
    ++activity.datagrams;
}

void NodeTraffic::handshake_came(store::CredentialId credential, const dtls::HandshakeTrace& trace, Now now) {
    uncounted_bytes_ = 0;
    DeviceActivity& activity = activities_.heard(credential, now);
    ++activity.handshakes;
    activity.bytes_up += trace.bytes_in;
    activity.bytes_down += trace.bytes_out;
    activity.datagrams += trace.datagrams_in + trace.datagrams_out;
    activity.handshake = std::chrono::duration_cast<milliseconds>(trace.ended - trace.started);
}

void NodeTraffic::sends(std::size_t bytes) {
    sent_bytes_ += bytes;
    ++sent_datagrams_;
}

void NodeTraffic::add_sent(store::CredentialId credential, Now now, std::size_t bytes,
                           std::uint32_t datagrams) {
    DeviceActivity& activity = activities_.answered(credential, now);
    activity.bytes_down += bytes;
    activity.datagrams += datagrams;
}

}  // namespace narrowgate::daemon
