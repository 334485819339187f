// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>

#include "daemon/config.hpp"
#include "daemon/config/sections.hpp"
#include "daemon/config/units.hpp"

namespace narrowgate::daemon {
namespace {

// More than any configuration needs; what someone gets who names the wrong file.
constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 20;

constexpr std::string_view kCureOfMissing = "name the file with --config, or let `narrowgate init` write one";

const Value::Table* document_of(const ConfigText& text, std::vector<Value::Table>& documents,
                                Findings& findings) {
    auto document = parse_document(text);
    if (!document) {
        findings.mistakes.push_back(std::move(document.error()));
        return nullptr;
    }
    documents.push_back(*std::move(document));
    return &documents.back();
}

Config assemble(const ConfigText& gateway, std::span<const ConfigText> fleets, Findings& findings) {
    Config config;
    std::vector<Value::Table> documents;
    documents.reserve(fleets.size() + 1);
    const Value::Table* document = document_of(gateway, documents, findings);
    if (document != nullptr) {
        TableReader top(*document, {.line = 1, .column = 1}, "", gateway.file, findings);
        read_gateway(top, config.gateway);
        read_dtls(top, config);
        read_store(top, config.store);
        read_upstreams(top, config.upstreams);
        config.store.directory = config.gateway.state_directory;
    }
    std::vector<FleetSource> sources;
    for (const ConfigText& text : fleets) {
        const Value::Table* fleet = document_of(text, documents, findings);
        if (fleet == nullptr) continue;
        TableReader top(*fleet, {.line = 1, .column = 1}, "", text.file, findings);
        Fleet read = read_fleet(top);
        const bool told = top.has("route") && read.routes.empty();
        sources.push_back({.file = text.file, .fleet = std::move(read), .routes_told = told});
    }
    if (!findings.unknown_keys.empty()) explain_unknown_keys(findings, known_config_keys());
    // Without the gateway's own file every route would seem to lead nowhere.
    if (document != nullptr) {
        check_gateway(config, gateway.file, findings);
        check_fleets(config, gateway.file, sources, findings);
    }
    for (FleetSource& source : sources)
        config.fleets.push_back(std::move(source.fleet));
    return config;
}

void sort(Mistakes& mistakes, const std::string& first_file) {
    std::ranges::stable_sort(mistakes, [&](const Mistake& left, const Mistake& right) {
        const auto rank = [&](const Mistake& mistake) {
            return std::tuple(mistake.file != first_file, std::string_view(mistake.file), mistake.line,
                              mistake.column);
        };
        return rank(left) < rank(right);
    });
}

std::expected<Config, Mistakes> finish(Config config, Findings findings, const std::string& file) {
    if (findings.mistakes.empty()) {
        sort(findings.warnings, file);
        config.warnings = std::move(findings.warnings);
        return config;
    }
    sort(findings.mistakes, file);
    return std::unexpected(std::move(findings.mistakes));
}

std::optional<ConfigText> read_file(const std::filesystem::path& file, std::string_view cure_of_missing,
                                    Findings& findings) {
    const std::string name = file.string();
    const auto unreadable = [&](std::string what, std::string cure) -> std::optional<ConfigText> {
        findings.add(name, Position{}, std::move(what), std::move(cure));
        return std::nullopt;
    };
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (status.type() == std::filesystem::file_type::not_found)
        return unreadable("there is no such file", std::string(cure_of_missing));
    if (error) return unreadable(error.message(), "let the user that runs narrowgate reach it");
    if (!std::filesystem::is_regular_file(status))
        return unreadable("this is no regular file", "move it away, or name another");
    const auto size = std::filesystem::file_size(file, error);
    if (error) return unreadable(error.message(), "let the user that runs narrowgate reach it");
    if (size > kMaxFileBytes) {
        return unreadable(fmt::format("{} bytes are no configuration", size), "name another file");
    }
    ConfigText text{.file = name, .text = std::string(size, '\0')};
    std::ifstream stream(file, std::ios::binary);
    stream.read(text.text.data(), static_cast<std::streamsize>(size));
    if (!stream) {
        return unreadable("cannot be read",
                          fmt::format("let the user that runs narrowgate read it: chmod a+r {}", name));
    }
    check_writers(name, findings);
    return text;
}

// "meters.tml", "meters.toml.txt", "METERS.TOML"; but not what editors and package managers leave behind.
bool is_nearly_a_fleets_file(std::string_view name) {
    if (name.starts_with('.') || name.ends_with('~')) return false;
    static constexpr std::array<std::string_view, 1> kEnding = {".toml"};
    const auto dot = name.rfind('.');
    return name.ends_with(".toml.txt") ||
           (dot != std::string_view::npos && nearest(name.substr(dot), kEnding));
}

std::string fleets_name_for(const std::filesystem::path& path) {
    const std::string stem = path.stem().string();
    return stem.ends_with(".toml") ? stem : stem + ".toml";
}

std::vector<ConfigText> read_fleet_files(const std::filesystem::path& directory, const std::string& file,
                                         Findings& findings) {
    std::vector<std::filesystem::path> paths;
    std::vector<std::filesystem::path> others;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".toml") {
            paths.push_back(entry->path());
        } else if (is_nearly_a_fleets_file(entry->path().filename().string())) {
            others.push_back(entry->path());
        }
    }
    const std::string key = "gateway.fleets_directory";
    if (error) {
        findings.add(file, key, fmt::format("{}: {}", directory.string(), error.message()),
                     "make the directory, or name the one that holds the fleets' files");
    } else if (paths.empty()) {
        findings.add(file, key, fmt::format("{} holds no fleet", directory.string()),
                     "add a file such as water-meters.toml with a [fleet] and its [[route]]s");
    }
    for (const auto& path : others) {
        findings.warn(path.string(), Position{}, "the name does not end in .toml, so nobody reads it",
                      fmt::format("mv {} {}", path.string(), (directory / fleets_name_for(path)).string()));
    }
    std::ranges::sort(paths);
    std::vector<ConfigText> texts;
    for (const auto& path : paths)
        if (auto text = read_file(path, "remove the link, or put the fleet's file there", findings))
            texts.push_back(*std::move(text));
    return texts;
}

