// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_control.hpp"

#include <fmt/format.h>

#include <sstream>
#include <string>

namespace narrowgate::sim {
namespace {

constexpr unsigned kMostTimes = 1'000'000;
constexpr double kMostSeconds = 1e6;

// The counter that a verb sets.
unsigned* accident_of(std::string_view verb, ModemAccidents& accidents) {
    if (verb == "busy") return &accidents.busy_sends;
    if (verb == "restart-in-send") return &accidents.reboots_in_send;
    if (verb == "lose-answers") return &accidents.lost_answers;
    if (verb == "lose-urcs") return &accidents.lost_urcs;
    if (verb == "lose-up") return &accidents.lost_up;
    if (verb == "lose-down") return &accidents.lost_down;
    return nullptr;
}

bool carry_out(std::istringstream& words, const std::string& verb, Modem& modem, Now now) {
    if (unsigned* const accident = accident_of(verb, modem.accidents())) {
        long count = -1;
        words >> count;
        if (!words || count < 0 || count > kMostTimes) return false;
        *accident = static_cast<unsigned>(count);
        return true;
    }
    if (verb == "restart") {
        std::string cause;
        words >> cause;
        modem.restart(cause.empty() ? "UNKNOWN" : cause, now);
        return true;
    }
    if (verb == "power") {
        std::string state;
        words >> state;
        if (state != "on" && state != "off") return false;
        modem.set_power(state == "on", now);
        return true;
    }
    if (verb == "rebind") {
        modem.rebind(now);
        return true;
    }
    if (verb == "network") {
        unsigned stat = 0;
        double duration = 0;
        words >> stat >> duration;
        if (!words || stat > 4 || stat == 1 || duration < 0 || duration > kMostSeconds) return false;
        modem.lose_network(static_cast<Registration>(stat),
                           milliseconds(static_cast<milliseconds::rep>(duration * 1000)), now);
        return true;
    }
    return false;
}

}  // namespace

Expected<bool> obey(std::string_view line, Modem& modem, Now now) {
    std::istringstream words{std::string(line)};
    std::string verb;
    words >> verb;
    if (verb == "counts") return true;
    if (carry_out(words, verb, modem, now)) return false;
    return failure(fmt::format("\"{}\" is no command", line), "read the list in docs/simulators.md");
}

}  // namespace narrowgate::sim
