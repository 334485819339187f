// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>
#include <vector>

namespace narrowgate::daemon {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Smallest first.
constexpr std::array<Unit, 5> kDurations = {
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 5> kSizes = {{{"B", 1},
                                         {"KiB", std::uint64_t{1} << 10},
                                         {"MiB", std::uint64_t{1} << 20},
                                         {"GiB", std::uint64_t{1} << 30},
                                         {"TiB", std::uint64_t{1} << 40}}};

constexpr std::array<Unit, 7> kVolumes = {{{"B", 1},
                                           {"KB", 1'000},
                                           {"KiB", std::uint64_t{1} << 10},
                                           {"MB", 1'000'000},
                                           {"MiB", std::uint64_t{1} << 20},
                                           {"GB", 1'000'000'000},
                                           {"GiB", std::uint64_t{1} << 30}}};

constexpr std::uint64_t kMostMilliseconds = std::uint64_t{36'525} * 86'400'000;
constexpr std::uint64_t kMostBytes = (std::uint64_t{1} << 63) - 1;

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t most,
                                   bool unit_optional) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view name(end, text.data() + text.size());
    const auto unit = std::ranges::find(units, name, &Unit::name);
    if (unit == units.end() && !(name.empty() && unit_optional)) return std::nullopt;
    const std::uint64_t factor = unit == units.end() ? 1 : unit->factor;
    if (number > most / factor) return std::nullopt;
    return number * factor;
}

std::string write(std::uint64_t value, std::span<const Unit> units) {
    const Unit* unit = &units.front();
    for (const Unit& larger : units)
        if (value != 0 && value % larger.factor == 0) unit = &larger;
    return fmt::format("{}{}", value / unit->factor, unit->name);
}

constexpr std::size_t kLongestName = 64;

// Levenshtein's distance; both at most kLongestName.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < left.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < right.size(); ++j) {
            const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto value = parse(text, kDurations, kMostMilliseconds, false);
    if (!value) return std::nullopt;
    return std::chrono::milliseconds(*value);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    return parse(text, kSizes, kMostBytes, true);
}

std::optional<std::uint64_t> parse_volume(std::string_view text) {
    std::string joined(text);
    if (const auto blank = joined.find(' ');
        blank != std::string::npos && blank != 0 && blank + 1 < joined.size())
        joined.erase(blank, 1);
    return parse(joined, kVolumes, kMostBytes, true);
}

std::string write_duration(std::chrono::milliseconds duration) {
    return write(static_cast<std::uint64_t>(duration.count()), kDurations);
}

std::string write_size(std::uint64_t bytes) {
    return write(bytes, kSizes);
}

std::string size_in_words(std::uint64_t bytes) {
    const Unit* unit = &kSizes.front();
    for (const Unit& larger : kSizes)
        if (bytes >= larger.factor) unit = &larger;
    if (unit == &kSizes.front()) return fmt::format("{} B", bytes);
    return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(unit->factor),
                       unit->name);
}

std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> names) {
    if (name.size() > kLongestName) return std::nullopt;
    std::optional<std::string_view> best;
    // Two slips of the finger, or a third of a long name: more is another word.
    std::size_t bound = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const std::string_view candidate : names) {
        if (candidate.size() > kLongestName) continue;
        const std::size_t apart = distance(name, candidate);
        if (apart < bound && apart < std::max(name.size(), candidate.size())) {
            bound = apart;
            best = candidate;
        }
    }
    return best;
}

}  // namespace narrowgate::daemon
