// SPDX-License-Identifier: Apache-2.0
//
// The commands of sockets: +NSOCR, +NSOST, +NSOSTF, +NSORF, +NSOCL, +NPING.
#include <fmt/format.h>

#include <algorithm>

#include "sim/modem_commands.hpp"

namespace narrowgate::sim {
namespace {

using Form = AtCommand::Form;

constexpr std::uint32_t kUdp = 17;  // IP protocol number

std::string upper_hex(ByteView bytes) {
    std::string hex = to_hex(bytes);
    for (char& c : hex)
        c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    return hex;
}

// A literal IPv4 address; names are not resolved.
std::optional<Address> remote_of(std::string_view ip, std::optional<std::uint32_t> port) {
    if (!port || *port == 0 || *port > UINT16_MAX) return std::nullopt;
    const auto address = Address::from_text(fmt::format("{}:{}", ip, *port));
    return address && address->is_v4() ? address : std::nullopt;
}

// AT+NSOCR="DGRAM",17,<port>[,<receive control>]
AtAnswer open_socket(const AtCommand& command, ModemState& state) {
    const auto port = command.has(2) ? command.number(2) : std::optional<std::uint32_t>(0);
    const auto announces = command.has(3) ? command.number(3) : std::optional<std::uint32_t>(1);
    if (command.text(0) != "DGRAM" || command.number(1) != kUdp || !port || *port > UINT16_MAX ||
        !announces || *announces > 1 || command.arguments.size() > 4) {
        return error(CmeError::kIncorrect);
    }
    const auto socket = state.sockets.open(static_cast<std::uint16_t>(*port), *announces == 1);
    if (!socket) return error(CmeError::kIncorrect);
    return {.lines = {fmt::format("{}", *socket)}};
}

// AT+NSOST=<socket>,"<ip>",<port>,<length>,"<data>"[,<sequence>]; +NSOSTF has <flags> before the length.
AtAnswer send(const AtCommand& command, ModemState& state, Now now) {
    const std::size_t shift = command.name == "+NSOSTF" ? 1 : 0;
    const std::size_t fields = 5 + shift + (state.options.manners.sequence_numbers ? 1 : 0);
    const auto socket = command.number(0);
    const auto remote = remote_of(command.text(1), command.number(2));
    const auto flags = shift == 1 ? command.number(3) : std::optional<std::uint32_t>(0);
    const auto length = command.number(3 + shift);
    const auto data = from_hex(command.text(4 + shift));
    const auto sequence =
        command.has(5 + shift) ? command.number(5 + shift) : std::optional<std::uint32_t>(0);
    constexpr std::uint32_t kAllFlags = kFlagHighPriority | kFlagReleaseNow | kFlagReleaseAfterReply;
    if (!socket || !state.sockets.is_open(*socket) || !remote || !flags || (*flags & ~kAllFlags) != 0 ||
        !length || *length == 0 || *length > ModemSockets::kDatagramBytes || !data ||
        data->size() != *length || !sequence || *sequence > 255 || command.arguments.size() > fields) {
        return error(CmeError::kIncorrect);
    }
    if (!state.radio.is_on()) return error(CmeError::kRadioOff);
    if (take_one(state.accidents.busy_sends) || state.chance.happens(state.options.defects.busy_send))
        return error(CmeError::kUplinkBusy);

    AtAnswer answer{.lines = {fmt::format("{},{}", *socket, *length)}};
    bool sends = state.radio.is_registered();
    if (!sends && state.options.manners.send_unregistered == SendUnregistered::kRefused)
        return error(CmeError::kNoNetwork);
    if (take_one(state.accidents.reboots_in_send) ||
        state.chance.happens(state.options.defects.reboot_in_send)) {
        answer = {.restarts = "WATCHDOG"};
        // Only what has a connection can still get out.
        sends = sends && state.radio.is_connected() && state.chance.happens(0.5);
    }
    if (sends && !state.radio.send({.socket = *socket,
                                    .port = state.sockets.port(*socket),
                                    .to = *remote,
                                    .flags = *flags,
                                    .sequence = *sequence,
                                    .datagram = *data},
                                   now.steady)) {
        return error(CmeError::kUplinkBusy);
    }
    return answer;
}

std::string empty_text(std::uint32_t socket, EmptyRead form) {
    return form == EmptyRead::kShort ? fmt::format("{},\"\",0", socket) : fmt::format("{},,,,,0", socket);
}

// AT+NSORF=<socket>,<most bytes>
AtAnswer receive(const AtCommand& command, ModemState& state) {
    const ModemManners& manners = state.options.manners;
    const auto socket = command.number(0);
    const auto most = command.number(1);
    if (!socket || !state.sockets.is_open(*socket) || !most || *most == 0 ||
        *most > ModemSockets::kDatagramBytes || command.arguments.size() != 2) {
        return error(CmeError::kIncorrect);
    }
    AtAnswer answer;
    const auto part = state.sockets.read(*socket, *most);
    if (!part) {
        if (manners.empty_read == EmptyRead::kSilent) answer.silent = true;
        if (manners.empty_read == EmptyRead::kShort || manners.empty_read == EmptyRead::kCommas)
            answer.lines.push_back(empty_text(*socket, manners.empty_read));
        return answer;
    }
    if (manners.lone_carriage_return) answer.before = "\r";
    const std::string from = part->from.text();
    answer.lines.push_back(fmt::format("{},\"{}\",{},{},\"{}\",{}", *socket, from.substr(0, from.rfind(':')),
                                       part->from.port, part->data.size(), upper_hex(part->data),
                                       part->remaining));
    if (const auto notice = state.sockets.next_notice(*socket)) {
        answer.urc_after = fmt::format("+NSONMI:{}{},{}", manners.announcement_space ? " " : "",
                                       notice->socket, notice->bytes);
    }
    return answer;
}

// OK at once; how it went is a URC.
AtAnswer ping(const AtCommand& command, ModemState& state) {
    if (!remote_of(command.text(0), 1)) return error(CmeError::kIncorrect);
    if (!state.radio.is_on()) return error(CmeError::kRadioOff);
    const LinkOptions& link = state.options.network.link;
    AtAnswer answer;
    if (!state.radio.is_registered() || link.loss >= 1) {
        answer.urc_after = "+NPINGERR: 1";
    } else {
        answer.urc_after = fmt::format("+NPING: 0,\"{}\",54,{}", command.text(0), 2 * link.delay.count());
    }
    return answer;
}

}  // namespace

std::optional<AtAnswer> execute_socket_command(const AtCommand& command, ModemState& state, Now now) {
    const bool known = command.name == "+NSOCR" || command.name == "+NSOST" || command.name == "+NSOSTF" ||
                       command.name == "+NSORF" || command.name == "+NSOCL" || command.name == "+NPING";
    if (!known) return std::nullopt;
    if (command.form == Form::kTest) return AtAnswer{};
    if (command.form != Form::kSet) return error(CmeError::kIncorrect);
    if (command.name == "+NSOCR") return open_socket(command, state);
    if (command.name == "+NSORF") return receive(command, state);
    if (command.name == "+NPING") return ping(command, state);
    if (command.name == "+NSOCL") {
        if (!state.sockets.close(command.number(0).value_or(ModemSockets::kSockets)))
            return error(CmeError::kIncorrect);
        return AtAnswer{};
    }
    return send(command, state, now);
}

}  // namespace narrowgate::sim
