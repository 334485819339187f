// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/session_moves.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <memory>
#include <ostream>

#include "daemon/commands/output_file.hpp"
#include "daemon/commands/secret_file.hpp"
#include "daemon/commands/stopped_gateway.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/control/caller.hpp"
#include "daemon/control/session_calls.hpp"
#include "daemon/devices/device_history.hpp"
#include "narrowgate/store/moves.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

struct SessionMovesArguments {
    std::filesystem::path file;
    std::filesystem::path key_file;
    std::string destination;
    std::string fleet;
    std::string id;
    bool again = false;
    bool done = false;
    bool without_unknown = false;
};

constexpr std::size_t kMaxKeyFileBytes = 2 * store::kTransferKeyBytes + 2;

Expected<Secret> read_key(const Invocation& invocation, const std::filesystem::path& file) {
    auto text = read_secret_file(file, invocation.console.in, kMaxKeyFileBytes);
    if (!text) return text;
    auto hex = text_of(text->view());
    while (hex.ends_with('\n') || hex.ends_with('\r'))
        hex.remove_suffix(1);
    auto key = from_hex(hex);
    if (key && key->size() == store::kTransferKeyBytes) return Secret(*std::move(key));
    if (key) wipe(*key);
    return failure(fmt::format("{}: holds no transfer key", file.string()),
                   "it must hold 64 hexadecimal digits: (umask 077; openssl rand -hex 32 > FILE)");
}

Expected<store::Uuid> read_uuid(const std::string& text, const char* what) {
    if (const auto uuid = store::Uuid::from_text(text)) return *uuid;
    return failure(fmt::format("\"{}\" is no {}", text.substr(0, 64), what),
                   "copy it from `narrowgate sessions list`: 32 hexadecimal digits in five groups");
}

// The export that is meant: the one that was named, or else the one that is kept.
Expected<store::Uuid> kept_export(const Config& config, const SessionMovesArguments& arguments, Log& log,
                                  const Clock& clock) {
    if (!arguments.id.empty()) return read_uuid(arguments.id, "export");
    const auto store = store::Store::open(config.store, log, clock);
    if (!store) return std::unexpected(store.error());
    const auto exports = (*store)->exports();
    if (!exports) return std::unexpected(exports.error());
    if (exports->size() == 1) return exports->front().id;
    return failure(fmt::format("this store keeps {} exports", exports->size()),
                   exports->empty() ? "nothing is left to write or to finish"
                                    : "say which with --export; `narrowgate sessions list` shows them");
}

ExitCode write_file(const Invocation& invocation, const Config& config, const store::Uuid& id,
                    OutputFile& out, const std::filesystem::path& path, Log& log) {
    auto info = store::write_export(
        config.store, id, [&](ByteView bytes) { return out.write(bytes); }, log, invocation.clock);
    if (info) {
        if (auto finished = out.finish(); !finished) info = std::unexpected(finished.error());
    }
    if (!info) {
        return invocation.fail(
            {info.error().what,
             fmt::format("{}. Nothing is lost: the sessions are kept in this store under export {}, and\n"
                         "  narrowgate sessions export --again --export {} --to FILE\n"
                         "writes the file once there is room",
                         info.error().cure, id.text(), id.text())});
    }
    if (invocation.json) return invocation.print(export_json(*info));
    invocation.console.out << fmt::format(
        "{} has {} for gateway {}, and this gateway has forgotten them.\n"
        "There:  narrowgate sessions import --from FILE --key-file KEY\n"
        "Then here:  narrowgate sessions export --done --export {}\n"
        "Should the file be lost on its way:  narrowgate sessions export --again --export {} --to FILE\n",
        path.string(), counted(info->sessions, "session"), info->destination.text(), id.text(), id.text());
    return ExitCode::kOk;
}

ExitCode finish(const Invocation& invocation, const Config& config, const SessionMovesArguments& arguments,
                Log& log, const Caller& caller) {
    const auto id = kept_export(config, arguments, log, invocation.clock);
    if (!id) return invocation.fail(id.error());
    const auto done = store::finish_export(config.store, *id, caller.name, log, invocation.clock);
    if (!done) return invocation.fail(done.error());
    if (invocation.json) return invocation.print({{"id", id->text()}});
    invocation.console.out << fmt::format("What was kept of export {} is deleted.\n", id->text());
    return ExitCode::kOk;
}

ExitCode make_export(const Invocation& invocation, const SessionMovesArguments& arguments) {
    const bool first = !arguments.again && !arguments.done;
    if ((arguments.again && arguments.done) ||
        (first && (arguments.destination.empty() || arguments.key_file.empty())) ||
        (!arguments.done && arguments.file.empty())) {
        return invocation.fail({"the arguments do not say what to export to where",
                                "give --for, --to and --key-file; or --again and --to; or --done. "
                                "See narrowgate sessions export --help"},
                               ExitCode::kUsage);
    }
    const auto config = config_of_stopped_gateway(invocation);
    if (!config) return config.error().tell(invocation);
    store::ExportRequest request{.destination = {}, .fleet = arguments.fleet, .event = {}, .actor = {}};
    Secret key;
    if (first) {
        const auto destination = read_uuid(arguments.destination, "gateway");
        if (!destination) return invocation.fail(destination.error(), ExitCode::kUsage);
        request.destination = *destination;
        auto read = read_key(invocation, arguments.key_file);
        if (!read) return invocation.fail(read.error());
        key = *std::move(read);
    }
    // As the user that named the file; the store is opened as its owner.
    std::optional<OutputFile> out;
    if (!arguments.done) {
        auto made = OutputFile::make(arguments.file);
        if (!made) return invocation.fail(made.error());
        out.emplace(std::move(*made));
    }
    const Caller caller = this_caller();
    if (const auto owner = become_owner(*config); !owner) return owner.error().tell(invocation);
    Log log(LogLevel::kWarning);
    if (arguments.done) return finish(invocation, *config, arguments, log, caller);
    if (arguments.again) {
        const auto id = kept_export(*config, arguments, log, invocation.clock);
        if (!id) return invocation.fail(id.error());
        return write_file(invocation, *config, *id, *out, arguments.file, log);
    }
    request.actor = caller.name;
    request.event =
        device_event({}, invocation.clock.now().wall, SessionEndEvent{.how = SessionEnd::kMoved}).body;
    const auto made = store::export_sessions(config->store, request, key, log, invocation.clock);
    if (!made) return invocation.fail(made.error());
    return write_file(invocation, *config, made->id, *out, arguments.file, log);
}

