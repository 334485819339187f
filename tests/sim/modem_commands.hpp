// SPDX-License-Identifier: Apache-2.0
//
// The AT commands of a SARA-N2, as far as a node needs them or stumbles over them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/at_command.hpp"
#include "sim/modem_state.hpp"

namespace narrowgate::sim {

// Why a command fails. The values are those of 3GPP TS 27.007 section 9.2, where it has one.
enum class CmeError : std::uint16_t {
    kNotAllowed = 3,
    kNotSupported = 4,
    kNoMemory = 23,
    kNoNetwork = 30,
    kIncorrect = 50,
    kDisabled = 51,
    kUplinkBusy = 159,
    kRadioOff = 524,  // of the vendor; elsewhere: not allowed
};

// The number that is shown for it.
unsigned number_of(CmeError error, ErrorNumbers numbers);

// What a command comes to. Without an error OK follows the lines.
struct AtAnswer {
    std::vector<std::string> lines{};
    std::optional<CmeError> error{};
    bool silent = false;                    // nothing is said at all
    std::string before{};                   // said before the lines, as it is
    std::string urc_after{};                // empty: none
    std::optional<unsigned> baud{};         // from the end of the answer on
    std::optional<std::string> restarts{};  // without an answer; the cause, as REBOOT_CAUSE_ has it
};

inline AtAnswer error(CmeError why) {
    return {.error = why};
}

// How long the command keeps the modem busy.
milliseconds duration_of(const AtCommand& command, ModemState& state);
AtAnswer execute(const AtCommand& command, ModemState& state, Now now);

// Radio and power saving as the memory has them; registers by itself under AUTOCONNECT.
void start_radio(ModemState& state, SteadyTime now);

// Of its URC, or of the answer to AT+CEREG? with `with_setting`; as AT+CEREG=n wants it.
std::string registration_text(const ModemState& state, bool with_setting);

// modem_socket_commands.cpp: those of sockets; nothing when it is none of them.
std::optional<AtAnswer> execute_socket_command(const AtCommand& command, ModemState& state, Now now);

}  // namespace narrowgate::sim
