// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/document.hpp"

#include <algorithm>

#include <toml++/toml.h>

#include "daemon/config/syntax.hpp"

namespace narrowgate::daemon {
namespace {

Position position_of(const toml::source_region& region) {
    return {.line = region.begin.line, .column = region.begin.column};
}

struct TooDeep {
    Position position;
};

std::expected<Value, TooDeep> convert(const toml::node& node, std::size_t depth);

std::expected<Value::Table, TooDeep> convert_table(const toml::table& table, std::size_t depth) {
    Value::Table entries;
    for (const auto& [key, node] : table) {
        auto value = convert(node, depth + 1);
        if (!value) return std::unexpected(value.error());
        entries.push_back({.key = std::string(key.str()),
                           .position = position_of(key.source()),
                           .value = *std::move(value)});
    }
    // The library sorts by key; mistakes are told in the order in which people read.
    std::ranges::sort(entries, {}, [](const Entry& entry) {
        return std::pair(entry.position.line, entry.position.column);
    });
    return entries;
}

std::expected<Value, TooDeep> convert(const toml::node& node, std::size_t depth) {
    Value value{.data = OtherValue{}, .position = position_of(node.source())};
    if (depth > kMaxDocumentDepth) return std::unexpected(TooDeep{value.position});
    if (const auto* text = node.as_string()) {
        value.data = text->get();
    } else if (const auto* number = node.as_integer()) {
        value.data = number->get();
    } else if (const auto* real = node.as_floating_point()) {
        value.data = real->get();
    } else if (const auto* boolean = node.as_boolean()) {
        value.data = boolean->get();
    } else if (const auto* array = node.as_array()) {
        Value::Array elements;
        for (const auto& element : *array) {
            auto converted = convert(element, depth + 1);
            if (!converted) return converted;
            elements.push_back(*std::move(converted));
        }
        value.data = std::move(elements);
    } else if (const auto* table = node.as_table()) {
        auto entries = convert_table(*table, depth);
        if (!entries) return std::unexpected(entries.error());
        value.data = *std::move(entries);
    }
    return value;
}

}  // namespace

std::string_view Value::kind() const {
    static constexpr std::array<std::string_view, 7> kKinds = {
        "a date or time", "a string", "a whole number", "a number with a fraction",
        "true or false",  "an array", "a table"};
    return kKinds[data.index()];
}

std::expected<Value::Table, Mistake> parse_document(const ConfigText& text) {
    const auto mistake = [&](Position at, std::string what, std::string cure) {
        return std::unexpected(Mistake{.file = text.file,
                                       .line = at.line,
                                       .column = at.column,
                                       .what = std::move(what),
                                       .cure = std::move(cure)});
    };
    try {
        auto table = convert_table(toml::parse(std::string_view(text.text)), 0);
        if (table) return *std::move(table);
        return mistake(table.error().position, "arrays or tables too deep inside each other",
                       "no key needs more than two levels");
    } catch (const toml::parse_error& error) {
        return std::unexpected(explain_syntax(text, position_of(error.source()), error.description()));
    }
}

}  // namespace narrowgate::daemon
