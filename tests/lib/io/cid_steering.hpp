// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "narrowgate/io/udp_group.hpp"

namespace narrowgate::io {

// As records with a connection ID of six bytes are steered: RFC 9146 section 4.
inline constexpr UdpSteering kSteering{
    .marked = 25, .key_at = 11, .key_mask = 0x0f, .marked_bytes = 19, .other_bytes = 13};

}  // namespace narrowgate::io
