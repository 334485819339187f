// SPDX-License-Identifier: Apache-2.0
//
// Asks a running daemon.
#pragma once

#include <expected>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/ops/ask_failure.hpp"

namespace narrowgate::daemon {

// Makes one call and waits for its result, at most `patience`. Thread: any.
std::expected<nlohmann::json, ops::AskFailure> ask_daemon(const std::filesystem::path& socket,
                                                          std::string_view call,
                                                          const nlohmann::json& arguments,
                                                          milliseconds patience);

}  // namespace narrowgate::daemon
