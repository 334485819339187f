// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/owner.hpp"
#include "daemon/control/calls.hpp"
#include "daemon/control/client.hpp"
#include "daemon/control/dead_letter_calls.hpp"
#include "daemon/control/device_calls.hpp"
#include "daemon/control/diagnosis_calls.hpp"
#include "daemon/control/look_routes.hpp"
#include "daemon/control/replay_calls.hpp"
#include "daemon/control/session_calls.hpp"
#include "daemon/control/store_calls.hpp"
#include "narrowgate/ops/http_client.hpp"

namespace narrowgate::daemon {
namespace {

// Long enough for an import of many devices on a slow disk.
constexpr milliseconds kCallPatience = seconds(60);

// RFC 9110 section 15.
constexpr int kHttpOk = 200;
constexpr int kHttpBusy = 503;

std::unexpected<CallFailure> failed(Error error, ExitCode code = ExitCode::kFailed) {
    return std::unexpected(CallFailure{.code = code, .error = std::move(error)});
}

// Of a call over HTTP.
std::expected<nlohmann::json, ops::AskFailure> look_at_daemon(const std::filesystem::path& socket,
                                                              const std::string& target) {
    using enum ops::AskFailure::Kind;
    const auto failure = [](ops::AskFailure::Kind kind, Error error) {
        return std::unexpected(ops::AskFailure{.kind = kind, .error = std::move(error)});
    };
    auto response = ops::HttpClient(socket, kCallPatience).get(target);
    if (!response) return std::unexpected(std::move(response.error()));
    auto body = nlohmann::json::parse(response->body, nullptr, false);
    if (response->status == kHttpOk && !body.is_discarded()) return body;
    if (body.is_object() && body.contains("error")) {
        const auto& error = body["error"];
        return failure(response->status == kHttpBusy ? kUnreachable : kRefused,
                       {error.value("what", ""), error.value("cure", "")});
    }
    return failure(kUnreachable,
                   {fmt::format("{} answered GET {} with status {}, and not as a gateway does",
                                socket.string(), target, response->status),
                    "see that this command and the daemon are of one version: narrowgate --version"});
}

std::expected<nlohmann::json, ops::AskFailure> ask(const GatewayOptions& gateway, std::string_view call,
                                                   const nlohmann::json& arguments) {
    if (const auto target = target_of(call, arguments)) return look_at_daemon(gateway.api_socket(), *target);
    return ask_daemon(gateway.control_socket(), call, arguments, kCallPatience);
}

ExitCode exit_code_of(ops::AskFailure::Kind kind) {
    return kind == ops::AskFailure::Kind::kRefused ? ExitCode::kFailed : ExitCode::kNotRunning;
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
    auto result = ask(*gateway, call, arguments);
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
    auto result = ask(*gateway, call, arguments);
    if (result) return *std::move(result);
    if (result.error().kind == ops::AskFailure::Kind::kNotRunning)
        return call_store(invocation, call, arguments);
    return failed(std::move(result.error().error), exit_code_of(result.error().kind));
}

}  // namespace narrowgate::daemon
