// SPDX-License-Identifier: Apache-2.0
//
// Asks a running daemon.
#pragma once

#include <expected>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

struct ControlFailure {
    enum class Kind {
        kNotRunning,   // nobody serves the socket
        kUnreachable,  // somebody does, and we may not talk to it or it does not answer in time
        kRefused,      // it answered with an error
    };
    Kind kind;
    Error error;
};

// Makes one call and waits for its result, at most `patience`. Thread: any.
std::expected<nlohmann::json, ControlFailure> ask_daemon(const std::filesystem::path& socket,
                                                         std::string_view call,
                                                         const nlohmann::json& arguments,
                                                         milliseconds patience);

}  // namespace narrowgate::daemon
