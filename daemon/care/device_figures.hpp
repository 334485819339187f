// SPDX-License-Identifier: Apache-2.0
//
// What a device has done since it was added, in figures: a value, and the form in which the store keeps it.
//
// The body is a byte of version, then variable-length integers (LEB128) in the order of the fields below, a
// volume as readings, datagrams, bytes up, bytes down. A device of a usual fleet has 50 to 70 bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/care/device_activity.hpp"
#include "daemon/care/month.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

struct Volume {
    std::uint64_t readings = 0;
    std::uint64_t datagrams = 0;  // both ways
    std::uint64_t bytes_up = 0;   // of UDP payload
    std::uint64_t bytes_down = 0;

    std::uint64_t bytes() const { return bytes_up + bytes_down; }
    void add(const Volume& more);
    bool operator==(const Volume&) const = default;
};

Volume volume_of(const DeviceActivity& activity);

struct MonthFigures {
    Month month = 0;
    Volume volume;

    bool operator==(const MonthFigures&) const = default;
};

struct DeviceFigures {
    std::optional<WallTime> heard;  // whole seconds
    std::uint64_t heard_service =
        0;  // the same as Store::service_time() in seconds, at least 1 once it was heard
    Volume total;
    MonthFigures newest;  // the month in which it was counted last
    MonthFigures before;  // the month before that
    std::uint64_t handshakes = 0;
    std::uint64_t address_moves = 0;
    std::uint64_t requests = 0;
    std::uint64_t repeats = 0;
    std::uint64_t missed = 0;   // reports, without those of the present silence
    milliseconds handshake{0};  // how long the last took

    // What `month` has carried; nothing when it is neither of the two.
    Volume in(Month month) const;
    // Of all CoAP messages, how many had come before: 0 to 1.
    double repeat_ratio() const;

    // What was counted in `month`. A clock that was ahead and has been put back takes its volume with it.
    void add(Month month, const Volume& volume);
    void add(Month month, const DeviceActivity& activity);
    // Figures that were counted after these.
    void add(const DeviceFigures& later);

    bool operator==(const DeviceFigures&) const = default;
};

Bytes encode(const DeviceFigures& figures);
// Nothing when the body is of another version, or damaged.
std::optional<DeviceFigures> decode_figures(ByteView body);

}  // namespace narrowgate::daemon
