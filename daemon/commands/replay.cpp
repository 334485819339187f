// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate replay`: readings that an upstream has had are sent to it once more.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/json_words.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

struct ReplayArguments {
    bool status = false;
    bool cancel = false;
    bool dry_run = false;
    std::string from;
    std::string to;
    std::string upstream;
    std::string fleet;
    std::string device;
};

// A time as people type it: RFC 3339, or so long ago.
std::optional<WallTime> time_of(const std::string& words, WallTime now) {
    if (words.starts_with('-')) {
        const auto ago = parse_duration(std::string_view(words).substr(1));
        if (!ago) return std::nullopt;
        return now - *ago;
    }
    return from_rfc3339(words);
}

std::string no_time(const std::string& words) {
    if (time_of(words, WallTime{})) return {};
    return fmt::format("\"{}\" is no time: such as 2026-03-01T12:00:00Z, or -2h for two hours ago", words);
}

std::string replay_words(const json& replay) {
    const double all = replay.at("to_look_through").get<double>();
    return replay.at("state") == "running" && all > 0
               ? fmt::format("{:.0f} %", 100 * replay.at("looked_through").get<double>() / all)
               : text(replay.at("state"));
}

ExitCode show(const Invocation& invocation, const ReplayArguments& arguments) {
    json call = json::object();
    const auto result = call_daemon_or_store(invocation, "replay.list", call);
    if (!result) return result.error().tell(invocation);
    json replays = json::array();
    for (const json& replay : result->at("replays")) {
        if (arguments.upstream.empty() || replay.at("upstream") == arguments.upstream)
            replays.push_back(replay);
    }
    if (invocation.json) return invocation.print(replays);
    if (replays.empty()) {
        invocation.console.out << "There was no replay.\n";
        return ExitCode::kOk;
    }
    std::vector<std::vector<std::string>> rows{{"UPSTREAM", "STATE", "SENT", "LEFT OUT", "REFUSED", "GONE",
                                                "FROM", "TO", "FLEET", "DEVICE", "STARTED", "BY"}};
    for (const json& replay : replays) {
        const auto any = [&](const char* name) {
            const std::string value = text(replay.at(name));
            return value.empty() ? std::string("-") : value;
        };
        rows.push_back({text(replay.at("upstream")), replay_words(replay), text(replay.at("sent")),
                        text(replay.at("left_out")), text(replay.at("refused")), text(replay.at("gone")),
                        text(replay.at("from")), text(replay.at("to")), any("fleet"), any("device"),
                        text(replay.at("started")), text(replay.at("actor"))});
    }
    invocation.console.out << render_table(rows);
    return ExitCode::kOk;
}

ExitCode cancel(const Invocation& invocation, const ReplayArguments& arguments) {
    const auto result = call_daemon(invocation, "replay.cancel", {{"upstream", arguments.upstream}});
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    invocation.console.out << fmt::format("The replay to {} is ended; {} had been sent.\n",
                                          arguments.upstream,
                                          counted(result->at("sent").get<std::uint64_t>(), "reading"));
    return ExitCode::kOk;
}

// The store is counted part by part: the gateway goes on between.
std::expected<json, CallFailure> count(const Invocation& invocation, json call) {
    json sum;
    for (bool more = true; more;) {
        auto part = call_daemon(invocation, "replay.count", call);
        if (!part) return part;
        if (sum.is_null()) {
            sum = *part;
        } else {
            for (const char* name : {"readings", "bytes", "waiting", "unwanted"})
                sum[name] = sum.at(name).get<std::uint64_t>() + part->at(name).get<std::uint64_t>();
            // RFC 3339 in one zone and of one length: earlier is less.
            if (sum.at("first").is_null() ||
                (!part->at("first").is_null() && part->at("first") < sum["first"]))
                sum["first"] = part->at("first");
            if (!part->at("last").is_null() && (sum.at("last").is_null() || sum["last"] < part->at("last")))
                sum["last"] = part->at("last");
        }
        more = !part->at("next").is_null();
        call["after"] = part->at("next");
    }
    sum.erase("next");
    return sum;
}

