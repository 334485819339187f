// SPDX-License-Identifier: Apache-2.0
//
// Rows of text in columns, for people.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace narrowgate::daemon {

// For text that another machine had a hand in: control characters, which a terminal would obey, become '?'.
inline std::string printable(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    return text;
}

// "1 session", "2 sessions".
inline std::string counted(std::uint64_t count, const std::string& noun) {
    return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

// The first row is the heading. Columns are as wide as they need, two blanks apart. Wide characters count as
// their bytes.
inline std::string render_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

}  // namespace narrowgate::daemon
