// SPDX-License-Identifier: Apache-2.0
#include "sim/at_command.hpp"

#include <algorithm>
#include <charconv>

namespace narrowgate::sim {
namespace {

std::string upper(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return result;
}

// At every `separator` outside quotes.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    bool quoted = false;
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '"') quoted = !quoted;
        if (text[at] != separator || quoted) continue;
        parts.push_back(text.substr(begin, at - begin));
        begin = at + 1;
    }
    parts.push_back(text.substr(begin));
    return parts;
}

std::string unquoted(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    return std::string(text);
}

AtCommand read_command(std::string_view text) {
    AtCommand command;
    if (text.empty()) return command;
    if (text.front() != '+') {
        command.name = upper(text.substr(0, 1));
        if (text.size() > 1) command.arguments.emplace_back(text.substr(1));
        return command;
    }
    const auto end = std::min(text.find_first_of("=?"), text.size());
    command.name = upper(text.substr(0, end));
    const std::string_view rest = text.substr(end);
    if (rest == "?") {
        command.form = AtCommand::Form::kRead;
    } else if (rest == "=?") {
        command.form = AtCommand::Form::kTest;
    } else if (!rest.empty() && rest.front() == '=') {
        command.form = AtCommand::Form::kSet;
        for (const std::string_view argument : split(rest.substr(1), ','))
            command.arguments.push_back(unquoted(argument));
    } else if (!rest.empty()) {
        command.name += rest;  // "AT+CEREG?x": nobody knows that command
    }
    return command;
}

}  // namespace

std::string_view AtCommand::text(std::size_t index) const {
    return index < arguments.size() ? std::string_view(arguments[index]) : std::string_view();
}

std::optional<std::uint32_t> AtCommand::number(std::size_t index) const {
    std::string_view digits = text(index);
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
        digits.remove_prefix(2);
        base = 16;
    }
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

std::optional<std::vector<AtCommand>> read_at_line(std::string_view line) {
    if (line.size() < 2 || upper(line.substr(0, 2)) != "AT") return std::nullopt;
    std::vector<AtCommand> commands;
    for (const std::string_view part : split(line.substr(2), ';'))
        commands.push_back(read_command(part));
    return commands;
}

}  // namespace narrowgate::sim
