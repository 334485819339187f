// SPDX-License-Identifier: Apache-2.0
//
// The secret part of a session as the journal keeps it: a format of our own, independent of the library that
// did the handshake. Version 1, integers in network byte order:
//
//   version 1 | suite 2 | read key 16 | write key 16 | read IV 4 | write IV 4 | max_fragment 2 |
//   peer's CID behind its length 1 | our Finished 24 | next epoch-0 sequence number 6
#pragma once

#include <optional>

#include "narrowgate/base/secret.hpp"
#include "session.hpp"

namespace narrowgate::dtls {

// `session.unconfirmed` must be there: this is written once, when the session is new.
Secret encode_secret(const Session& session);

// Fills `session.records` (but for own_cid, numbers and window), `max_fragment` and `unconfirmed`. False when
// the bytes are of another version, or not what encode_secret() writes.
bool decode_secret(const Secret& secret, Session& session);

}  // namespace narrowgate::dtls
