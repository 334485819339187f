// SPDX-License-Identifier: Apache-2.0
//
// What of a store goes into a copy of it, table by table. A table that is not named here is a mistake in the
// program: it is neither forgotten nor let out by accident.
#pragma once

#include <cstdint>
#include <string_view>

#include "narrowgate/base/clock.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// PRAGMA application_id of a copy, "NGBK": no gateway takes it for its store.
inline constexpr int kBackupApplicationId = 0x4e47424b;

enum class InCopy : std::uint8_t {
    kWhole,
    kEmpty,    // sessions, in whatever form
    kWithout,  // `page`: without what its effects say of sessions
    kSome,     // `meta`: without what only one store may be
};

// Nothing when the table is not known.
std::optional<InCopy> in_copy(std::string_view table);

// Fills the empty database `to` with what a copy holds of `from` as it is now. Fails on a table that is not
// known. Throws SqlFault.
Expected<void> copy_store(Database& from, Database& to, WallTime now);

}  // namespace narrowgate::store
