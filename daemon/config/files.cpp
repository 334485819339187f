// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "daemon/config/sections.hpp"
#include "narrowgate/mqtt/certificate_dates.hpp"

namespace narrowgate::daemon {
namespace {

// The key of the upstream whose value a problem speaks of; its name when it speaks of none.
std::string key_of_problem(const mqtt::ConnectionOptions& options, const std::string& what) {
    const std::array<std::pair<std::string_view, std::string>, 4> values = {
        {{"key_file", options.key_file.string()},
         {"certificate_file", options.certificate_file.string()},
         {"ca_file", options.ca_file.string()},
         {"url", options.url}}};
    // Two keys may name one file: the key's own name says which is meant.
    for (const auto& [key, value] : values)
        if (what.find(fmt::format("{} {}", key, value)) != std::string::npos) return std::string(key);
    for (const auto& [key, value] : values)
        if (what.find(value) != std::string::npos) return std::string(key);
    return "name";
}

bool complete(const mqtt::ConnectionOptions& options) {
    return !options.name.empty() && !options.url.empty() && !options.client_id.empty() &&
           !options.ca_file.empty() && !options.certificate_file.empty() && !options.key_file.empty();
}

enum class Maker { kGateway, kServiceManager };

// The directory is there and can be written, or `maker` can make it. What the service manager can do is not
// looked at: it is another user.
void check_directory(const std::filesystem::path& directory, Maker maker, const std::string& file,
                     std::string_view key, Findings& findings) {
    if (directory.empty()) return;
    std::error_code error;
    std::filesystem::path existing = directory;
    while (!std::filesystem::exists(existing, error) && !error && existing.has_relative_path())
        existing = existing.parent_path();
    if (existing.empty()) existing = ".";  // of a relative path
    const auto add = [&](std::string what, std::string cure) {
        findings.add(file, std::string(key), std::move(what), std::move(cure));
    };
    if (error) {
        add(fmt::format("{}: {}", directory.string(), error.message()),
            "let the user that runs narrowgate reach it, or choose another");
    } else if (!std::filesystem::is_directory(existing, error)) {
        add(fmt::format("{} is no directory", existing.string()), "move it away, or choose another");
    } else if (existing != directory && maker == Maker::kServiceManager) {
        return;
    } else if (access(existing.c_str(), W_OK | X_OK) != 0) {
        add(fmt::format("{} cannot be written: {}", existing.string(), system_message(errno)),
            fmt::format(
                "run this as the user that runs narrowgate, or as root; if that is what you did: {} {}",
                existing == directory ? "chown narrowgate" : "install -d -m 0700 -o narrowgate",
                directory.string()));
    }
}

}  // namespace

void check_files(const Config& config, const std::string& file, WallTime now, OutsideDates outside,
                 Findings& findings) {
    check_directory(config.gateway.state_directory, Maker::kGateway, file, "gateway.state_directory",
                    findings);
    check_directory(config.gateway.runtime_directory, Maker::kServiceManager, file,
                    "gateway.runtime_directory", findings);
    for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
        const mqtt::ConnectionOptions& options = config.upstreams[i].connection;
        if (!complete(options)) continue;
        const auto key_of = [&](const Error& error) {
            return fmt::format("upstream[{}].{}", i, key_of_problem(options, error.what));
        };
        for (const Error& problem : mqtt::problems_of(options, std::nullopt))
            findings.add(file, key_of(problem), problem.what, problem.cure);
        for (const auto& finding : mqtt::findings_of(mqtt::dates_of(options), options.name, now)) {
            const auto& [what, cure] = finding.error;
            if (outside == OutsideDates::kMistake && mqtt::is_a_problem(finding)) {
                findings.add(file, key_of(finding.error), what, cure);
            } else {
                findings.warn(file, key_of(finding.error), what, cure);
            }
        }
        for (const Error& doubt : mqtt::doubts_of(options))
            findings.warn(file, key_of(doubt), doubt.what, doubt.cure);
    }
}

void check_writers(const std::string& file, Findings& findings) {
    struct stat status{};
    if (stat(file.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0) {
        findings.add(file, Position{}, "everybody may write this file", fmt::format("chmod o-w {}", file));
    }
}

}  // namespace narrowgate::daemon
