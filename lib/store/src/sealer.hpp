// SPDX-License-Identifier: Apache-2.0
//
// Seals keys and PSKs on their way to disk: AES-256-GCM under HKDF-SHA-256(sealing key, 16 random bytes of
// the row), bound to the row by additional data, so that a sealed value is of no use in any other row.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/secret.hpp"
#include "narrowgate/base/siphash.hpp"
#include "narrowgate/store/types.hpp"
#include "sqlite.hpp"
#include "state_directory.hpp"

namespace narrowgate::store {

// Thread: any; immutable.
class Sealer {
public:
    explicit Sealer(Secret key);

    // 16 bytes of salt, the ciphertext, 16 bytes of tag.
    Bytes seal(ByteView additional_data, ByteView plaintext) const;
    // Nothing when `sealed` was not made by this key for this additional data.
    std::optional<Secret> open(ByteView additional_data, ByteView sealed) const;
    // Shows that this store wrote this mark for this session. Not that it is the last: a mark of before that
    // was put back goes unnoticed, as a database of before would.
    std::uint32_t mark_tag(SessionId session, ByteView mark) const;

private:
    Secret key_;
    SipHash mark_hash_;
};

// What a sealed value is bound to. A credential stands for its identity: its own row binds the two.
Bytes session_binding(SessionId id, CredentialId credential, ByteView cid);
Bytes credential_binding(CredentialId id, std::string_view identity);

// Finds the sealing key (or makes state.key, for a store that has nothing sealed yet) and proves that it is
// the one this store was made with. Throws SqlFault.
Expected<Sealer> open_sealer(const StateDirectory& directory,
                             const std::filesystem::path& credentials_directory, Database& database);

}  // namespace narrowgate::store
