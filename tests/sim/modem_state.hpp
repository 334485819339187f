// SPDX-License-Identifier: Apache-2.0
//
// What the AT commands of a SARA-N2 read and change.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "narrowgate/base/clock.hpp"
#include "sim/chance.hpp"
#include "sim/modem_options.hpp"
#include "sim/modem_radio.hpp"
#include "sim/modem_sockets.hpp"

namespace narrowgate::sim {

// Gone with a restart.
struct ModemSettings {
    bool echo = false;
    unsigned cmee = 0;
    unsigned cereg = 0;
    unsigned cscon = 0;
    unsigned npsmr = 0;
    std::map<std::uint32_t, std::string> access_points{};  // AT+CGDCONT, by context
};

// Kept over a restart.
struct ModemMemory {
    std::map<std::string, std::string, std::less<>> config{
        {"AUTOCONNECT", "TRUE"},     {"CR_0354_0338_SCRAMBLING", "TRUE"}, {"CR_0859_SI_AVOID", "TRUE"},
        {"COMBINE_ATTACH", "FALSE"}, {"CELL_RESELECTION", "FALSE"},       {"ENABLE_BIP", "FALSE"}};
    bool psm = false;
    std::string periodic_timer = "00000100";  // eight bits, psm_timer.hpp
    std::string active_timer = "00000001";
    std::string edrx;  // four bits; empty: off
};

// What happens the next so many times, because somebody asked for it.
struct ModemAccidents {
    unsigned busy_sends = 0;
    unsigned lost_answers = 0;
    unsigned lost_urcs = 0;
    unsigned reboots_in_send = 0;
    unsigned lost_up = 0;
    unsigned lost_down = 0;
};

struct ModemCounts {
    std::uint64_t commands = 0;
    std::uint64_t errors = 0;   // answered
    std::uint64_t garbage = 0;  // lines that were no commands
    std::uint64_t urcs = 0;
    std::uint64_t urcs_lost = 0;
    std::uint64_t answers_lost = 0;
    std::uint64_t starts = 0;
    std::uint64_t connections = 0;
    std::uint64_t sleeps = 0;
    std::uint64_t up = 0;  // datagrams, at the antenna
    std::uint64_t up_bytes = 0;
    std::uint64_t down = 0;
    std::uint64_t down_bytes = 0;
};

struct ModemState {
    ModemState(const ModemOptions& its_options, std::uint64_t seed)
        : options(its_options),
          chance(seed),
          radio(its_options, chance.seed()),
          sockets(its_options.manners) {
        memory.config["AUTOCONNECT"] = its_options.life.autoconnect ? "TRUE" : "FALSE";
        settings.echo = its_options.manners.echo;
    }

    const ModemOptions options;
    Chance chance;
    ModemMemory memory;
    ModemSettings settings;
    ModemRadio radio;
    ModemSockets sockets;
    ModemAccidents accidents;
    ModemCounts counts;
};

// Takes one of the times that were asked for.
inline bool take_one(unsigned& times) {
    if (times == 0) return false;
    --times;
    return true;
}

}  // namespace narrowgate::sim
