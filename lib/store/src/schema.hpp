// SPDX-License-Identifier: Apache-2.0
//
// The tables (docs/store.md), and how an older store becomes one of today.
#pragma once

#include "sqlite.hpp"

namespace narrowgate::store {

inline constexpr int kApplicationId = 0x4e475354;  // "NGST", PRAGMA application_id
inline constexpr int kSchemaVersion = 5;           // PRAGMA user_version

// Sets the connection up and brings the file to kSchemaVersion, each step in a commit of its own. Fails when
// the file is somebody else's or newer. Throws SqlFault.
Expected<void> prepare_schema(Database& database, const std::filesystem::path& file);

}  // namespace narrowgate::store