// [gateway] and the places of its keys. Its mistakes are told by the full reading.
GatewayOptions glance_at(const ConfigText& gateway, Findings& findings) {
    GatewayOptions options;
    const auto document = parse_document(gateway);
    if (!document) return options;
    Findings glance;
    TableReader top(*document, {.line = 1, .column = 1}, "", gateway.file, glance);
    read_gateway(top, options);
    findings.origins = std::move(glance.origins);
    return options;
}

// Without `now`, the machine is not looked at.
std::expected<Config, Mistakes> load(const std::filesystem::path& file, std::optional<WallTime> now,
                                     OutsideDates outside = OutsideDates::kMistake) {
    Findings findings;
    const auto gateway = read_file(file, kCureOfMissing, findings);
    if (!gateway) return std::unexpected(std::move(findings.mistakes));
    std::vector<ConfigText> fleets;
    if (const auto directory = glance_at(*gateway, findings).fleets_directory; !directory.empty())
        fleets = read_fleet_files(directory, gateway->file, findings);
    Config config = assemble(*gateway, fleets, findings);
    if (now) check_files(config, gateway->file, *now, outside, findings);
    return finish(std::move(config), std::move(findings), gateway->file);
}

}  // namespace

const Fleet* Config::fleet(std::string_view name) const {
    const auto found = std::ranges::find(fleets, name, &Fleet::name);
    return found != fleets.end() ? &*found : nullptr;
}

const UpstreamConfig* Config::upstream(std::string_view name) const {
    const auto found = std::ranges::find_if(
        upstreams, [&](const UpstreamConfig& upstream) { return upstream.connection.name == name; });
    return found != upstreams.end() ? &*found : nullptr;
}

std::string Mistake::text() const {
    std::string text = file;
    if (line != 0) text += fmt::format(":{}:{}", line, column);
    text += ": " + what;
    if (!cure.empty()) text += "; " + cure;
    return text;
}

std::expected<Config, Mistakes> parse_config(const ConfigText& gateway, std::span<const ConfigText> fleets) {
    Findings findings;
    Config config = assemble(gateway, fleets, findings);
    return finish(std::move(config), std::move(findings), gateway.file);
}

std::expected<Config, Mistakes> read_config(const std::filesystem::path& file) {
    return load(file, std::nullopt);
}

std::expected<Config, Mistakes> load_config(const std::filesystem::path& file, WallTime now) {
    return load(file, now);
}

std::expected<Config, Mistakes> load_config_to_start(const std::filesystem::path& file, WallTime now) {
    return load(file, now, OutsideDates::kWarning);
}

std::expected<GatewayOptions, Mistakes> read_gateway_options(const std::filesystem::path& file) {
    Findings findings;
    GatewayOptions options;
    if (const auto text = read_file(file, kCureOfMissing, findings)) options = glance_at(*text, findings);
    if (!options.state_directory.empty() && !options.runtime_directory.empty()) return options;
    auto config = load(file, std::nullopt);
    if (config) return std::move(config->gateway);
    return std::unexpected(std::move(config.error()));
}

std::set<std::string> known_config_keys() {
    const std::array fleets = {ConfigText{.file = "fleet", .text = "[[route]]\n[[map]]"}};
    Findings findings;
    (void)assemble({.file = "gateway", .text = "[[upstream]]"}, fleets, findings);
    return findings.known_keys;
}

}  // namespace narrowgate::daemon
