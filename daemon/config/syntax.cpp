// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "daemon/config/findings.hpp"
#include "narrowgate/base/bytes.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::string_view kBlanks = " \t";

struct Explained {
    std::size_t column = 0;  // 0: where the library says
    std::string what;
    std::string cure;
};

// Without its line break.
std::string_view line_of(std::string_view text, std::size_t number) {
    for (std::size_t line = 1; line < number && !text.empty(); ++line)
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    std::string_view line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    const auto last = text.find_last_not_of(kBlanks);
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// Counted from 1, in letters: bytes that go on with one are none (RFC 3629 section 3).
std::size_t column_at(std::string_view line, std::size_t byte) {
    return 1 + static_cast<std::size_t>(std::ranges::count_if(
                   line.substr(0, byte), [](unsigned char c) { return (c & 0xC0U) != 0x80U; }));
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// What stands to the right of the first "=", and where.
struct Side {
    std::string_view text;
    std::size_t column = 0;
};
std::optional<Side> value_in(std::string_view line) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view value = trimmed(line.substr(equals + 1, line.find('#', equals) - equals - 1));
    if (value.empty()) return std::nullopt;
    return Side{value, column_at(line, static_cast<std::size_t>(value.data() - line.data()))};
}

std::size_t first_column(std::string_view line) {
    return column_at(line, std::min(line.find_first_not_of(kBlanks), line.size()));
}

// The line where the key or the section of the faulty line stands for the first time; 0 when it is not found.
std::size_t first_line_of(std::string_view text, std::string_view faulty, std::size_t number) {
    const auto begin_of = [](std::string_view line) {
        return trimmed(line.substr(0, line.find_first_of("=#")));
    };
    const std::string_view wanted = begin_of(faulty);
    std::size_t found = 0;
    for (std::size_t line = 1; line < number && !text.empty(); ++line) {
        const std::string_view one = text.substr(0, text.find('\n'));
        // A key of an earlier section is another key.
        if (!wanted.starts_with('[') && trimmed(one).starts_with('[')) found = 0;
        if (found == 0 && begin_of(one.substr(0, one.find('\r'))) == wanted) found = line;
        text.remove_prefix(std::min(one.size() + 1, text.size()));
    }
    return found;
}

std::optional<Explained> of_encoding(const ConfigText& text) {
    if (text.text.starts_with("\xFF\xFE") || text.text.starts_with("\xFE\xFF"))
        return Explained{1, "the file is UTF-16", "save it as UTF-8"};
    if (text.text.find('\0') != std::string::npos)
        return Explained{0, "the file holds bytes of zero, as no text does",
                         "name another file, or save it as UTF-8"};
    if (!is_utf8(bytes_of(text.text)))
        return Explained{0, "a letter that is not UTF-8",
                         "save the file as UTF-8, not as Latin-1 or Windows-1252"};
    return std::nullopt;
}

std::optional<Explained> of_repetition(const ConfigText& text, Position at, std::string_view line,
                                       std::string_view description) {
    if (!has(description, "cannot redefine")) return std::nullopt;
    const bool section = trimmed(line).starts_with('[');
    const std::size_t first = first_line_of(text.text, line, at.line);
    const std::string where =
        first == 0 ? "there is one already" : fmt::format("the first is in line {}", first);
    const std::string_view name = trimmed(line.substr(0, line.find_first_of("=#")));
    const bool is_one_of_many = name == "[upstream]" || name == "[route]" || name == "[map]";
    return Explained{first_column(line), fmt::format("a second {}, and {}", shown(name), where),
                     !section         ? "remove one of the two"
                     : is_one_of_many ? fmt::format("write each as [{}], with two brackets", shown(name))
                                      : "write all its keys below the first"};
}

// A value that is none: what was it meant to be?
std::optional<Explained> of_value(std::string_view line) {
    const auto value = value_in(line);
    if (!value) return std::nullopt;
    const std::string_view text = value->text;
    const auto word = shown(text);
    for (const std::string_view quote : {"“", "”", "„", "‘", "’", "«", "»"}) {
        if (text.starts_with(quote))
            return Explained{value->column, "quotes of a word processor", "write straight ones: \"text\""};
    }
    for (const std::string_view flag : {"yes", "no", "on", "off", "True", "False", "TRUE", "FALSE"}) {
        if (text == flag)
            return Explained{value->column, fmt::format("{} is no value", word), "write true or false"};
    }
    const bool is_word = text.find_first_of("\"'[]{}") == std::string_view::npos;
    const bool is_number = text.find_first_not_of("0123456789+-_") == std::string_view::npos;
    if (is_number)
        return Explained{value->column, fmt::format("{} is no number that fits", word),
                         "write a smaller number"};
    if (is_word)
        return Explained{value->column, fmt::format("{} is no value", word),
                         fmt::format("if it is text, write it in quotes: \"{}\"", word)};
    if (text.starts_with('[') && text.find_first_of("\"'{") == std::string_view::npos)
        return Explained{value->column, "a text in the array has no quotes",
                         "write each in quotes: [\"text\"]"};
    return std::nullopt;
}

std::optional<Explained> of_key(std::string_view line) {
    const std::string_view text = trimmed(line);
    if (text.starts_with("//") || text.starts_with(';') || text.starts_with("--") || text.starts_with("/*"))
        return Explained{first_column(line), "a comment begins with \"#\"", "write \"#\" before this line"};
    const auto end = line.find_first_of("=:");
    if (end != std::string_view::npos && line[end] == ':')
        return Explained{column_at(line, end), "a \":\" behind the key", "write \"=\" there"};
    const bool plain = std::ranges::all_of(line.substr(0, end), [](unsigned char c) { return c < 0x80; });
    if (!plain && !text.starts_with('"'))
        return Explained{first_column(line), "a key with letters that no key of ours has",
                         "write one of a to z and \"_\"; docs/configuration.md lists them"};
    if (end == std::string_view::npos && !text.starts_with('['))
        return Explained{first_column(line), "no key and value",
                         "write key = value, or \"#\" before a comment"};
    return std::nullopt;
}

std::optional<Explained> of_brackets(Position at, std::string_view line, std::string_view description) {
    if (has(description, "nested value depth"))
        return Explained{0, "arrays or tables too deep inside each other",
                         "no key needs more than two levels"};
    if (has(description, "parsing table header"))
        return Explained{0, "the section's name does not end as it should",
                         "write it as [dtls] or [[upstream]]"};
    if (has(description, "parsing array") || has(description, "parsing inline table")) {
        const bool array = has(description, "parsing array");
        return Explained{0,
                         fmt::format("{} is expected here, or before it",
                                     array ? "a comma or the array's \"]\"" : "a key or the table's \"}\""),
                         array ? "end the array that began in this line or above"
                               : "end the table in the line where it began: it cannot go on in the next"};
    }
    if (has(description, "expected value, saw"))
        return Explained{0, "no value behind the \"=\"", "write one, or \"#\" before the key"};
    if (has(description, "unknown escape sequence"))
        return Explained{0, "a backslash in a text",
                         "write two of them, or the text in single quotes: 'C:\\dir'"};
    if (!has(description, "parsing string")) return std::nullopt;
    const bool to_the_end = at.column >= column_at(line, line.size());
    return to_the_end ? Explained{0, "the text does not end in this line", "write its second quote"}
                      : Explained{0, "a control character in a text", "remove it"};
}

}  // namespace

Mistake explain_syntax(const ConfigText& text, Position at, std::string_view description) {
    const std::string_view line = line_of(text.text, at.line);
    auto explained = of_encoding(text);
    if (!explained) explained = of_repetition(text, at, line, description);
    if (!explained) explained = of_brackets(at, line, description);
    if (!explained && (has(description, "parsing key") || has(description, "root table")))
        explained = of_key(line);
    if (!explained) explained = of_value(line);
    if (!explained) {
        explained = Explained{0, std::string(description), "put this line right"};
    }
    return {.file = text.file,
            .line = at.line,
            .column = explained->column != 0 ? explained->column : at.column,
            .what = "not TOML: " + explained->what,
            .cure = explained->cure + "; later lines have not been read yet"};
}

}  // namespace narrowgate::daemon