ExitCode tell_count(const Invocation& invocation, const ReplayArguments& arguments, const json& sum) {
    if (invocation.json) return invocation.print(sum);
    const auto number = [&](const char* name) { return sum.at(name).get<std::uint64_t>(); };
    std::ostream& out = invocation.console.out;
    out << fmt::format("{} ({}) would be sent to {} once more", counted(number("readings"), "reading"),
                       size_in_words(number("bytes")), arguments.upstream);
    if (number("readings") > 0)
        out << fmt::format(", received from {} to {}", text(sum.at("first")), text(sum.at("last")));
    out << ".\n";
    if (number("waiting") > 0)
        out << fmt::format("{} of that time wait to be sent there anyway.\n",
                           counted(number("waiting"), "reading"));
    if (number("unwanted") > 0) {
        out << fmt::format("{} would be left out: they have no route there now, or one to a shadow.\n",
                           counted(number("unwanted"), "reading"));
    }
    return ExitCode::kOk;
}

ExitCode start(const Invocation& invocation, const ReplayArguments& arguments) {
    const WallTime now = invocation.clock.now().wall;
    json call{{"upstream", arguments.upstream}, {"from", to_rfc3339(*time_of(arguments.from, now))}};
    if (!arguments.to.empty()) call["to"] = to_rfc3339(*time_of(arguments.to, now));
    if (!arguments.fleet.empty()) call["fleet"] = arguments.fleet;
    if (!arguments.device.empty()) call["device"] = arguments.device;
    if (arguments.dry_run) {
        const auto sum = count(invocation, std::move(call));
        if (!sum) return sum.error().tell(invocation);
        return tell_count(invocation, arguments, *sum);
    }
    const auto result = call_daemon(invocation, "replay.start", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    invocation.console.out << fmt::format(
        "A replay to {} has begun, behind all that is new or waits. narrowgate replay --status shows how far "
        "it is.\n",
        arguments.upstream);
    return ExitCode::kOk;
}

ExitCode replay(const Invocation& invocation, const ReplayArguments& arguments) {
    if (arguments.status) return show(invocation, arguments);
    if (arguments.upstream.empty()) {
        return invocation.fail({"which upstream is meant is not said", "add --upstream NAME"},
                               ExitCode::kUsage);
    }
    if (arguments.cancel) return cancel(invocation, arguments);
    return start(invocation, arguments);
}

}  // namespace

void add_replay_command(const Command& app, Invocation& invocation) {
    const auto arguments = std::make_shared<ReplayArguments>();
    const Command command =
        app.add_subcommand("replay", "Send readings to an upstream once more, after a rule of its was wrong");
    add_config_option(command, invocation);
    const Command what = command.add_choice("What");
    what.add_option("--from", arguments->from, "Send what was received from then on: RFC 3339, or -2h")
        .type_name("TIME")
        .check(no_time);
    what.add_flag("--status", arguments->status, "Show how far replays are");
    what.add_flag("--cancel", arguments->cancel, "End the one in progress");
    command.add_option("--to", arguments->to, "… and before this time")
        .type_name("TIME")
        .check(no_time)
        .excludes(what.get_option("--status"))
        .excludes(what.get_option("--cancel"));
    command.add_option("--upstream", arguments->upstream, "Which upstream").type_name("NAME");
    command.add_option("--fleet", arguments->fleet, "Readings of one fleet alone").type_name("NAME");
    command.add_option("--device", arguments->device, "Readings of one device alone").type_name("NAME");
    command.add_flag("--dry-run", arguments->dry_run, "Send nothing, say what would be sent")
        .excludes(what.get_option("--status"))
        .excludes(what.get_option("--cancel"));
    add_json_option(command, invocation);
    command.footer(
        "Takes readings that the store keeps after their delivery: [store] retention. They go by the routes\n"
        "of now, under the ids that they had, behind all that is new or waits; a reading of which the "
        "routes\n"
        "of now know nothing is left out. What the routes of then did not send there is sent if those of "
        "now\n"
        "do. One replay an upstream at a time; it goes on after a restart. Not to a pelion-edge: its values\n"
        "have no times. The audit trail notes who did it.\n"
        "\n"
        "Examples:\n"
        "  narrowgate replay --from -2h --upstream aws --dry-run\n"
        "  narrowgate replay --from 2026-03-01T08:00:00Z --to 2026-03-01T09:30:00Z --upstream aws\n"
        "  narrowgate replay --status\n");
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return replay(invocation, *arguments); };
    });
}

}  // namespace narrowgate::daemon
