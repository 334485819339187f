// SPDX-License-Identifier: Apache-2.0
//
// A session as an operator may see it: without its keys.
#pragma once

#include <cstdint>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/session_record.hpp"

namespace narrowgate::dtls {

struct SessionView {
    SessionId id = 0;
    CredentialId credential = 0;
    Bytes cid;  // ours; empty: the session is bound to its path
    bool confirmed = false;
    Path path;
    SteadyTime heard;                 // the last authentic record; by running time when it was loaded
    std::uint64_t next_sequence = 0;  // of our next record
    std::uint64_t lease_end = 0;
    Traffic traffic;
};

}  // namespace narrowgate::dtls
