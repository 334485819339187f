// SPDX-License-Identifier: Apache-2.0
//
// Takes a table of the configuration apart, key by key, and collects what is wrong with it. What nobody has
// taken when the reader goes is an unknown key.
#pragma once

#include <chrono>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
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

// What reading leaves behind besides values.
struct Findings {
    Mistakes mistakes;
    Mistakes warnings;  // of Config::warnings
    Origins origins;
    std::set<std::string> known_keys;  // as known_config_keys()

    void add(const std::string& file, Position position, std::string what, std::string cure);
    // The same for a key that has been read.
    void add(const std::string& file, const std::string& key, std::string what, std::string cure) {
        add(file, origins.of(file, key), std::move(what), std::move(cure));
    }
    // Of what works, and yet may not be meant.
    void warn(const std::string& file, const std::string& key, std::string what, std::string cure);
};

template <class T>
struct Range {
    T least;
    T most;
};

template <class T>
using Choices = std::span<const std::pair<std::string_view, T>>;

// Every read leaves its target, which holds the default, alone when the key is absent or wrong.
// Thread: the one that loads.
class TableReader {
public:
    // `name` is the table's path in the file: "dtls", "upstream[0]"; empty for the top. The table, the
    // findings and the file's name must outlive the reader.
    TableReader(const Value::Table& table, Position position, std::string name, const std::string& file,
                Findings& findings);
    // Reports the keys that were not taken, each with the nearest known one.
    ~TableReader();
    TableReader(const TableReader&) = delete;
    TableReader& operator=(const TableReader&) = delete;

    // The key must be there; `example` is what could stand behind the "=".
    void require(std::string_view key, std::string_view example);

    void read_text(std::string_view key, std::string& out);
    // A name of ours: 1 to 64 of A-Z a-z 0-9 _ . -, so that it needs no quoting in topics, files and tables.
    void read_name(std::string_view key, std::string& out);
    void read_flag(std::string_view key, bool& out);
    void read_number(std::string_view key, double& out, Range<double> range);
    // A path; relative ones start at the file's directory.
    void read_path(std::string_view key, std::filesystem::path& out);
    // An array of "[::]:5684", "192.0.2.1:5684".
    void read_addresses(std::string_view key, std::vector<Address>& out);

    template <std::unsigned_integral T>
    void read_count(std::string_view key, T& out, Range<std::uint64_t> range) {
        if (const auto value = count(key, range.least, range.most)) out = static_cast<T>(*value);
    }
    // A size with a unit, "16KiB", "1GiB", "512B", or a whole number of bytes.
    template <std::unsigned_integral T>
    void read_size(std::string_view key, T& out, Range<std::uint64_t> range) {
        if (const auto value = size(key, range.least, range.most)) out = static_cast<T>(*value);
    }
    // A volume as mobile operators write it, "500 KB" of 1000 bytes each, or a whole number of bytes.
    void read_volume(std::string_view key, std::uint64_t& out, Range<std::uint64_t> range);
    // A duration with a unit: "250ms", "9s", "5m", "2h", "90d".
    template <class Rep, class Period>
    void read_duration(std::string_view key, std::chrono::duration<Rep, Period>& out,
                       Range<std::chrono::milliseconds> range) {
        const auto value = duration(key, range);
        if (!value) return;
        const auto rounded = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(*value);
        if (rounded == *value) {
            out = rounded;
        } else {
            wrong(key, "takes no fraction of its unit", "write whole seconds, such as \"9s\"");
        }
    }
    template <class T>
    void read_choice(std::string_view key, T& out, Choices<T> choices) {
        std::vector<std::string_view> names;
        for (const auto& choice : choices)
            names.push_back(choice.first);
        if (const auto index = choice_of(key, names)) out = choices[*index].second;
    }

    // The table under `key`, if it is there and is one. Calls `read(TableReader&)` with its reader; with one
    // over an empty table when it is not there, so that defaults and required keys are seen alike.
    template <class Read>
    void read_table(std::string_view key, Read read) {
        static const Value::Table kEmpty;
        const Entry* entry = take(key);
        const Value::Table* table = entry != nullptr ? table_of(*entry) : &kEmpty;
        if (table == nullptr) return;
        TableReader reader(*table, entry != nullptr ? entry->position : position_, path(key), file_,
                           findings_);
        read(reader);
    }
    // Each table of the array of tables `key`, [[key]] in the file. Calls `read(TableReader&)` for each.
    template <class Read>
    void read_tables(std::string_view key, Read read) {
        const Entry* entry = take(key);
        if (entry == nullptr) return;
        std::size_t index = 0;
        for (const Value& element : tables_of(*entry)) {
            TableReader reader(*element.table(), element.position, path(key, index++), file_, findings_);
            read(reader);
        }
    }

    // A mistake at `key` when it is there, else at the table.
    void wrong(std::string_view key, std::string_view what, std::string_view cure);
    bool has(std::string_view key) const { return find(key) != nullptr; }

    const std::string& file() const { return file_; }
    const std::string& name() const { return name_; }
    Position position() const { return position_; }

private:
    const Entry* find(std::string_view key) const;
    // The entry, which is now no unknown key; nullptr when it is not there.
    const Entry* take(std::string_view key);
    // take() for a key that holds a T. When it holds something else, that is a mistake that says what was
    // expected and gives an example.
    template <class T>
    const T* take_as(std::string_view key, std::string_view expected, std::string_view example);
    const Value::Table* table_of(const Entry& entry);
    // All elements, when the entry is an array of tables; else none, and a mistake.
    std::span<const Value> tables_of(const Entry& entry);
    std::string path(std::string_view key) const;
    std::string path(std::string_view key, std::size_t index) const;

    std::optional<std::uint64_t> count(std::string_view key, std::uint64_t least, std::uint64_t most);
    std::optional<std::uint64_t> size(std::string_view key, std::uint64_t least, std::uint64_t most);
    std::optional<std::chrono::milliseconds> duration(std::string_view key,
                                                      Range<std::chrono::milliseconds> range);
    std::optional<std::size_t> choice_of(std::string_view key, std::span<const std::string_view> names);

    const Value::Table& table_;
    const Position position_;
    const std::string name_;
    const std::string& file_;
    Findings& findings_;
    std::vector<std::string_view> taken_;
};

}  // namespace narrowgate::daemon
