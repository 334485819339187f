// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/device_activity.hpp"

#include <algorithm>

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kLeastSlots = 64;
// 2^64 divided by the golden ratio: spreads numbers that follow each other (Knuth, TAOCP volume 3, 6.4). They
// are ours; no stranger chooses them.
constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;

}  // namespace

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

Activities ActivityLog::take() {
    slots_.clear();
    last_ = 0;
    return std::exchange(all_, {});
}

DeviceActivity& ActivityLog::find(store::CredentialId credential, Now now) {
    if (all_.size() * 2 >= slots_.size()) grow();
    std::uint32_t& slot = slots_[slot_of(credential)];
    if (slot == 0) {
        DeviceActivity& activity = all_.emplace_back(credential, DeviceActivity{}).second;
        activity.first = now.steady;
        activity.heard = now;
        slot = static_cast<std::uint32_t>(all_.size());
    }
    last_ = slot - 1;
    return all_[last_].second;
}

std::size_t ActivityLog::slot_of(store::CredentialId credential) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = (credential * kSpread >> 32) & mask;
    while (slots_[slot] != 0 && all_[slots_[slot] - 1].first != credential)
        slot = (slot + 1) & mask;
    return slot;
}

void ActivityLog::grow() {
    slots_.assign(std::max(kLeastSlots, slots_.size() * 2), 0);
    for (std::size_t place = 0; place < all_.size(); ++place)
        slots_[slot_of(all_[place].first)] = static_cast<std::uint32_t>(place + 1);
}

}  // namespace narrowgate::daemon
