// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "audit_trail.hpp"
#include "exports.hpp"
#include "narrowgate/base/crypto.hpp"
#include "random_uuid.hpp"
#include "session_reader.hpp"
#include "transfer_file.hpp"
#include "with_engine.hpp"

namespace narrowgate::store {
namespace {

using Replies = std::unordered_map<SessionId, std::vector<StoredReply>>;

// What the store keeps beside a session, on a connection that still sees the sessions which leave.
class Surroundings {
public:
    explicit Surroundings(Engine& engine)
        : database_(engine.file(), engine.options().file_layer, true),
          owner_(database_,
                 "SELECT identity, device, fleet FROM credential JOIN device"
                 " ON device.name = credential.device WHERE id = ?1 AND credential.revoked IS NULL") {
        ReplyTable(database_, engine.options().max_reply_bytes)
            .load(engine.clock().now().wall, [this](StoredReply&& reply) {
                auto& list = replies_[reply.session];
                list.push_back(std::move(reply));
                if (list.size() > kRepliesAMovedSession) list.erase(list.begin());
            });
    }

    struct Owner {
        std::string identity;
        std::string device;
        std::string fleet;
    };
    std::optional<Owner> owner_of(CredentialId credential) {
        Query query(owner_, credential);
        if (!query.next()) return std::nullopt;
        return Owner{query.text(0), query.text(1), query.text(2)};
    }
    std::vector<StoredReply> replies_of(SessionId session) {
        const auto found = replies_.find(session);
        return found == replies_.end() ? std::vector<StoredReply>{} : std::move(found->second);
    }

private:
    Database database_;
    Statement owner_;
    Replies replies_;
};

// Writes the parts of an export's file as rows.
class Parts {
public:
    Parts(Database& database, const Uuid& id)
        : id_(id), insert_(database, "INSERT INTO exported_part(export, number, body) VALUES(?1, ?2, ?3)") {}
    void add(ByteView part) { insert_.run(ByteView(id_.bytes), number_++, part); }

private:
    Uuid id_;
    Statement insert_;
    std::uint64_t number_ = 0;
};

class Exporter {
public:
    Exporter(Engine& engine, const ExportRequest& request, const Secret& transfer_key)
        : engine_(engine),
          request_(request),
          now_(engine.clock().now().wall),
          header_(make_header()),
          sealer_(header_, transfer_key),
          around_(engine),
          parts_(engine.database(), header_.id) {}

    // Within the caller's transaction.
    Expected<ExportInfo> run() {
        parts_.add(encode_header(header_));
        // A session that cannot be opened stays: the next start ends it as it would have.
        SessionTableReader reader(engine_.file(), engine_.options().file_layer, engine_.sealer(),
                                  [](SessionId) {});
        for (bool more = true; more;) {
            auto read = reader.next(kSessionsAFrame, [this](SessionRow&& row) { take(std::move(row)); });
            if (!read) return std::unexpected(read.error());
            more = *read;
            engine_.sessions().fold_now();
        }
        if (taken_ == 0) {
            return failure("there is no session to export",
                           request_.fleet.empty() ? "nothing has to be moved: import the devices elsewhere"
                                                  : "narrowgate sessions list shows which there are");
        }
        parts_.add(sealer_.finish(true));
        tell_devices();
        write_down();
        return ExportInfo{header_.id, header_.destination, header_.generation, taken_, header_.made};
    }

private:
    TransferHeader make_header() {
        TransferHeader header{.id = random_uuid(),
                              .source = engine_.instance(),
                              .destination = request_.destination,
                              .generation = engine_.meta().number("generation", 0) + 1,
                              .made = now_};
        crypto::fill_random(header.salt);
        return header;
    }

    void take(SessionRow&& row) {
        const SessionId id = row.id;
        auto owner = around_.owner_of(row.credential);
        if (!owner || (!request_.fleet.empty() && owner->fleet != request_.fleet)) return;
        engine_.sessions().apply(SessionClose{id});
        const auto service = static_cast<std::uint64_t>(engine_.service_time().count());
        MovedSession session{.row = std::move(row),
                             .identity = std::move(owner->identity),
                             .silence = 0,
                             .replies = around_.replies_of(id)};
        session.silence = service - std::min(service, session.row.heard);
        sealer_.add(session);
        if (sealer_.full()) parts_.add(sealer_.finish(false));
        if (!request_.fleet.empty()) devices_.insert(std::move(owner->device));
        ++taken_;
    }

