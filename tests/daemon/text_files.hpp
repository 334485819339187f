// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace narrowgate::daemon {

// Makes the directories above it, too. Readable by its owner alone.
inline void write_text_file(const std::filesystem::path& file, std::string_view text) {
    using std::filesystem::perms;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    std::filesystem::permissions(file, perms::owner_read | perms::owner_write);
}

inline std::string read_text_file(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace narrowgate::daemon
