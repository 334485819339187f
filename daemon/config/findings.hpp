// SPDX-License-Identifier: Apache-2.0
//
// What reading the configuration leaves behind besides values: mistakes, doubts, and where each value stands.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/config/document.hpp"

namespace narrowgate::daemon {

// Where a value of the finished configuration was read, for checks that come later: by file and key path,
// such as "upstream[1].key_file".
class Origins {
public:
    void note(const std::string& file, const std::string& key, Position position) {
        positions_[{file, key}] = position;
    }
    // Where the key stands; else where its table begins; else nowhere.
    Position of(const std::string& file, std::string key) const;

private:
    std::map<std::pair<std::string, std::string>, Position> positions_;
};

// A key that no reader asked for.
struct UnknownKey {
    std::string file;
    Position position;
    std::string section;  // as the documentation writes it: "dtls", "upstream"; empty at the top
    std::string key;
    bool is_table = false;                // or an array of them: written as a section
    std::vector<std::string_view> known;  // there
};

struct Findings {
    Mistakes mistakes;
    Mistakes warnings;                     // of Config::warnings
    std::vector<UnknownKey> unknown_keys;  // not mistakes yet: see explain_unknown_keys()
    Origins origins;
    std::set<std::string> known_keys;  // as known_config_keys()

    void add(const std::string& file, Position position, std::string what, std::string cure);
    // The same for a key that has been read.
    void add(const std::string& file, const std::string& key, std::string what, std::string cure) {
        add(file, origins.of(file, key), std::move(what), std::move(cure));
    }
    // Of what works, and yet may not be meant.
    void warn(const std::string& file, Position position, std::string what, std::string cure);
    void warn(const std::string& file, const std::string& key, std::string what, std::string cure) {
        warn(file, origins.of(file, key), std::move(what), std::move(cure));
    }
};

// Makes a mistake of each unknown key, with the section that it belongs to, the key that was probably meant,
// or else the keys that are known there. `all_keys`: as known_config_keys().
void explain_unknown_keys(Findings& findings, const std::set<std::string>& all_keys);

// "upstream[1].url": the path of a key of an [[upstream]].
std::string upstream_key(std::size_t index, std::string_view key);
// "upstream[1].url" as the documentation names it: "upstream.url".
std::string without_indices(std::string_view path);

// Text of a file inside a message: at most 64 bytes of it, and control characters as "?".
std::string shown(std::string_view text);

}  // namespace narrowgate::daemon
