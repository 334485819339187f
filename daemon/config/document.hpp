// SPDX-License-Identifier: Apache-2.0
//
// A TOML document as plain values that know where they stand. The only place that sees the TOML library.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/config.hpp"

namespace narrowgate::daemon {

// Counted from 1; 0 when not known.
struct Position {
    std::size_t line = 0;
    std::size_t column = 0;
};

struct Entry;

// Dates and times, which no key of ours takes.
struct OtherValue {};

struct Value {
    using Array = std::vector<Value>;
    using Table = std::vector<Entry>;

    std::variant<OtherValue, std::string, std::int64_t, double, bool, Array, Table> data;
    Position position;

    const Table* table() const { return std::get_if<Table>(&data); }
    const Array* array() const { return std::get_if<Array>(&data); }
    // "a string", "a whole number", "a table" …
    std::string_view kind() const;
};

struct Entry {
    std::string key;
    Position position;  // of the key
    Value value;
};

// Arrays and tables may be inside each other this deep; configuration is flat.
inline constexpr std::size_t kMaxDocumentDepth = 16;

// The document's top table. A document that is no TOML yields the first thing that is wrong with it.
std::expected<Value::Table, Mistake> parse_document(const ConfigText& text);

}  // namespace narrowgate::daemon
