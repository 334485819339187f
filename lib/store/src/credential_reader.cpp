// SPDX-License-Identifier: Apache-2.0
#include "credential_reader.hpp"

#include <fmt/format.h>

#include <utility>

namespace narrowgate::store {
namespace {

std::string select_credentials_where(std::string_view condition) {
    return fmt::format(
        "SELECT id, identity, device, fleet, sealed, not_before, not_after, credential.revoked, replaces"
        " FROM credential JOIN device ON device.name = credential.device"
        " WHERE credential.revoked IS NULL AND {}",
        condition);
}

}  // namespace

std::optional<CredentialRow> credential_row(const Query& query, const Sealer& sealer) {
    CredentialRow row;
    row.id = query.number(0);
    row.identity = query.text(1);
    if (row.identity.size() > kMaxIdentityBytes) return std::nullopt;
    auto psk = sealer.open(credential_binding(row.id, row.identity), query.blob(4));
    if (!psk) return std::nullopt;
    row.device = query.text(2);
    row.fleet = query.text(3);
    row.psk = std::move(*psk);
    row.not_before = query.maybe_time(5);
    row.not_after = query.maybe_time(6);
    row.revoked = query.maybe_time(7);
    row.replaces = query.number(8);
    return row;
}

UnreadableKey unreadable_key(const Query& query) {
    return {.identity = query.text(1), .device = query.text(2), .fleet = query.text(3)};
}

CredentialTableReader::CredentialTableReader(const std::filesystem::path& file, const std::string& file_layer,
                                             const Sealer& sealer,
                                             std::function<void(const UnreadableKey&)> bad)
    : file_(file),
      database_(file, file_layer, true),
      sealer_(sealer),
      bad_(std::move(bad)),
      after_(database_, select_credentials_where("id > ?1 ORDER BY id LIMIT ?2")),
      by_identity_(database_, select_credentials_where("identity = ?1")),
      by_id_(database_, select_credentials_where("id = ?1")) {}

Expected<bool> CredentialTableReader::next(std::size_t count, const Take& take) {
    try {
        std::size_t seen = 0;
        Query query(after_, last_, count);
        for (; query.next(); ++seen) {
            last_ = query.number(0);
            give(query, take);
        }
        return seen == count;
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

Expected<void> CredentialTableReader::find(std::string_view identity, const Take& take) {
    try {
        Query query(by_identity_, identity);
        if (query.next()) give(query, take);
        return {};
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

Expected<void> CredentialTableReader::find(CredentialId credential, const Take& take) {
    try {
        Query query(by_id_, credential);
        if (query.next()) give(query, take);
        return {};
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

void CredentialTableReader::give(const Query& query, const Take& take) {
    if (auto row = credential_row(query, sealer_)) {
        take(std::move(*row));
    } else {
        bad_(unreadable_key(query));
    }
}

}  // namespace narrowgate::store
