// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "narrowgate/store/moves.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Those that the store keeps, oldest first. Throws SqlFault.
std::vector<ExportInfo> exports_of(Database& database);

}  // namespace narrowgate::store
