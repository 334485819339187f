// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "audit_trail.hpp"
#include "narrowgate/store/moves.hpp"
#include "transfer_file.hpp"
#include "with_engine.hpp"

namespace narrowgate::store {
namespace {

constexpr std::size_t kNamedUnknown = 10;

Expected<TransferHeader> read_header(std::istream& file) {
    Bytes bytes(kTransferHeaderBytes);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    std::uint16_t version = 0;
    if (auto header = decode_header(bytes, version)) return *header;
    if (version > 1) {
        return failure(fmt::format("the file of sessions has format version {}", version),
                       "use the narrowgate that wrote it, or a newer one");
    }
    return failure("the file is no file of sessions",
                   "name one that `narrowgate sessions export` wrote, whole");
}

class Importer {
public:
    Importer(Engine& engine, const TransferHeader& header, const ImportRequest& request)
        : engine_(engine),
          request_(request),
          before_(engine.file(), engine.options().file_layer, true),
          credential_(before_, "SELECT id FROM credential WHERE identity = ?1 AND revoked IS NULL"),
          occupied_(before_, "SELECT 1 FROM session WHERE credential = ?1"),
          cid_taken_(before_, "SELECT 1 FROM session WHERE cid = ?1 AND path IS NULL"),
          id_taken_(before_, "SELECT 1 FROM session WHERE id = ?1") {
        result_.id = header.id;
        result_.source = header.source;
    }

    // Within the caller's transaction.
    Expected<void> take(std::vector<MovedSession>&& sessions) {
        for (auto& session : sessions) {
            if (auto good = check(session); !good) return good;
            place(std::move(session));
        }
        engine_.sessions().fold_now();
        return {};
    }

    Expected<ImportedSessions> finish() {
        if (result_.unknown != 0 && !request_.without_unknown) {
            return failure(
                fmt::format("{} sessions are of identities that are not in use here, as {}", result_.unknown,
                            fmt::join(result_.unknown_names, ", ")),
                "import these devices first (narrowgate device export --with-keys on the gateway that "
                "exported), or add --without-unknown: the nodes that are left out shake hands anew");
        }
        auto& database = engine_.database();
        const auto now = engine_.clock().now().wall;
        engine_.replies().begin_fold();
        engine_.replies().fold(now);
        engine_.meta().set_number("sessions", engine_.sessions().count());
        Statement(database, "INSERT INTO imported(id, source, at, sessions) VALUES(?1, ?2, ?3, ?4)")
            .run(ByteView(result_.id.bytes), ByteView(result_.source.bytes), now, result_.sessions);
        AuditTrail(database).add({now, request_.actor, "import", "sessions",
                                  fmt::format("{} sessions of {}, export {}", result_.sessions,
                                              result_.source.text(), result_.id.text())});
        return result_;
    }

private:
    Expected<void> check(const MovedSession& session) const {
        const auto size = session.row.cid.size();
        if (size == 0 || size == request_.cid_bytes) return {};
        return failure(fmt::format("the sessions have connection IDs of {} bytes, and this gateway gives out "
                                   "and finds those of {}",
                                   size, request_.cid_bytes),
                       fmt::format("set dtls.cid_bytes = {} here before any node connects", size));
    }

    void place(MovedSession&& session) {
        auto& row = session.row;
        const auto credential = credential_of(session.identity);
        if (!credential) {
            ++result_.unknown;
            if (result_.unknown_names.size() < kNamedUnknown)
                result_.unknown_names.push_back(std::move(session.identity));
            return;
        }
        if (Query(occupied_, *credential).next() || Query(id_taken_, row.id).next()) {
            ++result_.superseded;
            return;
        }
        if (!row.cid.empty() && Query(cid_taken_, row.cid).next()) {
            ++result_.displaced;
            return;
        }
        row.credential = *credential;
        const auto service = static_cast<std::uint64_t>(engine_.service_time().count());
        row.heard = service - std::min(service, session.silence);
        for (const auto& reply : session.replies)
            engine_.replies().add(reply);
        engine_.sessions().apply(engine_.sessions().seal(row));
        ++result_.sessions;
    }

    std::optional<CredentialId> credential_of(std::string_view identity) {
        Query query(credential_, identity);
        if (!query.next()) return std::nullopt;
        return query.number(0);
    }

    Engine& engine_;
    const ImportRequest& request_;
    Database before_;  // sees what was here before the import
    Statement credential_;
    Statement occupied_;
    Statement cid_taken_;
    Statement id_taken_;
    ImportedSessions result_;
};

Expected<void> check_header(Engine& engine, const TransferHeader& header) {
    if (header.source == engine.instance()) {
        return failure(
            "the file is this gateway's own export: its sessions may go on elsewhere by now",
            "import it on the gateway that it was made for; nodes that come here shake hands anew");
    }
    if (header.destination != engine.instance()) {
        return failure(
            fmt::format("the file was made for gateway {}, and this one is {}", header.destination.text(),
                        engine.instance().text()),
            "import it there; a gateway that was restored from a backup is another one than before");
    }
    Statement select(engine.database(), "SELECT at FROM imported WHERE id = ?1");
    Query query(select, ByteView(header.id.bytes));
    if (!query.next()) return {};
    return failure(fmt::format("the file was imported here at {}", to_rfc3339(query.time(0))),
                   "its sessions have gone on since: nothing is left to do");
}

Expected<ImportedSessions> run(Engine& engine, std::istream& file, const TransferHeader& header,
                               const Secret& transfer_key, const ImportRequest& request) {
    FrameOpener frames(file, header, transfer_key);
    Importer importer(engine, header, request);
    while (true) {
        auto frame = frames.next();
        if (!frame) return std::unexpected(frame.error());
        if (!*frame) return importer.finish();
        if (auto taken = importer.take(std::move(**frame)); !taken) return std::unexpected(taken.error());
    }
}

}  // namespace

Expected<ImportedSessions> import_sessions(const Options& options, std::istream& file,
                                           const Secret& transfer_key, const ImportRequest& request, Log& log,
                                           const Clock& clock) {
    auto header = read_header(file);
    if (!header) return std::unexpected(header.error());
    return with_engine(options, log, clock, [&](Engine& engine) -> Expected<ImportedSessions> {
        if (auto good = check_header(engine, *header); !good) return std::unexpected(good.error());
        return change_sessions(engine, [&] { return run(engine, file, *header, transfer_key, request); });
    });
}

}  // namespace narrowgate::store
