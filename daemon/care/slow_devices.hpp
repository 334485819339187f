// SPDX-License-Identifier: Apache-2.0
//
// Which devices had to say things again, in this hour and the one before: a list of bounded length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "daemon/care/device_activity.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::daemon {

// Since the device's first retransmission or handshake of the hour.
struct SlowDevice {
    store::CredentialId credential = 0;
    std::uint64_t requests = 0;
    std::uint64_t repeats = 0;
    milliseconds handshake{0};  // the longest

    double repeat_ratio() const;
    // A device that repeats one message in two is worse when there were many.
    double badness() const { return repeat_ratio() * static_cast<double>(repeats); }
};

// Thread: one. Memory: at most kMost devices an hour, some 70 bytes each.
class SlowDevices {
public:
    static constexpr std::size_t kMost = 4096;  // then those of the better half are forgotten
    static constexpr std::chrono::hours kHour{1};

    void add(store::CredentialId credential, const DeviceActivity& activity, SteadyTime now);
    // The worst of both hours together, at most `count`.
    std::vector<SlowDevice> worst(std::size_t count, SteadyTime now);

private:
    using Hour = std::unordered_map<store::CredentialId, SlowDevice>;

    void turn(SteadyTime now);
    void prune();

    Hour present_;
    Hour last_;
    SteadyTime began_{};
};

}  // namespace narrowgate::daemon
