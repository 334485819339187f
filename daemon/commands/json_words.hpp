// SPDX-License-Identifier: Apache-2.0
//
// Values of the daemon's answers, as people read them in tables.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"

namespace narrowgate::daemon {

// "-" for null.
inline std::string text(const nlohmann::json& value) {
    if (value.is_null()) return "-";
    return value.is_string() ? printable(value.get<std::string>()) : value.dump();
}

// Of a number of bytes: "13.9 KiB".
inline std::string size(const nlohmann::json& bytes) {
    return size_in_words(bytes.get<std::uint64_t>());
}

// Of a list.
inline std::string joined(const nlohmann::json& values, std::string_view separator) {
    std::string all;
    for (const nlohmann::json& value : values) {
        if (!all.empty()) all += separator;
        all += text(value);
    }
    return all;
}

}  // namespace narrowgate::daemon