ExitCode make_import(const Invocation& invocation, const SessionMovesArguments& arguments) {
    const auto config = config_of_stopped_gateway(invocation);
    if (!config) return config.error().tell(invocation);
    const auto key = read_key(invocation, arguments.key_file);
    if (!key) return invocation.fail(key.error());
    std::ifstream file(arguments.file, std::ios::binary);
    if (!file) {
        return invocation.fail(
            {fmt::format("{} cannot be read", arguments.file.string()), "name a file that you can read"});
    }
    const Caller caller = this_caller();
    if (const auto owner = become_owner(*config); !owner) return owner.error().tell(invocation);
    Log log(LogLevel::kWarning);
    const auto imported = store::import_sessions(config->store, file, *key,
                                                 {.cid_bytes = config->dtls.cid_bytes,
                                                  .without_unknown = arguments.without_unknown,
                                                  .actor = caller.name},
                                                 log, invocation.clock);
    if (!imported) return invocation.fail(imported.error());
    if (invocation.json) {
        return invocation.print({{"id", imported->id.text()},
                                 {"source", imported->source.text()},
                                 {"sessions", imported->sessions},
                                 {"unknown", imported->unknown},
                                 {"superseded", imported->superseded},
                                 {"displaced", imported->displaced}});
    }
    std::ostream& out = invocation.console.out;
    out << fmt::format("{} of gateway {} can go on here.\n", counted(imported->sessions, "session"),
                       imported->source.text());
    if (imported->unknown != 0) {
        out << fmt::format("{} were left out, of identities that are not in use here: {}{}\n",
                           imported->unknown, fmt::join(imported->unknown_names, ", "),
                           imported->unknown > imported->unknown_names.size() ? " …" : "");
    }
    if (imported->superseded != 0)
        out << fmt::format("{} were left out: their nodes have a session here already.\n",
                           imported->superseded);
    if (imported->displaced != 0) {
        out << fmt::format(
            "{} were left out: another session here has their connection ID. Their nodes shake "
            "hands once.\n",
            imported->displaced);
    }
    return ExitCode::kOk;
}

constexpr const char* kExportFooter =
    "Moves sessions to another gateway, so that nodes need no new handshake there. The gateway must be\n"
    "stopped. It forgets the sessions for good before the file is written, and the file can be imported by\n"
    "the gateway that --for names alone, once: no session can ever go on at two places. What was exported "
    "is\n"
    "kept, sealed under the transfer key, until --done says that it has arrived.\n"
    "\n"
    "Example:\n"
    "  (there) narrowgate sessions list                        says which gateway it is\n"
    "  (umask 077; openssl rand -hex 32 > transfer.key)\n"
    "  systemctl stop narrowgate\n"
    "  narrowgate sessions export --for 5c0f… --to sessions.ngsx --key-file transfer.key\n"
    "  (there, stopped) narrowgate sessions import --from sessions.ngsx --key-file transfer.key\n"
    "  narrowgate sessions export --done\n";

}  // namespace

void add_session_moves(const Command& sessions, Invocation& invocation) {
    const auto arguments = std::make_shared<SessionMovesArguments>();
    Command command = sessions.add_subcommand("export", "Give sessions to another gateway");
    add_config_option(command, invocation);
    command
        .add_option("--for", arguments->destination,
                    "The gateway that gets them, as its `sessions list` says")
        .type_name("GATEWAY");
    command.add_option("--to", arguments->file, "The file to make").type_name("FILE");
    command.add_option("--key-file", arguments->key_file, "The transfer key: 64 hexadecimal digits")
        .type_name("FILE");
    command.add_option("--fleet", arguments->fleet, "Those of one fleet alone").type_name("FLEET");
    command.add_flag("--again", arguments->again, "Write the file of an export that is kept once more");
    command.add_flag("--done", arguments->done, "It has arrived: delete what is kept of it");
    command.add_option("--export", arguments->id, "Which one, where several are kept").type_name("EXPORT");
    add_json_option(command, invocation);
    command.footer(kExportFooter);
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return make_export(invocation, *arguments); };
    });

    command = sessions.add_subcommand("import", "Take sessions over from another gateway");
    add_config_option(command, invocation);
    command.add_option("--from", arguments->file, "The file that it made for this gateway")
        .required()
        .type_name("FILE");
    command.add_option("--key-file", arguments->key_file, "The transfer key that it was made with")
        .required()
        .type_name("FILE");
    command.add_flag("--without-unknown", arguments->without_unknown,
                     "Leave out sessions of identities that are not in use here");
    add_json_option(command, invocation);
    command.footer(
        "The gateway must be stopped, and know the devices: import them first. All or nothing is taken.\n"
        "A node that has a session here already keeps that one.\n");
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return make_import(invocation, *arguments); };
    });
}

}  // namespace narrowgate::daemon
