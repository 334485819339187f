// SPDX-License-Identifier: Apache-2.0
//
// What judge() is put together from. Inside daemon/devices/*_verdict.cpp only.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

#include "daemon/devices/device_verdict.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// By the ClientHellos that have begun no handshake; there are some.
Verdict judge_hellos(const DeviceCase& its);
// By a handshake that has not succeeded, or not yet.
Verdict judge_failure(const DeviceCase& its, const SeenHandshake& handshake);

inline std::string times(std::uint64_t count) {
    return count == 1 ? "once" : fmt::format("{} times", count);
}

// A turn of the loop has one time: what came and was answered in it took none.
inline std::string time_in_words(milliseconds took) {
    return took < milliseconds(1) ? "less than 1 ms" : to_words(took);
}

inline std::string identity_of(const dtls::HandshakeTrace& trace) {
    return std::string(text_of(trace.identity));
}

inline Verdict in_progress(std::string happened) {
    return {.finding = Finding::kInProgress,
            .happened = std::move(happened),
            .cure = "ask again in some seconds"};
}

}  // namespace narrowgate::daemon
