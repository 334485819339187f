// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/secret.hpp"

#include <string.h>  // explicit_bzero

namespace narrowgate {

void wipe(MutableBytes bytes) {
    if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe(bytes_);
        bytes_ = std::move(other.bytes_);
        other.bytes_.clear();
    }
    return *this;
}

}  // namespace narrowgate
