// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/support_facts.hpp"

#include <fmt/format.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "daemon/commands/child_output.hpp"
#include "daemon/config/units.hpp"
#include "narrowgate/mqtt/certificate_dates.hpp"

namespace narrowgate::daemon {
namespace {

constexpr seconds kOutputPatience{10};
constexpr std::size_t kMostJournal = std::size_t{8} << 20;
constexpr std::size_t kMostFleets = 256;

std::optional<std::string> text_of_file(const std::filesystem::path& file, std::size_t most) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::nullopt;
    std::string text(most, '\0');
    in.read(text.data(), static_cast<std::streamsize>(most));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

std::string clock_in_words() {
    timex state{};
    const int code = adjtimex(&state);
    if (code < 0) return "unknown";
    return code == TIME_ERROR || (state.status & STA_UNSYNC) != 0
               ? "not synchronised"
               : fmt::format("synchronised, estimated error {} us", state.esterror);
}

std::string room_at(const std::filesystem::path& path) {
    std::error_code unknown;
    const auto space = std::filesystem::space(path, unknown);
    if (unknown) return fmt::format("{}: {}", path.string(), unknown.message());
    return fmt::format("{}: {} of {} free", path.string(), size_in_words(space.available),
                       size_in_words(space.capacity));
}

void add_file(SupportBundle& bundle, const std::string& name, const std::filesystem::path& file) {
    // One byte more than fits tells that it was cut.
    if (auto text = text_of_file(file, SupportBundle::kMostBytes + 1)) {
        bundle.add({.name = name, .text = *std::move(text)});
    } else {
        bundle.leave_out(name, fmt::format("{} cannot be read", file.string()));
    }
}

void add_output(SupportBundle& bundle, const std::string& name, const std::vector<std::string>& arguments,
                std::size_t most = SupportBundle::kMostBytes) {
    auto output = output_of(arguments, most, kOutputPatience);
    if (!output) {
        bundle.leave_out(name, output.error().what);
    } else if (output->text.empty()) {
        bundle.leave_out(name, fmt::format("{} says nothing (status {})", arguments.front(), output->status));
    } else {
        bundle.add({.name = name, .text = std::move(output->text), .most = most, .cut = output->cut});
    }
}

}  // namespace

void add_system_facts(SupportBundle& bundle, const std::filesystem::path& state_directory) {
    std::string text;
    utsname kernel{};
    if (uname(&kernel) == 0)
        text += fmt::format("kernel: {} {} {} {}\n", kernel.sysname, kernel.release, kernel.version,
                            kernel.machine);
    text += fmt::format("clock: {}\n", clock_in_words());
    text += fmt::format("disk: {}\n", room_at("/"));
    if (!state_directory.empty()) text += fmt::format("disk: {}\n", room_at(state_directory));
    for (const char* file : {"/etc/os-release", "/proc/loadavg", "/proc/meminfo", "/proc/net/snmp"}) {
        if (const auto found = text_of_file(file, 16'384)) text += fmt::format("\n{}\n{}", file, *found);
    }
    bundle.add({.name = "system.txt", .text = std::move(text)});
    // The store's lock names the process that has it.
    const auto pid = text_of_file(state_directory / "state.lock", 32);
    std::string digits = pid.value_or("");
    std::erase_if(digits, [](char c) { return c < '0' || c > '9'; });
    std::string process;
    for (const char* file : {"limits", "status"}) {
        if (const auto found = text_of_file(std::filesystem::path("/proc") / digits / file, 16'384);
            found && !digits.empty())
            process += fmt::format("/proc/{}/{}\n{}\n", digits, file, *found);
    }
    if (process.empty()) {
        bundle.leave_out("process.txt", "no process has the store, or it may not be seen");
    } else {
        bundle.add({.name = "process.txt", .text = std::move(process)});
    }
}

void add_service_facts(SupportBundle& bundle) {
    const std::string properties =
        "--property=LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainStartTimestamp,"
        "ActiveEnterTimestamp,MemoryCurrent,TasksCurrent,CPUUsageNSec,LimitNOFILE,WatchdogUSec";
    add_output(bundle, "unit.txt", {"systemctl", "show", "narrowgate.service", "--no-pager", properties});
    add_output(bundle, "journal.txt",
               {"journalctl", "--unit=narrowgate.service", "--since=-2h", "--no-pager", "--quiet",
                "--output=short-iso-precise"},
               kMostJournal);
}

void add_configuration(SupportBundle& bundle, const std::filesystem::path& file,
                       const std::filesystem::path& fleets) {
    add_file(bundle, "narrowgate.toml", file);
    std::error_code unknown;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(fleets, unknown)) {
        if (entry.path().extension() == ".toml") files.push_back(entry.path());
    }
    if (unknown) bundle.leave_out("fleets", fmt::format("{}: {}", fleets.string(), unknown.message()));
    std::ranges::sort(files);
    if (files.size() > kMostFleets) {
        bundle.leave_out("fleets", fmt::format("{} of {} files", files.size() - kMostFleets, files.size()));
        files.resize(kMostFleets);
    }
    for (const auto& fleet : files)
        add_file(bundle, "fleet-" + fleet.filename().string(), fleet);
}

void add_certificates(SupportBundle& bundle, const Config& config) {
    std::string text;
    for (const UpstreamConfig& upstream : config.upstreams) {
        text += fmt::format("upstream {}\n", upstream.connection.name);
        for (const mqtt::CertificateDates& one : mqtt::dates_of(upstream.connection)) {
            text += fmt::format("  {}\n    subject {}\n    from {} to {}\n    SHA-256 {}\n",
                                one.file.string(), one.subject, to_rfc3339(one.not_before),
                                to_rfc3339(one.not_after), one.fingerprint);
        }
    }
    bundle.add({.name = "certificates.txt", .text = std::move(text), .with_digests = true});
}

void add_known_secrets(Scrubber& scrubber, const std::filesystem::path& state_directory,
                       const Config* config) {
    constexpr std::size_t kMostKey = 65'536;
    std::vector<std::filesystem::path> files{state_directory / "state.key"};
    if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY"))
        files.push_back(std::filesystem::path(credentials) / "narrowgate-state-key");
    if (config != nullptr) {
        for (const UpstreamConfig& upstream : config->upstreams)
            files.push_back(upstream.connection.key_file);
    }
    for (const auto& file : files) {
        if (const auto text = text_of_file(file, kMostKey)) scrubber.add_secret_text(*text);
    }
}

}  // namespace narrowgate::daemon
