// SPDX-License-Identifier: Apache-2.0
//
// Who makes a call, as the kernel knows it: what stands in the audit trail.
#pragma once

#include <sys/types.h>

#include <string>

namespace narrowgate::daemon {

struct Caller {
    std::string name;  // "alice (uid 1000)", "uid 1000" when the user has no name
};

Caller caller_of_user(uid_t user);
// The process at the other end of a connected Unix socket (SO_PEERCRED of unix(7): its user when it
// connected).
Caller caller_at(int socket);
// This process, whose real user asked for what it does.
Caller this_caller();

}  // namespace narrowgate::daemon
