// SPDX-License-Identifier: Apache-2.0
//
// Sessions as version 2 of the format had them, one row each, become those of today.
#pragma once

#include "session_table.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Moves them all in one commit, if there are any; the journal is applied after it. Returns how many rows
// could not be read, and are gone. Throws SqlFault.
std::size_t adopt_sessions_of_version_2(Database& database, SessionTable& sessions);

}  // namespace narrowgate::store
