// SPDX-License-Identifier: Apache-2.0
//
// What the device commands share. Inside daemon/commands only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "daemon/commands/invocation.hpp"
#include "daemon/devices/device_exchange.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::daemon {

struct DeviceArguments {
    std::string device;
    std::string identity;
    std::string fleet;
    std::string name;
    std::string valid_from;
    std::string valid_until;
    std::filesystem::path file;
    std::string interval;
    std::uint64_t exchanges = kUsualExchanges;
    bool as_fleet = false;
    bool generate = false;
    bool cancel = false;
    bool dry_run = false;
    bool with_keys = false;
};
using DeviceCommand = ExitCode (*)(const Invocation&, const DeviceArguments&);

// A subcommand of `device` that does `command` with the shared `arguments`.
Command add_device_subcommand(const Command& device, Invocation& invocation,
                              std::shared_ptr<DeviceArguments> arguments, const std::string& name,
                              const std::string& description, DeviceCommand command);
void add_validity_options(const Command& command, DeviceArguments& arguments);

// A random key of 16 bytes, in hexadecimal: as strong as the AES-128 of the cipher suites.
Secret generate_key();
// The key in hexadecimal from arguments.file, or a generated one when that is empty.
Expected<Secret> read_or_generate_key(const Invocation& invocation, const DeviceArguments& arguments);
// Puts valid_from and valid_until into a call as not_before and not_after. Fails when one is no time.
Expected<void> set_validity(nlohmann::json& call, const DeviceArguments& arguments);

// The subcommands of their own files.
void add_device_show_command(const Command& device, Invocation& invocation,
                             const std::shared_ptr<DeviceArguments>& arguments);
void add_device_life_commands(const Command& device, Invocation& invocation,
                              const std::shared_ptr<DeviceArguments>& arguments);

}  // namespace narrowgate::daemon
