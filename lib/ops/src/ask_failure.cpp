// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/ops/ask_failure.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace narrowgate::ops {
namespace {

constexpr auto kSeeWhetherItIsWell = "see whether narrowgate is well: systemctl status narrowgate";

}  // namespace

AskFailure connect_failure(const std::filesystem::path& socket, int error_number) {
    using enum AskFailure::Kind;
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
        case ECONNREFUSED:
            return {kNotRunning,
                    {fmt::format("narrowgate is not running: nobody listens at {}", socket.string()),
                     "start it: systemctl start narrowgate"}};
        case EACCES:
        case EPERM:
            return {kUnreachable,
                    {fmt::format("no permission to use {}", socket.string()),
                     "be root, or one of its group: usermod -aG narrowgate YOU, and log in anew"}};
        default:
            return {
                kUnreachable,
                {fmt::format("{}: {}", socket.string(), system_message(error_number)), kSeeWhetherItIsWell}};
    }
}

AskFailure silence_at(const std::filesystem::path& socket, milliseconds patience) {
    return {AskFailure::Kind::kUnreachable,
            {fmt::format("narrowgate does not answer at {} within {}", socket.string(), to_words(patience)),
             kSeeWhetherItIsWell}};
}

}  // namespace narrowgate::ops
