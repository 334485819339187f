// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/commands/invocation.hpp"
#include "daemon/control/calls.hpp"
#include "daemon/control/client.hpp"
#include "daemon/control/device_calls.hpp"
#include "daemon/control/store_calls.hpp"

namespace narrowgate::daemon {
namespace {

// Long enough for an import of many devices on a slow disk.
constexpr milliseconds kPatience = seconds(60);

std::unexpected<CallFailure> failed(Error error, ExitCode code = ExitCode::kFailed) {
    return std::unexpected(CallFailure{.code = code, .error = std::move(error)});
}

ExitCode exit_code_of(ControlFailure::Kind kind) {
    return kind == ControlFailure::Kind::kRefused ? ExitCode::kFailed : ExitCode::kNotRunning;
}

std::string user_name(uid_t user) {
    const passwd* entry = getpwuid(user);
    return entry != nullptr ? entry->pw_name : std::to_string(user);
}

// Files that root made would be files that the daemon cannot open: root becomes the directory's owner first,
// for good. A directory that does not exist yet is made by whoever runs this.
Expected<void> become_owner_of(const std::filesystem::path& directory) {
    struct stat status{};
    if (stat(directory.c_str(), &status) != 0 || status.st_uid == geteuid()) return {};
    if (geteuid() != 0) {
        return failure(fmt::format("{} belongs to user {}", directory.string(), user_name(status.st_uid)),
                       "run the command as root or as that user");
    }
    if (setgroups(0, nullptr) != 0 || setresgid(status.st_gid, status.st_gid, status.st_gid) != 0 ||
        setresuid(status.st_uid, status.st_uid, status.st_uid) != 0) {
        return failure(fmt::format("cannot become user {}, who owns {}: {}", user_name(status.st_uid),
                                   directory.string(), system_message(errno)),
                       "run the command as that user");
    }
    return {};
}

std::expected<nlohmann::json, CallFailure> call_store(const Invocation& invocation, std::string_view call,
                                                      nlohmann::json& arguments) {
    auto config = read_config(invocation.config_file);
    if (!config) {
        return std::unexpected(CallFailure{
            .code = ExitCode::kConfiguration, .error = {}, .mistakes = std::move(config.error())});
    }
    if (auto owner = become_owner_of(config->gateway.state_directory); !owner)
        return failed(std::move(owner.error()));
    Log log(LogLevel::kWarning);
    auto store = store::Store::open(config->store, log, invocation.clock);
    if (!store) return failed(std::move(store.error()));

    std::set<std::string> fleets;
    for (const Fleet& fleet : config->fleets)
        fleets.insert(fleet.name);
    DeviceService devices(**store, std::move(fleets), {});
    ControlCalls calls;
    add_device_calls(calls, devices);
    add_store_calls(calls, **store);
    auto result = calls.call(call, arguments);
    if (!result) return failed(std::move(result.error()));
    return *std::move(result);
}

}  // namespace

std::expected<nlohmann::json, CallFailure> call_daemon(const Invocation& invocation, std::string_view call,
                                                       const nlohmann::json& arguments) {
    auto gateway = read_gateway_options(invocation.config_file);
    if (!gateway) {
        return std::unexpected(CallFailure{
            .code = ExitCode::kConfiguration, .error = {}, .mistakes = std::move(gateway.error())});
    }
    auto result = ask_daemon(gateway->control_socket(), call, arguments, kPatience);
    if (!result) return failed(std::move(result.error().error), exit_code_of(result.error().kind));
    return *std::move(result);
}

std::expected<nlohmann::json, CallFailure> call_daemon_or_store(const Invocation& invocation,
                                                                std::string_view call,
                                                                nlohmann::json& arguments) {
    auto gateway = read_gateway_options(invocation.config_file);
    if (!gateway) {
        return std::unexpected(CallFailure{
            .code = ExitCode::kConfiguration, .error = {}, .mistakes = std::move(gateway.error())});
    }
    auto result = ask_daemon(gateway->control_socket(), call, arguments, kPatience);
    if (result) return *std::move(result);
    if (result.error().kind == ControlFailure::Kind::kNotRunning)
        return call_store(invocation, call, arguments);
    return failed(std::move(result.error().error), exit_code_of(result.error().kind));
}

}  // namespace narrowgate::daemon
