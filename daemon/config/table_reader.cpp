// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/table_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "daemon/config/addresses.hpp"
#include "daemon/config/units.hpp"

namespace narrowgate::daemon {
namespace {

// The value as it was probably meant, for an example: digits out of text, text around a number.
std::string digits_in(const Entry* entry, std::string_view otherwise) {
    const auto* text = entry != nullptr ? std::get_if<std::string>(&entry->value.data) : nullptr;
    if (text == nullptr) return std::string(otherwise);
    const auto last = text->find_last_of("0123456789");
    if (last == std::string::npos) return std::string(otherwise);
    const auto before = text->find_last_not_of("0123456789", last);
    return text->substr(before + 1, last - before);
}

std::string quoted(const Entry* entry, std::string_view unit, std::string_view otherwise) {
    const Value* value = entry != nullptr ? &entry->value : nullptr;
    if (value != nullptr && value->array() != nullptr && !value->array()->empty())
        value = &value->array()->front();
    if (value == nullptr) return std::string(otherwise);
    if (const auto* number = std::get_if<std::int64_t>(&value->data); number != nullptr && *number >= 0)
        return fmt::format("\"{}{}\"", *number, unit);
    const auto* text = std::get_if<std::string>(&value->data);
    return text != nullptr ? fmt::format("\"{}\"", shown(*text)) : std::string(otherwise);
}

// More digits than any duration or size has.
bool is_beyond_all(std::string_view text) {
    constexpr std::size_t kMostDigits = 19;
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    return digits > kMostDigits;
}

std::string did_you_mean(const std::optional<std::string>& meant) {
    return meant ? fmt::format("; did you mean \"{}\"?", *meant) : "";
}

}  // namespace

TableReader::TableReader(const Value::Table& table, Position position, std::string name,
                         const std::string& file, Findings& findings)
    : table_(table), position_(position), name_(std::move(name)), file_(file), findings_(findings) {
    if (!name_.empty()) findings_.origins.note(file_, name_, position_);
}

TableReader::~TableReader() {
    for (const Entry& entry : table_) {
        if (std::ranges::find(taken_, entry.key) != taken_.end()) continue;
        if (const auto meant = nearest(entry.key, taken_))
            std::erase_if(missing_, [&](const Missing& missing) { return missing.key == *meant; });
        findings_.unknown_keys.push_back(
            {.file = file_,
             .position = entry.position,
             .section = without_indices(name_),
             .key = entry.key,
             .is_table = entry.value.table() != nullptr || entry.value.array() != nullptr,
             .known = taken_});
    }
    for (Missing& missing : missing_)
        findings_.add(file_, position_, std::move(missing.what), std::move(missing.cure));
}

void TableReader::require(std::string_view key, std::string_view example) {
    if (has(key)) return;
    missing_.push_back({.key = std::string(key),
                        .what = fmt::format("\"{}\" is missing", path(key)),
                        .cure = fmt::format("add {} = {}", key, example)});
}

void TableReader::pass_missing_to(TableReader& parent, std::string_view key) {
    for (Missing& missing : missing_) {
        missing.cure += fmt::format(" below a line [{}]", name_);
        missing.key = key;
        parent.missing_.push_back(std::move(missing));
    }
    missing_.clear();
}

void TableReader::wrong(std::string_view key, std::string_view what, std::string_view cure) {
    const Entry* entry = find(key);
    findings_.add(file_, entry != nullptr ? entry->value.position : position_,
                  fmt::format("\"{}\" {}", path(key), what), std::string(cure));
}

void TableReader::doubt(std::string_view key, std::string_view what, std::string_view cure) {
    const Entry* entry = find(key);
    findings_.warn(file_, entry != nullptr ? entry->value.position : position_,
                   fmt::format("\"{}\" {}", path(key), what), std::string(cure));
}

void TableReader::read_text(std::string_view key, std::string& out) {
    const auto* text = take_as<std::string>(key, "a string", quoted(find(key), "", "\"text\""));
    if (text == nullptr) return;
    if (text->empty()) {
        wrong(key, "is empty", "write a value or remove the key");
    } else if (const auto odd = std::ranges::find_if(*text, is_control); odd != text->end()) {
        const auto number = static_cast<unsigned>(static_cast<unsigned char>(*odd));
        wrong(key, "contains a control character", fmt::format("remove \\u{:04x}", number));
    } else {
        out = *text;
    }
}

void TableReader::read_name(std::string_view key, std::string& out) {
    static constexpr std::size_t kLongest = 64;
    std::string name;
    read_text(key, name);
    if (name.empty()) return;
    const bool plain = std::ranges::all_of(name, [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.';
    });
    if (plain && name.size() <= kLongest) {
        out = std::move(name);
    } else {
        wrong(key, fmt::format("is \"{}\", which is no name", shown(name)),
              "write 1 to 64 letters, digits, dots, dashes or underscores, such as \"water-meters\"");
    }
}

void TableReader::read_number(std::string_view key, double& out, Range<double> range) {
    const Entry* entry = find(key);
    double value = 0;
    if (entry != nullptr && std::holds_alternative<std::int64_t>(entry->value.data)) {
        value = static_cast<double>(*take_as<std::int64_t>(key, "a number", "1.5"));
    } else if (const auto* real = take_as<double>(key, "a number", "1.5")) {
        value = *real;
    } else {
        return;
    }
    if (value >= range.least && value <= range.most) {
        out = value;
    } else {
        wrong(key, fmt::format("is {}", value),
              fmt::format("write a number from {} to {}", range.least, range.most));
    }
}

void TableReader::read_flag(std::string_view key, bool& out) {
    if (const auto* flag = take_as<bool>(key, "true or false", "true")) out = *flag;
}

void TableReader::read_path(std::string_view key, std::filesystem::path& out) {
    std::string text;
    read_text(key, text);
    if (text.starts_with("~/") || text.starts_with('$')) {
        wrong(key, fmt::format("is \"{}\", and no shell reads it", shown(text)), "write the path in full");
        return;
    }
    if (!text.empty()) out = (std::filesystem::path(file_).parent_path() / text).lexically_normal();
}

void TableReader::read_addresses(std::string_view key, std::vector<Address>& out) {
    static constexpr std::string_view kExample = "[\"[::]:5684\"]";
    const auto* array = take_as<Value::Array>(key, "an array of addresses", kExample);
    if (array == nullptr) return;
    if (array->empty()) wrong(key, "is empty", fmt::format("write at least one, such as {}", kExample));
    out = addresses_in(*array, file_, findings_);
}

const Entry* TableReader::find(std::string_view key) const {
    const auto found = std::ranges::find(table_, key, &Entry::key);
    return found != table_.end() ? &*found : nullptr;
}

const Entry* TableReader::take(std::string_view key) {
    taken_.push_back(key);
    return find(key);
}

template <class T>
const T* TableReader::take_as(std::string_view key, std::string_view expected, std::string_view example) {
    findings_.known_keys.insert(without_indices(path(key)));
    const Entry* entry = take(key);
    if (entry == nullptr) return nullptr;
    findings_.origins.note(file_, path(key), entry->value.position);
    const T* value = std::get_if<T>(&entry->value.data);
    if (value == nullptr) {
        wrong(key, fmt::format("must be {}, not {}", expected, entry->value.kind()),
              fmt::format("write it as {} = {}", key, example));
    }
    return value;
}

const Value::Table* TableReader::table_of(const Entry& entry) {
    const Value::Table* table = entry.value.table();
    if (table == nullptr) {
        wrong(entry.key, fmt::format("must be a table, not {}", entry.value.kind()),
              name_.empty() ? fmt::format("write [{}] on a line of its own and its keys below", entry.key)
                            : fmt::format("write {} = {{ … }} with its keys inside", entry.key));
    }
    return table;
}

std::span<const Value> TableReader::tables_of(const Entry& entry, std::size_t most) {
    const Value::Array* array = entry.value.array();
    const bool all_tables = array != nullptr && std::ranges::all_of(*array, [](const Value& element) {
                                return element.table() != nullptr;
                            });
    if (all_tables && array->size() > most) {
        findings_.add(file_, (*array)[most].position,
                      fmt::format("there are {} [[{}]]s", array->size(), entry.key),
                      fmt::format("{} are possible; remove the others", most));
        return std::span(*array).first(most);
    }
    if (all_tables) return *array;
    wrong(entry.key, "must be an array of tables",
          fmt::format("write [[{}]], with two brackets, on a line of its own and its keys below", entry.key));
    return {};
}

std::string TableReader::path(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

std::string TableReader::path(std::string_view key, std::size_t index) const {
    return fmt::format("{}[{}]", path(key), index);
}

std::optional<std::uint64_t> TableReader::count(std::string_view key, std::uint64_t least,
                                                std::uint64_t most) {
    const auto* number =
        take_as<std::int64_t>(key, "a whole number", digits_in(find(key), fmt::format("{}", least)));
    if (number == nullptr) return std::nullopt;
    if (std::cmp_less(*number, least) || std::cmp_greater(*number, most)) {
        wrong(key, fmt::format("is {}", *number), fmt::format("write a number from {} to {}", least, most));
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(*number);
}

std::optional<std::uint64_t> TableReader::size(std::string_view key, std::uint64_t least,
                                               std::uint64_t most) {
    const Entry* entry = find(key);
    const auto range = [&] {
        return fmt::format("write a size from \"{}\" to \"{}\"", write_size(least), write_size(most));
    };
    std::optional<std::uint64_t> value;
    if (entry != nullptr && std::holds_alternative<std::int64_t>(entry->value.data)) {
        const auto* number = take_as<std::int64_t>(key, "a size", "512");
        if (*number >= 0) value = static_cast<std::uint64_t>(*number);
    } else {
        const auto* text = take_as<std::string>(key, "a size with a unit", "\"16KiB\"");
        if (text == nullptr) return std::nullopt;
        value = is_beyond_all(*text) ? std::numeric_limits<std::uint64_t>::max() : parse_size(*text);
        if (!value) {
            wrong(key, fmt::format("is \"{}\", which is no size", shown(*text)),
                  "write a whole number and B, KiB, MiB, GiB or TiB, such as \"16KiB\"" +
                      did_you_mean(meant_size(*text)));
            return std::nullopt;
        }
    }
    if (!value || *value < least || *value > most) {
        wrong(key, "is out of range", range());
        return std::nullopt;
    }
    return value;
}

void TableReader::read_volume(std::string_view key, std::uint64_t& out, Range<std::uint64_t> range) {
    const Entry* entry = find(key);
    std::optional<std::uint64_t> value;
    if (entry != nullptr && std::holds_alternative<std::int64_t>(entry->value.data)) {
        const auto* number = take_as<std::int64_t>(key, "a volume", "500000");
        if (*number >= 0) value = static_cast<std::uint64_t>(*number);
    } else {
        const auto* text = take_as<std::string>(key, "a volume with a unit", "\"500 KB\"");
        if (text == nullptr) return;
        value = parse_volume(*text);
        if (!value) {
            wrong(
                key, fmt::format("is \"{}\", which is no volume", *text),
                "write a whole number and B, KB, MB or GB (of 1000), or KiB, MiB or GiB, such as \"500 KB\"");
            return;
        }
    }
    if (value && *value >= range.least && *value <= range.most) {
        out = *value;
    } else {
        wrong(key, "is out of range",
              fmt::format("write a volume from {} to {} bytes", range.least, range.most));
    }
}

std::optional<std::chrono::milliseconds> TableReader::duration(std::string_view key,
                                                               Range<std::chrono::milliseconds> range) {
    const auto* text = take_as<std::string>(key, "a duration with a unit", quoted(find(key), "s", "\"9s\""));
    if (text == nullptr) return std::nullopt;
    const auto value = is_beyond_all(*text) ? std::chrono::milliseconds::max() : parse_duration(*text);
    if (!value) {
        wrong(key, fmt::format("is \"{}\", which is no duration", shown(*text)),
              "write a whole number and ms, s, m, h or d, such as \"9s\"" +
                  did_you_mean(meant_duration(*text)));
        return std::nullopt;
    }
    if (*value < range.least || *value > range.most) {
        wrong(key, fmt::format("is \"{}\"", shown(*text)),
              fmt::format("write a duration from \"{}\" to \"{}\"", write_duration(range.least),
                          write_duration(range.most)));
        return std::nullopt;
    }
    return value;
}

std::optional<std::size_t> TableReader::choice_of(std::string_view key,
                                                  std::span<const std::string_view> names) {
    const auto* text = take_as<std::string>(key, "a string", fmt::format("\"{}\"", names.front()));
    if (text == nullptr) return std::nullopt;
    const auto found = std::ranges::find(names, *text);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    const auto meant = nearest(*text, names);
    wrong(key, fmt::format("is \"{}\"", shown(*text)),
          fmt::format("write one of \"{}\"{}", fmt::join(names, "\", \""),
                      meant ? fmt::format("; did you mean \"{}\"?", *meant) : ""));
    return std::nullopt;
}

}  // namespace narrowgate::daemon
