// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/slow_devices.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

bool worse(const SlowDevice& left, const SlowDevice& right) {
    const double difference = left.badness() - right.badness();
    if (difference != 0) return difference > 0;
    if (left.handshake != right.handshake) return left.handshake > right.handshake;
    return left.credential < right.credential;
}

void merge(SlowDevice& into, const SlowDevice& more) {
    into.credential = more.credential;
    into.requests += more.requests;
    into.repeats += more.repeats;
    into.handshake = std::max(into.handshake, more.handshake);
}

}  // namespace

double SlowDevice::repeat_ratio() const {
    return repeats == 0 ? 0 : static_cast<double>(repeats) / static_cast<double>(repeats + requests);
}

void SlowDevices::turn(SteadyTime now) {
    if (began_ == SteadyTime{}) began_ = now;
    if (now < began_ + kHour) return;
    last_ = now < began_ + 2 * kHour ? std::exchange(present_, {}) : Hour{};
    present_.clear();
    began_ = now;
}

void SlowDevices::prune() {
    std::vector<SlowDevice> all;
    all.reserve(present_.size());
    for (const auto& [credential, device] : present_)
        all.push_back(device);
    const auto half = all.begin() + static_cast<std::ptrdiff_t>(kMost / 2);
    std::ranges::nth_element(all, half, worse);
    for (auto better = half; better != all.end(); ++better)
        present_.erase(better->credential);
}

void SlowDevices::add(store::CredentialId credential, const DeviceActivity& activity, SteadyTime now) {
    turn(now);
    const bool of_interest = activity.repeats != 0 || activity.handshakes != 0;
    const auto known = present_.find(credential);
    if (!of_interest && known == present_.end()) return;
    if (known == present_.end() && present_.size() >= kMost) prune();
    merge(present_[credential],
          {.credential = credential,
           .requests = activity.requests,
           .repeats = activity.repeats,
           .handshake = activity.handshakes != 0 ? activity.handshake : milliseconds(0)});
}

std::vector<SlowDevice> SlowDevices::worst(std::size_t count, SteadyTime now) {
    turn(now);
    Hour both = last_;
    for (const auto& [credential, device] : present_)
        merge(both[credential], device);
    std::vector<SlowDevice> all;
    all.reserve(both.size());
    for (const auto& [credential, device] : both)
        all.push_back(device);
    std::ranges::sort(all, worse);
    if (all.size() > count) all.resize(count);
    return all;
}

}  // namespace narrowgate::daemon
