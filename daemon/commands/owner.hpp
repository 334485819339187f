// SPDX-License-Identifier: Apache-2.0
//
// Root may run any command, and the daemon runs as a user of its own.
#pragma once

#include <filesystem>

#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

// Files that root made would be files that the daemon cannot open, and what root can read says nothing about
// what the daemon can: root becomes the owner of the state directory first, for good. Does nothing for a
// directory that does not exist, or is the caller's own; fails for one of another user when the caller is not
// root. Thread: the only one of its process.
Expected<void> become_owner_of(const std::filesystem::path& directory);

}  // namespace narrowgate::daemon