    void tell_devices() {
        if (request_.event.empty()) return;
        if (request_.fleet.empty()) return engine_.past().add_to_all({{}, now_, request_.event});
        for (const auto& device : devices_)
            engine_.past().add({device, now_, request_.event});
    }

    void write_down() {
        engine_.meta().set_number("generation", header_.generation);
        engine_.meta().set_number("sessions", engine_.sessions().count());
        Statement(
            engine_.database(),
            "INSERT INTO exported(id, destination, generation, made, sessions) VALUES(?1, ?2, ?3, ?4, ?5)")
            .run(ByteView(header_.id.bytes), ByteView(header_.destination.bytes), header_.generation, now_,
                 taken_);
        AuditTrail(engine_.database())
            .add({now_, request_.actor, "export", request_.fleet.empty() ? "sessions" : request_.fleet,
                  fmt::format("{} sessions for {}, export {}", taken_, header_.destination.text(),
                              header_.id.text())});
    }

    Engine& engine_;
    const ExportRequest& request_;
    const WallTime now_;
    const TransferHeader header_;
    FrameSealer sealer_;
    Surroundings around_;
    Parts parts_;
    std::set<std::string> devices_;
    std::uint64_t taken_ = 0;
};

std::unexpected<Error> no_such_export(const Uuid& id) {
    return failure(fmt::format("this store keeps no export {}", id.text()),
                   "narrowgate sessions list shows those it keeps");
}

std::optional<ExportInfo> find_export(Database& database, const Uuid& id) {
    const auto all = exports_of(database);
    const auto found = std::ranges::find(all, id, &ExportInfo::id);
    if (found == all.end()) return std::nullopt;
    return *found;
}

}  // namespace

std::vector<ExportInfo> exports_of(Database& database) {
    std::vector<ExportInfo> all;
    Statement select(database,
                     "SELECT id, destination, generation, made, sessions FROM exported ORDER BY generation");
    Query query(select);
    const auto uuid = [&](int column) {
        Uuid result;
        const auto bytes = query.blob(column);
        if (bytes.size() == result.bytes.size()) std::ranges::copy(bytes, result.bytes.begin());
        return result;
    };
    while (query.next())
        all.push_back({uuid(0), uuid(1), query.number(2), query.number(4), query.time(3)});
    return all;
}

Expected<ExportInfo> export_sessions(const Options& options, const ExportRequest& request,
                                     const Secret& transfer_key, Log& log, const Clock& clock) {
    return with_engine(options, log, clock, [&](Engine& engine) -> Expected<ExportInfo> {
        if (request.destination == engine.instance()) {
            return failure("the destination is this very gateway",
                           "give the instance of the other one: `narrowgate sessions list` says it there");
        }
        return change_sessions(engine, [&] { return Exporter(engine, request, transfer_key).run(); });
    });
}

Expected<ExportInfo> write_export(const Options& options, const Uuid& id,
                                  const std::function<Expected<void>(ByteView)>& write, Log& log,
                                  const Clock& clock) {
    return with_engine(options, log, clock, [&](Engine& engine) -> Expected<ExportInfo> {
        const auto info = find_export(engine.database(), id);
        if (!info) return no_such_export(id);
        Statement select(engine.database(),
                         "SELECT body FROM exported_part WHERE export = ?1 ORDER BY number");
        Query query(select, ByteView(id.bytes));
        while (query.next()) {
            if (auto written = write(query.blob(0)); !written) return std::unexpected(written.error());
        }
        return *info;
    });
}

Expected<void> finish_export(const Options& options, const Uuid& id, std::string_view actor, Log& log,
                             const Clock& clock) {
    return with_engine(options, log, clock, [&](Engine& engine) -> Expected<void> {
        if (!find_export(engine.database(), id)) return no_such_export(id);
        Transaction transaction(engine.database());
        Statement(engine.database(), "DELETE FROM exported WHERE id = ?1").run(ByteView(id.bytes));
        Statement(engine.database(), "DELETE FROM exported_part WHERE export = ?1").run(ByteView(id.bytes));
        AuditTrail(engine.database())
            .add({clock.now().wall, std::string(actor), "export done", "sessions", id.text()});
        transaction.commit();
        return {};
    });
}

}  // namespace narrowgate::store
