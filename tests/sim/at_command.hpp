// SPDX-License-Identifier: Apache-2.0
//
// A line of AT commands as a modem reads it (3GPP TS 27.007 section 4, ITU-T V.250 section 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace narrowgate::sim {

struct AtCommand {
    enum class Form : std::uint8_t {
        kExecute,  // AT+NRB; ATE0, whose digit is its argument
        kRead,     // AT+CEREG?
        kTest,     // AT+CEREG=?
        kSet,      // AT+CEREG=2
    };

    std::string name;  // upper case: "+CEREG", "E"; empty for "AT" alone
    Form form = Form::kExecute;
    std::vector<std::string> arguments;  // without their quotes; what is left out is empty

    // Empty where there is none.
    std::string_view text(std::size_t index) const;
    // Decimal, or hexadecimal behind "0x". Nothing when it is not that.
    std::optional<std::uint32_t> number(std::size_t index) const;
    bool has(std::size_t index) const { return !text(index).empty(); }
};

// The commands of one line without its end, several of them joined by ';'. Nothing when it does not begin
// with "AT", in either case.
std::optional<std::vector<AtCommand>> read_at_line(std::string_view line);

}  // namespace narrowgate::sim
