// SPDX-License-Identifier: Apache-2.0
//
// The name of a Unix socket in the file system.
#pragma once

#include <filesystem>

#include "narrowgate/base/error.hpp"

namespace narrowgate::ops {

// Makes the directory when there is none, and removes a socket that nobody serves. Fails when somebody does,
// when something else has the name, or when the name is too long for a socket.
Expected<void> clear_socket_path(const std::filesystem::path& socket);

// Whether a connection is taken there at this moment: 0, or connect()'s errno. A socket that has no room for
// one more is served; when this process has no descriptor left nothing is known: EMFILE.
int try_connect(const std::filesystem::path& socket);

}  // namespace narrowgate::ops
