// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/types.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/crypto.hpp"
#include "random_uuid.hpp"

namespace narrowgate::store {

std::string Uuid::text() const {
    std::string hex = to_hex(bytes);
    for (const std::size_t at : {8U, 13U, 18U, 23U})
        hex.insert(at, 1, '-');
    return hex;
}

std::optional<Uuid> Uuid::from_text(std::string_view text) {
    std::string hex(text);
    std::erase(hex, '-');
    const auto bytes = from_hex(hex);
    Uuid uuid;
    if (!bytes || bytes->size() != uuid.bytes.size()) return std::nullopt;
    std::ranges::copy(*bytes, uuid.bytes.begin());
    return uuid;
}

Uuid random_uuid() {
    Uuid uuid;
    crypto::fill_random(uuid.bytes);
    uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);  // version 4
    uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

std::string reading_id(const Uuid& store, ReadingNumber number) {
    return fmt::format("{}-{}", store.text(), number);
}

}  // namespace narrowgate::store
