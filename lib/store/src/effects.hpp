// SPDX-License-Identifier: Apache-2.0
//
// What a journal page says beside its readings, in order: sessions opened, closed, marked, answered, what
// happened to devices. On-disk form: docs/store.md.
#pragma once

#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::store {

// A SessionRow whose secret is sealed; `row.secret` is empty.
struct SealedSession {
    SessionRow row;
    Bytes sealed;
};

struct SessionClose {
    SessionId session = 0;
};

// Every session of a credential ends: it was revoked, by the same commit.
struct SessionsEnd {
    CredentialId credential = 0;
};

using Effect = std::variant<SealedSession, SessionClose, SessionMark, StoredReply, SessionsEnd, DeviceEvent>;

// Addresses and traffic, as journal pages and tables have them.
void put_path(Bytes& out, const Path& path);
Path take_path(ByteReader& reader);
void put_traffic(Bytes& out, const Traffic& traffic);
Traffic take_traffic(ByteReader& reader);

Bytes encode_path(const Path& path);
std::optional<Path> decode_path(ByteView bytes);

Bytes encode_effects(std::span<const Effect> effects);
// Nothing when the bytes are not a whole list of effects.
std::optional<std::vector<Effect>> decode_effects(ByteView bytes);

}  // namespace narrowgate::store
