// SPDX-License-Identifier: Apache-2.0
//
// Why a running gateway did not answer who asked it over one of its Unix sockets.
#pragma once

#include <filesystem>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::ops {

struct AskFailure {
    enum class Kind {
        kNotRunning,   // nobody serves the socket
        kUnreachable,  // somebody does, and we may not talk to it or it does not answer in time
        kRefused,      // it answered with an error
    };
    Kind kind;
    Error error;
};

// connect() has failed there with this errno.
AskFailure connect_failure(const std::filesystem::path& socket, int error_number);

// A connection is taken there, and no answer came within `patience`.
AskFailure silence_at(const std::filesystem::path& socket, milliseconds patience);

}  // namespace narrowgate::ops
