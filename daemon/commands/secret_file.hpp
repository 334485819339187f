// SPDX-License-Identifier: Apache-2.0
//
// Secrets come from files or standard input, never from arguments, which every user of a machine can see.
#pragma once

#include <filesystem>
#include <iosfwd>

#include "narrowgate/base/error.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::daemon {

// All of `file`, or of `in` when `file` is "-". Refuses what group or others can read, what is no regular
// file, and more than `max_bytes`.
Expected<Secret> read_secret_file(const std::filesystem::path& file, std::istream& in, std::size_t max_bytes);

}  // namespace narrowgate::daemon
