// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/invocation.hpp"
#include "daemon/commands/owner.hpp"
#include "daemon/control/calls.hpp"
#include "daemon/control/client.hpp"
#include "daemon/control/dead_letter_calls.hpp"
#include "daemon/control/device_calls.hpp"
#include "daemon/control/diagnosis_calls.hpp"
#include "daemon/control/replay_calls.hpp"
#include "daemon/control/session_calls.hpp"
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

std::expected<nlohmann::json, CallFailure> call_store(const Invocation& invocation, std::string_view call,
                                                      nlohmann::json& arguments) {
    auto config = read_config(invocation.config_file);
    if (!config) {
        return std::unexpected(CallFailure{
            .code = ExitCode::kConfiguration, .error = {}, .mistakes = std::move(config.error())});
    }
    const Caller caller = this_caller();
    if (auto owner = become_owner_of(config->gateway.state_directory); !owner)
        return failed(std::move(owner.error()));
    Log log(LogLevel::kWarning);
    auto store = store::Store::open(config->store, log, invocation.clock);
    if (!store) return failed(std::move(store.error()));

    std::set<std::string> fleets;
    for (const Fleet& fleet : config->fleets)
        fleets.insert(fleet.name);
    DeviceService devices(**store, invocation.clock, std::move(fleets), {});
    ControlCalls calls;
    add_device_calls(calls, devices);
    add_diagnosis_calls(calls, devices, config->dtls, {});
    add_session_calls(calls, **store, invocation.clock, {});
    add_store_calls(calls, **store);
    add_dead_letter_calls(calls, **store);
    add_replay_calls(calls, **store, {});
    auto result = calls.call(call, arguments, caller);
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
