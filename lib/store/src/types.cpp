// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/types.hpp"

#include <fmt/format.h>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::store {

std::string Uuid::text() const {
    std::string hex = to_hex(bytes);
    for (const std::size_t at : {8U, 13U, 18U, 23U})
        hex.insert(at, 1, '-');
    return hex;
}

std::string reading_id(const Uuid& store, ReadingNumber number) {
    return fmt::format("{}-{}", store.text(), number);
}

}  // namespace narrowgate::store
