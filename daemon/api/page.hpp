// SPDX-License-Identifier: Apache-2.0
//
// The status page's files, built into the program (daemon/api/page/): it needs nothing from anywhere else.
#pragma once

#include <span>
#include <string_view>

namespace narrowgate::daemon {

struct Asset {
    std::string_view path;  // "/page.css"
    std::string_view content_type;
    std::string_view text;
};

std::span<const Asset> assets();

// Null when the page has no such file.
const Asset* asset_of(std::string_view path);

}  // namespace narrowgate::daemon
