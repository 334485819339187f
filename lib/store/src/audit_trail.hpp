// SPDX-License-Identifier: Apache-2.0
//
// Who changed which device: a line is written by the commit that makes the change.
#pragma once

#include <vector>

#include "narrowgate/store/devices.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the writer's.
class AuditTrail {
public:
    explicit AuditTrail(Database& database);

    // Within the caller's transaction. The oldest entries beyond kAuditEntriesKept go.
    void add(const AuditEntry& entry);
    std::vector<AuditEntry> newest(std::size_t count);

private:
    Statement insert_;
    Statement trim_;
    Statement newest_;
};

}  // namespace narrowgate::store
