// SPDX-License-Identifier: Apache-2.0
//
// Sessions that move to another gateway, so that its nodes need no new handshake. At no moment can two
// gateways go on with one session (P3): the one that gives it up forgets it for good before there is a file,
// and the file opens in one store alone, once.
//
// Every call here opens a store that no gateway holds, under its lock. Thread: any.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/base/secret.hpp"
#include "narrowgate/store/options.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

inline constexpr std::size_t kTransferKeyBytes = 32;

// An export as the store that made it keeps it, file and all, until it is told that all went well.
struct ExportInfo {
    Uuid id;
    Uuid destination;              // instance of the store that may import it
    std::uint64_t generation = 0;  // 1, 2, 3 … of this store's exports
    std::uint64_t sessions = 0;
    WallTime made{};
};

struct ExportRequest {
    Uuid destination;
    std::string fleet;  // empty: every session
    // Of what the past of their devices then says (DeviceEvent::body).
    Bytes event;
    std::string actor;  // for the audit trail
};

// One commit: a new generation, the sessions are no longer sessions of this store, and the file is in the
// store. Nobody has seen it yet when the call returns. `transfer_key`: kTransferKeyBytes. Fails when the
// destination is this store, or there is nothing to export.
Expected<ExportInfo> export_sessions(const Options& options, const ExportRequest& request,
                                     const Secret& transfer_key, Log& log, const Clock& clock);

// The file of an export, piece by piece; `write` returns false when it cannot, and then it fails with what
// `error` says. It may be written any number of times: it is the same file.
Expected<ExportInfo> write_export(const Options& options, const Uuid& id,
                                  const std::function<Expected<void>(ByteView)>& write, Log& log,
                                  const Clock& clock);

// The sessions have arrived: what was kept of the export is deleted.
Expected<void> finish_export(const Options& options, const Uuid& id, std::string_view actor, Log& log,
                             const Clock& clock);

struct ImportRequest {
    // Length of the connection IDs that this gateway gives out (dtls.cid_bytes); it could not find others.
    std::size_t cid_bytes = 0;
    bool without_unknown = false;  // leave out sessions of identities that are not known here
    std::string actor;
};

struct ImportedSessions {
    Uuid id;
    Uuid source;
    std::uint64_t sessions = 0;
    std::uint64_t unknown = 0;               // left out: their identity is not in use here
    std::vector<std::string> unknown_names;  // the first few of them
    std::uint64_t superseded = 0;            // left out: the identity has a session here already
    std::uint64_t displaced = 0;             // left out: another session here has their connection ID
};

// All or nothing. Fails when the file is not for this store, was imported before, does not open or is not
// whole, when an identity is unknown (unless that is allowed), or when a connection ID has another length.
Expected<ImportedSessions> import_sessions(const Options& options, std::istream& file,
                                           const Secret& transfer_key, const ImportRequest& request, Log& log,
                                           const Clock& clock);

}  // namespace narrowgate::store
