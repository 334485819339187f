// SPDX-License-Identifier: Apache-2.0
//
// Sessions and credentials for a start that answers nodes while it loads: row after row, or the one that is
// asked for. Each reader has a connection of its own: it neither waits for the writer nor makes it wait.
//
// What a reader sees: Store::open() leaves all that was ever committed in the tables, and that is what a
// reader finds at first. Later commits reach it when they are folded, up to a minute after. Who keeps what
// happens meanwhile in memory (sessions ended or heard, credentials revoked) must prefer that.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/store/devices.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::store {

// Sessions of credentials in use. Thread: one at a time. Must be gone before its Store. Errors: the disk's.
class SessionReader {
public:
    using Take = std::function<void(SessionRow&&)>;
    virtual ~SessionReader() = default;

    // The next `count` rows, in an order of the store's own; false when those were the last. A session opened
    // since the reader was made may be among them or not.
    virtual Expected<bool> next(std::size_t count, const Take& take) = 0;
    // Takes no row, or the one that has this CID (not empty).
    virtual Expected<void> find_by_cid(ByteView cid, const Take& take) = 0;
    // The sessions without a CID that live on this path.
    virtual Expected<void> find_by_path(const Path& path, const Take& take) = 0;
    virtual Expected<void> find_of(CredentialId credential, const Take& take) = 0;
};

// Credentials in use, with their keys. Thread: one at a time. Must be gone before its Store. Errors: the
// disk's. One that does not open under the sealing key is left out, counted (Status::bad_rows) and logged.
class CredentialReader {
public:
    using Take = std::function<void(CredentialRow&&)>;
    virtual ~CredentialReader() = default;

    // The next `count` rows by id; false when those were the last.
    virtual Expected<bool> next(std::size_t count, const Take& take) = 0;
    // Each takes no row or one.
    virtual Expected<void> find(std::string_view identity, const Take& take) = 0;
    virtual Expected<void> find(CredentialId credential, const Take& take) = 0;
};

}  // namespace narrowgate::store
