// SPDX-License-Identifier: Apache-2.0
//
// Reading a copy's own account of itself.
#pragma once

#include "narrowgate/store/copies.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault.
CopyInfo copy_info(Database& copy, const std::filesystem::path& file);

}  // namespace narrowgate::store
