// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/device_arguments.hpp"

#include <fmt/format.h>

#include "daemon/commands/secret_file.hpp"
#include "daemon/control/calls.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/crypto.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kGeneratedPskBytes = 16;
constexpr std::size_t kMaxPskFileBytes = 4096;

// RFC 3339, or a day alone: its first moment in UTC.
Expected<WallTime> read_time(std::string_view option, const std::string& text) {
    static constexpr std::size_t kDay = std::string_view("2026-03-01").size();
    const auto time = from_rfc3339(text.size() == kDay ? text + "T00:00:00Z" : text);
    if (!time) {
        return failure(fmt::format("{}: \"{}\" is no time", option, text),
                       "write it like 2026-03-01, or 2026-03-01T12:00:00Z");
    }
    return *time;
}

}  // namespace

Command add_device_subcommand(const Command& device, Invocation& invocation,
                              std::shared_ptr<DeviceArguments> arguments, const std::string& name,
                              const std::string& description, DeviceCommand command) {
    const Command sub = device.add_subcommand(name, description);
    add_config_option(sub, invocation);
    sub.callback([&invocation, arguments = std::move(arguments), command] {
        invocation.action = [&invocation, arguments, command] { return command(invocation, *arguments); };
    });
    return sub;
}

void add_validity_options(const Command& command, DeviceArguments& arguments) {
    command.add_option("--valid-from", arguments.valid_from, "Not before: 2026-03-01, 2026-03-01T12:00:00Z")
        .type_name("TIME");
    command.add_option("--valid-until", arguments.valid_until, "Not after").type_name("TIME");
}

Secret generate_key() {
    Bytes random(kGeneratedPskBytes);
    crypto::fill_random(random);
    std::string digits = to_hex(random);
    wipe(random);
    Secret key(bytes_of(digits));
    wipe_text(digits);
    return key;
}

Expected<Secret> read_or_generate_key(const Invocation& invocation, const DeviceArguments& arguments) {
    if (arguments.file.empty()) return generate_key();
    return read_secret_file(arguments.file, invocation.console.in, kMaxPskFileBytes);
}

Expected<void> set_validity(nlohmann::json& call, const DeviceArguments& arguments) {
    if (!arguments.valid_from.empty()) {
        const auto time = read_time("--valid-from", arguments.valid_from);
        if (!time) return std::unexpected(time.error());
        call["not_before"] = to_rfc3339(*time);
    }
    if (!arguments.valid_until.empty()) {
        const auto time = read_time("--valid-until", arguments.valid_until);
        if (!time) return std::unexpected(time.error());
        call["not_after"] = to_rfc3339(*time);
    }
    return {};
}

}  // namespace narrowgate::daemon
