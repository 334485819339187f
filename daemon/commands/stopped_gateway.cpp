// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/stopped_gateway.hpp"

#include <cstdlib>

#include "daemon/commands/owner.hpp"
#include "daemon/control/client.hpp"

namespace narrowgate::daemon {
namespace {

constexpr milliseconds kStatusPatience = seconds(10);

}  // namespace

std::expected<Config, CallFailure> config_of_stopped_gateway(const Invocation& invocation) {
    auto config = read_config(invocation.config_file);
    if (!config) {
        return std::unexpected(CallFailure{
            .code = ExitCode::kConfiguration, .error = {}, .mistakes = std::move(config.error())});
    }
    const auto answer =
        ask_daemon(config->gateway.control_socket(), "status", nlohmann::json::object(), kStatusPatience);
    if (answer || answer.error().kind != ops::AskFailure::Kind::kNotRunning) {
        return std::unexpected(CallFailure{
            .code = ExitCode::kFailed,
            .error = {"the gateway \"" + config->gateway.name + "\" runs, and holds its store",
                      "stop it first: systemctl stop narrowgate; nodes keep their sessions, and send again "
                      "what is not answered meanwhile"}});
    }
    if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY"))
        config->store.credentials_directory = credentials;
    return *std::move(config);
}

std::expected<void, CallFailure> become_owner(const Config& config) {
    if (auto owner = become_owner_of(config.gateway.state_directory); !owner)
        return std::unexpected(CallFailure{.code = ExitCode::kFailed, .error = std::move(owner.error())});
    return {};
}

}  // namespace narrowgate::daemon
