// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/findings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "daemon/config/units.hpp"

namespace narrowgate::daemon {
namespace {

bool is_of_fleets_file(std::string_view section) {
    return section == "fleet" || section == "route" || section == "map";
}

std::string section_heading(std::string_view section) {
    static constexpr std::array<std::string_view, 3> kMany = {"upstream", "route", "map"};
    const bool many = std::ranges::find(kMany, section) != kMany.end();
    return many ? fmt::format("[[{}]]", section) : fmt::format("[{}]", section);
}

// "[store]"; "[[upstream]] of the gateway's file" for who stands in a fleet's.
std::string place_of(std::string_view section, bool from_fleets_file) {
    const std::string_view root = section.substr(0, section.find('.'));
    if (is_of_fleets_file(root) == from_fleets_file) return section_heading(section);
    return fmt::format("{} of {} file", section_heading(section),
                       from_fleets_file ? "the gateway's" : "a fleet's");
}

// The places where the key belongs, or where the section of its name does.
std::vector<std::string> homes_of(const UnknownKey& unknown, const std::set<std::string>& all_keys) {
    const bool in_fleets_file = unknown.section.empty()
                                    ? std::ranges::find(unknown.known, "fleet") != unknown.known.end()
                                    : is_of_fleets_file(unknown.section.substr(0, unknown.section.find('.')));
    std::vector<std::string> homes;
    const auto is_inside = [&](const std::string& path) { return path.starts_with(unknown.key + '.'); };
    if (unknown.is_table && std::ranges::any_of(all_keys, is_inside)) {
        const bool of_fleet = is_of_fleets_file(unknown.key);
        const std::string_view file = of_fleet == in_fleets_file ? "the top of this file"
                                      : of_fleet                 ? "a fleet's file"
                                                                 : "the gateway's file";
        homes.push_back(fmt::format("{}, as {}", file, section_heading(unknown.key)));
        return homes;
    }
    for (const std::string& path : all_keys) {
        const auto dot = path.rfind('.');
        if (path.substr(dot + 1) == unknown.key)
            homes.push_back(place_of(path.substr(0, dot), in_fleets_file));
    }
    return homes;
}

}  // namespace

Position Origins::of(const std::string& file, std::string key) const {
    while (true) {
        const auto found = positions_.find({file, key});
        if (found != positions_.end()) return found->second;
        const auto dot = key.rfind('.');
        if (dot == std::string::npos) return {};
        key.resize(dot);
    }
}

void Findings::add(const std::string& file, Position position, std::string what, std::string cure) {
    mistakes.push_back({.file = file,
                        .line = position.line,
                        .column = position.column,
                        .what = std::move(what),
                        .cure = std::move(cure)});
}

void Findings::warn(const std::string& file, Position position, std::string what, std::string cure) {
    warnings.push_back({.file = file,
                        .line = position.line,
                        .column = position.column,
                        .what = std::move(what),
                        .cure = std::move(cure)});
}

void explain_unknown_keys(Findings& findings, const std::set<std::string>& all_keys) {
    for (const UnknownKey& unknown : findings.unknown_keys) {
        const std::string where =
            unknown.section.empty() ? "" : fmt::format(" in {}", section_heading(unknown.section));
        const auto homes = homes_of(unknown, all_keys);
        const auto meant = nearest(unknown.key, unknown.known);
        findings.add(unknown.file, unknown.position,
                     fmt::format("unknown key \"{}\"{}", shown(unknown.key), where),
                     !homes.empty() ? fmt::format("it belongs to {}", fmt::join(homes, " or "))
                     : meant        ? fmt::format("did you mean \"{}\"?", *meant)
                                    : fmt::format("known here: {}", fmt::join(unknown.known, ", ")));
    }
    findings.unknown_keys.clear();
}

std::string upstream_key(std::size_t index, std::string_view key) {
    return fmt::format("upstream[{}].{}", index, key);
}

std::string without_indices(std::string_view path) {
    std::string name;
    bool inside = false;
    for (const char c : path) {
        if (c == '[') inside = true;
        if (!inside) name += c;
        if (c == ']') inside = false;
    }
    return name;
}

std::string shown(std::string_view text) {
    static constexpr std::size_t kMostBytes = 64;
    std::string line(text.substr(0, kMostBytes));
    if (text.size() > kMostBytes) {
        // No half of a letter in front of the dots (RFC 3629 section 3).
        std::size_t end = kMostBytes;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
            --end;
        line = std::string(text.substr(0, end)) + "…";
    }
    std::ranges::replace_if(line, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
    return line;
}

}  // namespace narrowgate::daemon
