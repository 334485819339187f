// SPDX-License-Identifier: Apache-2.0
//
// Credentials with their keys, on a connection of its own.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/store/loading.hpp"
#include "sealer.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Whose key does not open.
struct UnreadableKey {
    std::string identity;
    std::string device;
    std::string fleet;
};

// From columns id, identity, device, fleet, sealed, not_before, not_after, revoked, replaces. Nothing when
// the key does not open.
std::optional<CredentialRow> credential_row(const Query& query, const Sealer& sealer);
// From the same columns.
UnreadableKey unreadable_key(const Query& query);

class CredentialTableReader final : public CredentialReader {
public:
    // `bad`: a row that cannot be opened. Throws SqlFault.
    CredentialTableReader(const std::filesystem::path& file, const std::string& file_layer,
                          const Sealer& sealer, std::function<void(const UnreadableKey&)> bad);

    Expected<bool> next(std::size_t count, const Take& take) override;
    Expected<void> find(std::string_view identity, const Take& take) override;
    Expected<void> find(CredentialId credential, const Take& take) override;

private:
    void give(const Query& query, const Take& take);

    std::filesystem::path file_;
    Database database_;
    const Sealer& sealer_;
    std::function<void(const UnreadableKey&)> bad_;
    Statement after_;
    Statement by_identity_;
    Statement by_id_;
    CredentialId last_ = 0;
};

}  // namespace narrowgate::store
