// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_command.hpp"

#include <fmt/format.h>

#include <iomanip>
#include <sstream>
#include <string>

namespace narrowgate::sim {
namespace {

// As C++ writes numbers: "0x97" and "151".
std::optional<mqtt5::Reason> take_code(std::istringstream& words) {
    unsigned code = 0;
    words >> std::setbase(0) >> code;
    if (!words || code > 0xFF) return std::nullopt;
    return static_cast<mqtt5::Reason>(code);
}

std::optional<SteadyTime> take_end(std::istringstream& words, SteadyTime now) {
    double count = 0;
    words >> std::setbase(10) >> count;
    if (!words || count < 0 || count > 1e6) return std::nullopt;
    return now + milliseconds(static_cast<milliseconds::rep>(count * 1000));
}

}  // namespace

Expected<bool> obey(std::string_view line, AwsBroker& broker, SteadyTime now) {
    std::istringstream words{std::string(line)};
    std::string verb, filter;
    words >> verb;
    if (verb == "counts") return true;
    if (verb == "disconnect") {
        const bool has_code = !(words >> std::ws).eof();
        const auto code = has_code ? take_code(words) : mqtt5::Reason::kServerShuttingDown;
        if (code) {
            broker.disconnect_all(*code, now);
            return false;
        }
    } else if (verb == "cut") {
        broker.disconnect_all(std::nullopt, now);
        return false;
    } else if (verb == "refuse") {
        const auto code = take_code(words);
        const auto until = take_end(words, now);
        if (code && until) {
            broker.refuse(*code, *until);
            return false;
        }
    } else if (verb == "refuse-connect") {
        if (const auto code = take_code(words)) {
            broker.refuse_next_connect(*code);
            return false;
        }
    } else if (verb == "lose") {
        std::size_t count = 0;
        if (words >> count) {
            broker.lose_answers(count);
            return false;
        }
    } else if (verb == "stall") {
        if (const auto until = take_end(words, now)) {
            broker.stall(*until);
            return false;
        }
    } else if (verb == "deny" && words >> filter) {
        broker.deny(filter);
        return false;
    } else if (verb == "allow") {
        broker.allow_all();
        return false;
    }
    return failure(fmt::format("\"{}\" is no command", line), "read the list in docs/simulators.md");
}

}  // namespace narrowgate::sim
