// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/upstream/reading_source.hpp"
#include "narrowgate/payload/envelope.hpp"

namespace narrowgate::daemon {

// A reading as the payload room renders it. Views into `reading`.
inline payload::Reading rendered(const Reading& reading) {
    return {.id = reading.id,
            .device = reading.device,
            .fleet = reading.fleet,
            .resource = reading.resource,
            .received = reading.received,
            .content_format = reading.content_format,
            .payload = reading.payload};
}

}  // namespace narrowgate::daemon
