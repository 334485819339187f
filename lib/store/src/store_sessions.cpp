// SPDX-License-Identifier: Apache-2.0
//
// The facade's calls by which an operator looks at sessions and ends them.
#include <fmt/format.h>

#include <utility>

#include "audit_trail.hpp"
#include "exports.hpp"
#include "store_impl.hpp"
#include "with_engine.hpp"

namespace narrowgate::store {
namespace {

std::vector<SessionId> ids_of(Database& database, std::optional<CredentialId> credential) {
    std::vector<SessionId> ids;
    Statement select(database, "SELECT id FROM session WHERE ?1 IS NULL OR credential = ?1 ORDER BY id");
    Query query(select, credential);
    while (query.next())
        ids.push_back(query.number(0));
    return ids;
}

Expected<std::vector<SessionId>> forget_all(Engine& engine, ByteView event, std::string_view actor) {
    auto ids = ids_of(engine.database(), std::nullopt);
    const auto now = engine.clock().now().wall;
    auto forgotten = change_sessions(engine, [&]() -> Expected<std::vector<SessionId>> {
        engine.sessions().clear();
        engine.meta().set_number("sessions", 0);
        if (!event.empty()) engine.past().add_to_all({{}, now, Bytes(event.begin(), event.end())});
        AuditTrail(engine.database())
            .add({now, std::string(actor), "forget", "sessions", fmt::format("all {}", ids.size())});
        return std::move(ids);
    });
    engine.update_counts();
    return forgotten;
}

Expected<std::vector<SessionId>> forget_of(Engine& engine, const Device& device, ByteView event,
                                           std::string_view actor) {
    std::vector<SessionId> ids;
    std::vector<CredentialId> credentials;
    for (const auto& credential : device.credentials) {
        const auto its = ids_of(engine.database(), credential.id);
        if (its.empty()) continue;
        ids.insert(ids.end(), its.begin(), its.end());
        credentials.push_back(credential.id);
    }
    if (ids.empty()) return ids;
    const auto now = engine.clock().now().wall;
    Transaction transaction(engine.database());
    engine.end_sessions_of(credentials);
    if (!event.empty()) engine.past().add({device.name, now, Bytes(event.begin(), event.end())});
    AuditTrail(engine.database())
        .add({now, std::string(actor), "forget", device.name, fmt::format("{} sessions", ids.size())});
    transaction.commit();
    engine.finish_ending(credentials);
    return ids;
}

}  // namespace

Uuid Store::instance() const {
    return impl_->engine->instance();
}

Expected<std::vector<ExportInfo>> Store::exports() {
    return impl_->on_snapshot([](Snapshot& snapshot) -> Expected<std::vector<ExportInfo>> {
        return exports_of(snapshot.database);
    });
}

Expected<std::vector<SessionId>> Store::forget_sessions(std::optional<std::string_view> identity_or_name,
                                                        ByteView event, std::string_view actor) {
    return impl_->on_writer([&](Engine& engine) -> Expected<std::vector<SessionId>> {
        engine.keep_up(Engine::Upkeep::kAll, false);  // the tables know every session then
        if (!identity_or_name) return forget_all(engine, event, actor);
        const auto device = engine.devices().find(*identity_or_name);
        if (!device) {
            return failure(fmt::format("there is no device \"{}\"", identity_or_name->substr(0, 128)),
                           "`narrowgate device list` shows identities and names");
        }
        return forget_of(engine, *device, event, actor);
    });
}

}  // namespace narrowgate::store
