// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_commands.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "narrowgate/base/address.hpp"
#include "sim/psm_timer.hpp"

namespace narrowgate::sim {
namespace {

using Form = AtCommand::Form;
using Handler = AtAnswer (*)(const AtCommand&, ModemState&, Now);

AtAnswer ok(std::vector<std::string> lines = {}) {
    return {.lines = std::move(lines)};
}

// AT+X=n and AT+X? of a setting that is a number.
AtAnswer number_setting(const AtCommand& command, unsigned& setting, unsigned most) {
    if (command.form == Form::kRead) return ok({fmt::format("{}: {}", command.name, setting)});
    const auto value = command.number(0);
    if (!value || *value > most) return error(CmeError::kIncorrect);
    setting = *value;
    return ok();
}

void apply_psm(ModemState& state) {
    const auto periodic = read_periodic_timer(state.memory.periodic_timer);
    const auto active = read_active_timer(state.memory.active_timer);
    if (state.memory.psm && periodic && active && periodic->time && active->time) {
        state.radio.set_psm(PsmTimers{*periodic->time, *active->time});
    } else {
        state.radio.set_psm(std::nullopt);
    }
}

AtAnswer echo(const AtCommand& command, ModemState& state, Now) {
    const auto value = command.arguments.empty() ? std::optional<std::uint32_t>(0) : command.number(0);
    if (!value || *value > 1) return error(CmeError::kIncorrect);
    state.settings.echo = *value == 1;
    return ok();
}

AtAnswer identity(const AtCommand& command, ModemState& state, Now) {
    const ModemIdentity& identity = state.options.identity;
    if (command.name == "I") return ok({identity.manufacturer, identity.model, identity.firmware});
    if (command.name == "+CGMI") return ok({identity.manufacturer});
    if (command.name == "+CGMM") return ok({identity.model});
    if (command.name == "+CGMR") return ok({identity.firmware});
    if (command.name == "+CIMI") return ok({identity.imsi});
    if (command.name == "+NCCID") return ok({"+NCCID:" + identity.iccid});
    // AT+CGSN=1
    if (command.form == Form::kSet && command.number(0) == 1) return ok({"+CGSN:" + identity.imei});
    return ok({identity.imei});
}

AtAnswer numbered_setting(const AtCommand& command, ModemState& state, Now) {
    if (command.name == "+CMEE") return number_setting(command, state.settings.cmee, 1);
    if (command.name == "+CSCON") {
        if (command.form == Form::kRead) {
            return ok(
                {fmt::format("+CSCON: {},{}", state.settings.cscon, state.radio.is_connected() ? 1 : 0)});
        }
        return number_setting(command, state.settings.cscon, 1);
    }
    if (command.name == "+NPSMR") {
        if (command.form == Form::kRead && state.settings.npsmr == 1)
            return ok({fmt::format("+NPSMR: 1,{}", state.radio.is_asleep() ? 1 : 0)});
        return number_setting(command, state.settings.npsmr, 1);
    }
    if (command.form == Form::kRead) return ok({registration_text(state, true)});
    return number_setting(command, state.settings.cereg, 5);
}

AtAnswer radio(const AtCommand& command, ModemState& state, Now now) {
    if (command.form == Form::kRead) return ok({fmt::format("+CFUN: {}", state.radio.is_on() ? 1 : 0)});
    const auto value = command.number(0);
    if (!value || *value > 1) return error(CmeError::kIncorrect);
    if (*value == 0) {
        state.radio.switch_off();
    } else if (!state.radio.is_on()) {
        start_radio(state, now.steady);
    }
    return ok();
}

AtAnswer attachment(const AtCommand& command, ModemState& state, Now now) {
    if (command.form == Form::kRead)
        return ok({fmt::format("+CGATT: {}", state.radio.is_registered() ? 1 : 0)});
    const auto value = command.number(0);
    if (!value || *value > 1) return error(CmeError::kIncorrect);
    if (!state.radio.is_on()) return error(CmeError::kRadioOff);
    if (*value == 0) {
        state.radio.detach();
    } else if (state.options.manners.attach_is_disabled && state.memory.config["AUTOCONNECT"] == "TRUE") {
        return error(CmeError::kDisabled);
    } else {
        state.radio.attach(now.steady);
    }
    return ok();
}

AtAnswer operator_selection(const AtCommand& command, ModemState& state, Now now) {
    if (command.form == Form::kRead) {
        if (!state.radio.is_registered()) return ok({"+COPS: 0"});
        return ok({"+COPS: 0,2,\"00101\""});
    }
    const auto mode = command.number(0);
    if (!mode || *mode > 2 || (*mode == 1 && (command.number(1) != 2 || !command.has(2))))
        return error(CmeError::kIncorrect);
    if (!state.radio.is_on()) return error(CmeError::kRadioOff);
    if (*mode == 2) {
        state.radio.detach();
    } else {
        state.radio.attach(now.steady);
    }
    return ok();
}

AtAnswer power_saving(const AtCommand& command, ModemState& state, Now) {
    ModemMemory& memory = state.memory;
    if (command.form == Form::kRead) {
        if (!memory.psm) return ok({"+CPSMS: 0"});
        return ok({fmt::format("+CPSMS: 1,,,\"{}\",\"{}\"", memory.periodic_timer, memory.active_timer)});
    }
    const auto mode = command.number(0);
    if (!mode || *mode > 2 || command.has(1) || command.has(2)) return error(CmeError::kIncorrect);
    if (command.has(3) && !read_periodic_timer(command.text(3))) return error(CmeError::kIncorrect);
    if (command.has(4) && !read_active_timer(command.text(4))) return error(CmeError::kIncorrect);
    memory.psm = *mode == 1;
    if (command.has(3)) memory.periodic_timer = command.text(3);
    if (command.has(4)) memory.active_timer = command.text(4);
    apply_psm(state);
    return ok();
}

// AT+CEDRXS and AT+NPTWEDRXS: taken and shown; what it does to paging is --paging-time.
AtAnswer discontinuous_reception(const AtCommand& command, ModemState& state, Now) {
    if (command.form == Form::kRead) {
        if (state.memory.edrx.empty()) return ok({command.name + ": 0,\"0000\""});
        return ok({fmt::format("{}: 5,\"{}\"", command.name, state.memory.edrx)});
    }
    const auto mode = command.number(0);
    if (!mode || *mode > 3 || (*mode != 0 && command.number(1) != 5)) return error(CmeError::kIncorrect);
    const std::string_view value = command.text(command.name == "+CEDRXS" ? 2 : 3);
    const bool bits = value.size() == 4 && value.find_first_not_of("01") == std::string_view::npos;
    if (!value.empty() && !bits) return error(CmeError::kIncorrect);
    state.memory.edrx = *mode == 0 || *mode == 3 ? "" : std::string(value);
    return ok();
}

AtAnswer configuration(const AtCommand& command, ModemState& state, Now) {
    auto& config = state.memory.config;
    if (command.form == Form::kRead) {
        std::vector<std::string> lines;
        for (const auto& [name, value] : config)
            lines.push_back(fmt::format("+NCONFIG: \"{}\",\"{}\"", name, value));
        return ok(std::move(lines));
    }
    const auto found = config.find(command.text(0));
    const std::string_view value = command.text(1);
    if (found == config.end() || (value != "TRUE" && value != "FALSE")) return error(CmeError::kIncorrect);
    found->second = value;  // AUTOCONNECT is looked at when it starts and at AT+CFUN=1
    return ok();
}

AtAnswer context(const AtCommand& command, ModemState& state, Now) {
    auto& access_points = state.settings.access_points;
    if (command.form == Form::kRead) {
        std::vector<std::string> lines;
        for (const auto& [number, name] : access_points)
            lines.push_back(fmt::format("+CGDCONT: {},\"IP\",\"{}\",,0,0", number, name));
        return ok(std::move(lines));
    }
    const auto number = command.number(0);
    if (!number || *number > 10 || (command.arguments.size() > 1 && command.text(1) != "IP"))
        return error(CmeError::kIncorrect);
    access_points[*number] = command.text(2);
    return ok();
}

AtAnswer context_address(const AtCommand& command, ModemState& state, Now) {
    const auto number = command.number(0).value_or(0);
    if (!state.radio.is_registered()) return ok({fmt::format("+CGPADDR: {}", number)});
    return ok({fmt::format("+CGPADDR: {},\"{}\"", number, state.options.identity.address)});
}

AtAnswer signal(const AtCommand& command, ModemState& state, Now) {
    const bool registered = state.radio.is_registered();
    if (command.name == "+CSQ") return ok({registered ? "+CSQ: 17,99" : "+CSQ: 99,99"});
    const std::string_view kind = command.text(0);
    constexpr std::array kKinds{"RADIO", "CELL", "BLER", "THP", "APPSMEM", "ALL"};
    if (command.form == Form::kSet && std::ranges::find(kKinds, kind) == kKinds.end())
        return error(CmeError::kIncorrect);
    if (command.form == Form::kSet && kind != "RADIO" && kind != "ALL") return ok();
    const int scale = state.options.manners.signal_in_tenths ? 10 : 1;
    const int unknown = -32'768;
    std::vector<std::string> lines;
    const auto add = [&](std::string_view name, int value) {
        lines.push_back(fmt::format("NUESTATS: \"RADIO\",\"{}\",{}", name, value));  // without '+'
    };
    add("Signal power", registered ? -79 * scale : unknown);
    add("Total power", registered ? -72 * scale : unknown);
    add("TX power", registered ? 4 * scale : unknown);
    add("TX time", 0);
    add("RX time", 0);
    add("Cell ID", registered ? 21'445'121 : 0);
    add("ECL", registered ? 0 : 255);
    add("SNR", registered ? 12 * scale : unknown);
    add("EARFCN", registered ? 6'354 : 0);
    add("PCI", registered ? 68 : 0);
    add("RSRQ", registered ? -11 * scale : unknown);
    return ok(std::move(lines));
}

AtAnswer clock(const AtCommand&, ModemState& state, Now now) {
    const auto time =
        state.radio.is_registered() ? std::chrono::floor<seconds>(now.wall) : std::chrono::sys_seconds{};
    return ok({fmt::format("+CCLK: \"{:%y/%m/%d,%H:%M:%S}+00\"", time)});
}

AtAnswer restart(const AtCommand&, ModemState&, Now) {
    return {.lines = {"REBOOTING"}, .restarts = "APPLICATION_AT"};
}

// AT+NATSPEED=<baud>,<time-out>,<store>,<synchronisation>: only the first is used.
AtAnswer speed(const AtCommand& command, ModemState& state, Now) {
    if (!state.options.manners.has_natspeed) return error(CmeError::kNotSupported);
    constexpr std::array<std::uint32_t, 4> kSpeeds{4'800, 9'600, 57'600, 115'200};
    const auto value = command.number(0);
    if (!value || std::ranges::find(kSpeeds, *value) == kSpeeds.end()) return error(CmeError::kIncorrect);
    return {.baud = *value};
}

AtAnswer accepted(const AtCommand&, ModemState&, Now) {
    return ok();
}

struct Entry {
    std::string_view name;
    Handler handler;
};

constexpr Entry kTable[]{
    {"", accepted},
    {"E", echo},
    {"I", identity},
    {"Z", accepted},
    {"&", accepted},  // AT&F, AT&W
    {"+CCLK", clock},
    {"+CEDRXS", discontinuous_reception},
    {"+CEREG", numbered_setting},
    {"+CFUN", radio},
    {"+CGATT", attachment},
    {"+CGDCONT", context},
    {"+CGMI", identity},
    {"+CGMM", identity},
    {"+CGMR", identity},
    {"+CGPADDR", context_address},
    {"+CGSN", identity},
    {"+CIMI", identity},
    {"+CMEE", numbered_setting},
    {"+COPS", operator_selection},
    {"+CPSMS", power_saving},
    {"+CSCON", numbered_setting},
    {"+CSQ", signal},
    {"+NATSPEED", speed},
    {"+NBAND", accepted},
    {"+NCCID", identity},
    {"+NCDP", accepted},
    {"+NCONFIG", configuration},
    {"+NNMI", accepted},
    {"+NPIN", accepted},
    {"+NPSMR", numbered_setting},
    {"+NPTWEDRXS", discontinuous_reception},
    {"+NRB", restart},
    {"+NSMI", accepted},
    {"+NUESTATS", signal},
};

}  // namespace

unsigned number_of(CmeError error, ErrorNumbers numbers) {
    const auto standard = static_cast<unsigned>(error);
    switch (numbers) {
        case ErrorNumbers::kStandard:
            return error == CmeError::kRadioOff ? static_cast<unsigned>(CmeError::kNotAllowed) : standard;
        case ErrorNumbers::kVendor:  // 512 required parameter not configured, 516 incorrect state
            if (error == CmeError::kIncorrect) return 512;
            if (error == CmeError::kNoNetwork || error == CmeError::kNotAllowed) return 516;
            return standard;
        case ErrorNumbers::kStrange:
            break;
    }
    return 10'000 + standard;
}

milliseconds duration_of(const AtCommand& command, ModemState& state) {
    const ModemManners& manners = state.options.manners;
    const milliseconds delay =
        manners.answer_delay + state.chance.between(milliseconds(0), manners.answer_jitter);
    const bool starts_radio = command.name == "+CFUN" && command.number(0) == 1 && !state.radio.is_on();
    return starts_radio ? delay + manners.radio_on_time : delay;
}

void start_radio(ModemState& state, SteadyTime now) {
    state.radio.switch_on();
    apply_psm(state);
    if (state.memory.config["AUTOCONNECT"] == "TRUE") state.radio.attach(now);
}

std::string registration_text(const ModemState& state, bool with_setting) {
    const ModemSettings& settings = state.settings;
    std::string text = "+CEREG: ";
    if (with_setting) text += fmt::format("{},", settings.cereg);
    text += fmt::format("{}", static_cast<unsigned>(state.radio.registration()));
    if (settings.cereg < 2) return text;
    if (state.radio.is_registered()) text += ",\"5BA1\",\"01473A01\",9";  // 9: E-UTRAN (NB-S1 mode)
    if (settings.cereg >= 4 && state.radio.is_registered() && state.memory.psm &&
        state.options.network.grants_psm)
        text += fmt::format(",,,\"{}\",\"{}\"", state.memory.active_timer, state.memory.periodic_timer);
    if (settings.cereg % 2 == 1 && state.radio.registration() == Registration::kDenied)
        text += ",,,,0,13";  // EMM cause 13: roaming not allowed in this tracking area
    return text;
}

AtAnswer execute(const AtCommand& command, ModemState& state, Now now) {
    if (auto answer = execute_socket_command(command, state, now)) return std::move(*answer);
    const auto entry = std::ranges::find(kTable, command.name, &Entry::name);
    if (entry == std::end(kTable)) return error(CmeError::kNotSupported);
    if (command.form == Form::kTest) return ok();
    return entry->handler(command, state, now);
}

}  // namespace narrowgate::sim
