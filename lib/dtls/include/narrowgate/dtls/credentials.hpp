// SPDX-License-Identifier: Apache-2.0
//
// Where the handshake finds pre-shared keys. Implemented outside this room.
#pragma once

#include <cstdint>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::dtls {

// The store's number of a credential.
using CredentialId = std::uint64_t;

struct Credential {
    CredentialId id = 0;
    Secret psk;  // 1 to kMaxPskBytes
};

// Thread: the shard's.
class CredentialLookup {
public:
    virtual ~CredentialLookup() = default;

    // Copies the credential of `identity` (1 to kMaxIdentityBytes, any bytes) into `out` and returns true; or
    // returns false and leaves `out` alone. Must answer from memory, in time that does not tell whether the
    // identity exists: this is asked for by peers that have proved nothing but their address.
    virtual bool find(ByteView identity, Credential& out) const = 0;
};

}  // namespace narrowgate::dtls
