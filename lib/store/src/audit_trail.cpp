// SPDX-License-Identifier: Apache-2.0
#include "audit_trail.hpp"

namespace narrowgate::store {

AuditTrail::AuditTrail(Database& database)
    : insert_(database, "INSERT INTO audit(at, actor, action, subject, detail) VALUES(?1, ?2, ?3, ?4, ?5)"),
      trim_(database, "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?1"),
      newest_(database,
              "SELECT at, actor, action, subject, detail FROM audit ORDER BY number DESC LIMIT ?1") {}

void AuditTrail::add(const AuditEntry& entry) {
    insert_.run(entry.at, entry.actor, entry.action, entry.subject, entry.detail);
    trim_.run(kAuditEntriesKept);
}

std::vector<AuditEntry> AuditTrail::newest(std::size_t count) {
    std::vector<AuditEntry> entries;
    Query query(newest_, count);
    while (query.next())
        entries.push_back({query.time(0), query.text(1), query.text(2), query.text(3), query.text(4)});
    return entries;
}

}  // namespace narrowgate::store
