// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/page.hpp"

#include <algorithm>

namespace narrowgate::daemon {

const Asset* asset_of(std::string_view path) {
    const auto found = std::ranges::find(assets(), path, &Asset::path);
    return found != assets().end() ? &*found : nullptr;
}

}  // namespace narrowgate::daemon
