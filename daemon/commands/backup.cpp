// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate backup` and `narrowgate restore`.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <ostream>

#include "daemon/commands/stopped_gateway.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"
#include "daemon/control/caller.hpp"
#include "daemon/devices/device_history.hpp"
#include "narrowgate/store/copies.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

struct BackupArguments {
    std::filesystem::path file;
    bool force = false;
};

json copy_json(const store::CopyInfo& copy) {
    return {{"store", copy.store.text()},      {"made", to_rfc3339(copy.made)}, {"devices", copy.devices},
            {"credentials", copy.credentials}, {"readings", copy.readings},     {"bytes", copy.bytes}};
}

ExitCode backup(const Invocation& invocation, const BackupArguments& arguments) {
    const auto config = read_config(invocation.config_file);
    if (!config) return invocation.fail(config.error());
    const auto made = store::back_up(config->store, arguments.file, arguments.force, invocation.clock);
    if (!made) return invocation.fail(made.error());
    if (invocation.json) return invocation.print(copy_json(*made));
    invocation.console.out << fmt::format(
        "{} is a copy of store {}: {}, {}, {}.\n"
        "It holds no sessions: after a restore every node shakes hands once.\n"
        "It does not hold the sealing key either. Keep a copy of {} (or of the\n"
        "systemd credential narrowgate-state-key) in another place than this file: without the key the file\n"
        "is of no use, and whoever has both has the key of every device.\n",
        arguments.file.string(), made->store.text(), counted(made->devices, "device"),
        counted(made->readings, "reading"), size_in_words(made->bytes),
        (config->gateway.state_directory / "state.key").string());
    return ExitCode::kOk;
}

ExitCode restore(const Invocation& invocation, const BackupArguments& arguments) {
    const auto config = config_of_stopped_gateway(invocation);
    if (!config) return config.error().tell(invocation);
    // As the user that named the file; the store then belongs to the gateway's.
    std::ifstream copy(arguments.file, std::ios::binary);
    if (!copy) {
        return invocation.fail(Error{fmt::format("{} cannot be read", arguments.file.string()),
                                     "name a file that you can read"});
    }
    const Caller caller = this_caller();
    if (const auto owner = become_owner(*config); !owner) return owner.error().tell(invocation);
    const auto event =
        device_event({}, invocation.clock.now().wall, SessionEndEvent{.how = SessionEnd::kRestored});
    const auto restored = store::restore(
        config->store, copy, {.replace = arguments.force, .event = event.body, .actor = caller.name},
        invocation.clock);
    if (!restored) return invocation.fail(restored.error());
    if (invocation.json) {
        json result = copy_json(restored->copy);
        result["next_reading"] = restored->next_reading;
        result["set_aside"] =
            restored->set_aside.empty() ? json(nullptr) : json(restored->set_aside.string());
        return invocation.print(result);
    }
    std::ostream& out = invocation.console.out;
    out << fmt::format(
        "The store is as it was at {}: {}, {}.\n"
        "Credentials are as they were then. What was revoked, rotated, added or imported since must be done\n"
        "again before the gateway starts: a key that was revoked because it was lost opens sessions again.\n"
        "New readings get numbers from {} on, so that none has the id of one that the original gave.\n"
        "There are no sessions: every node shakes hands once.\n",
        to_rfc3339(restored->copy.made), counted(restored->copy.devices, "device"),
        counted(restored->copy.readings, "reading"), restored->next_reading);
    if (!restored->set_aside.empty()) {
        out << fmt::format("The store that was there is {}: delete it when all is well.\n",
                           restored->set_aside.string());
    }
    return ExitCode::kOk;
}

Command add_command(const Command& app, Invocation& invocation, const std::string& name,
                    const std::string& description, const std::string& force,
                    ExitCode (*action)(const Invocation&, const BackupArguments&)) {
    const Command command = app.add_subcommand(name, description);
    const auto arguments = std::make_shared<BackupArguments>();
    add_config_option(command, invocation);
    command.add_option("file", arguments->file, "The backup").required().type_name("FILE");
    command.add_flag("--force", arguments->force, force);
    add_json_option(command, invocation);
    command.callback([&invocation, arguments, action] {
        invocation.action = [&invocation, arguments, action] { return action(invocation, *arguments); };
    });
    return command;
}

}  // namespace

void add_backup_commands(const Command& app, Invocation& invocation) {
    add_command(app, invocation, "backup", "Copy the store, without sessions", "Replace FILE if it exists",
                backup)
        .footer(
            "The copy is of one moment and whole, whether the gateway runs or not; nothing waits for it.\n"
            "It has the devices with their keys sealed, readings that are not delivered yet, how far each\n"
            "upstream has got, dead letters and the audit trail. Run it as root or as the gateway's user.\n"
            "\n"
            "Example:\n"
            "  narrowgate backup /var/backups/narrowgate-$(date +%F).db\n");
    add_command(app, invocation, "restore", "Make a backup the store again",
                "Move a store that is there aside", restore)
        .footer(
            "The gateway must be stopped, and the sealing key that belongs to the backup must be in the\n"
            "state directory (state.key) first. FILE is checked before anything is changed.\n"
            "\n"
            "Example:\n"
            "  systemctl stop narrowgate\n"
            "  narrowgate restore /var/backups/narrowgate-2026-03-01.db --force\n"
            "  systemctl start narrowgate\n");
}

}  // namespace narrowgate::daemon
