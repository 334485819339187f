// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate diagnose upstream`: one attempt of its own to connect to a broker, step by step.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <ostream>

#include "daemon/commands/diagnose.hpp"
#include "daemon/commands/owner.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/commands/upstream_attempt.hpp"
#include "daemon/config/units.hpp"
#include "daemon/control/trace_json.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

// Two connections with one client ID throw each other off, and the daemon has the configured one.
constexpr std::string_view kSuffix = "-diagnose";

struct DiagnoseUpstreamArguments {
    std::string name;
    std::string client_id;  // empty: the configured one with kSuffix
    std::string publish;    // a topic; empty: no publish
    std::string timeout;    // empty: the upstream's connect_timeout
    bool last = false;
};

// `text` in lines of at most kWidth, the first after `label`, the others below it.
std::string wrapped(std::string_view label, std::string_view text) {
    constexpr std::size_t kWidth = 100;
    const std::string indent(label.size(), ' ');
    std::string lines(label);
    std::size_t column = label.size();
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        if (column > label.size() && column + 1 + word.size() > kWidth) {
            lines += '\n' + indent;
            column = label.size();
        } else if (column > label.size()) {
            lines += ' ';
            ++column;
        }
        lines += word;
        column += word.size();
    }
    return lines + '\n';
}

std::string verdict_text(std::string_view finding, const std::string& what, const std::string& cause,
                         const std::string& advice) {
    std::string text = fmt::format("Verdict: {}\n", finding);
    text += wrapped("  what happened:  ", printable(what));
    if (!cause.empty()) text += wrapped("  usual cause:    ", printable(cause));
    if (!advice.empty()) text += wrapped("  what to try:    ", printable(advice));
    return text;
}

// The policy of a broker may know the configured client ID alone.
void mention_client_id(mqtt::Diagnosis& diagnosis, const mqtt::ConnectionOptions& used,
                       const std::string& configured) {
    if (used.client_id == configured) return;
    if (diagnosis.finding != mqtt::Finding::kConnackRefused &&
        diagnosis.finding != mqtt::Finding::kClosedWithoutAWord)
        return;
    diagnosis.cause += fmt::format(
        "; or its policy allows client_id {} alone, and this attempt used {} so as not to throw the daemon "
        "off",
        configured, used.client_id);
    diagnosis.advice += fmt::format(
        "; to try with the configured one: --client-id {} (a running daemon is thrown off for a moment)",
        configured);
}

ExitCode attempt(const Invocation& invocation, const DiagnoseUpstreamArguments& arguments,
                 const UpstreamConfig& upstream) {
    mqtt::ConnectionOptions options = upstream.connection;
    options.client_id =
        arguments.client_id.empty() ? options.client_id + std::string(kSuffix) : arguments.client_id;
    if (!arguments.timeout.empty())
        options.connect_timeout = std::chrono::ceil<seconds>(*parse_duration(arguments.timeout));

    std::ostream& out = invocation.console.out;
    if (!invocation.json) {
        out << fmt::format("Upstream {}: {} as {}, for at most {} s\n\n", options.name, options.url,
                           options.client_id, options.connect_timeout.count())
            << std::flush;
    }
    UpstreamAttempt attempt(options, arguments.publish);
    bool stepped = false;
    auto result = attempt.run([&](const mqtt::TraceStep& step) {
        if (!invocation.json) out << printable(to_words(step)) << '\n' << std::flush;
        stepped = true;
    });
    if (!result) return invocation.fail(result.error());
    mention_client_id(result->traced.diagnosis, options, upstream.connection.client_id);
    const mqtt::Diagnosis& diagnosis = result->traced.diagnosis;
    const ExitCode code = result->well ? ExitCode::kOk : ExitCode::kFailed;
    if (invocation.json) {
        json value = to_json(result->traced);
        value["upstream"] = options.name;
        value["url"] = options.url;
        value["client_id"] = options.client_id;
        value["well"] = result->well;
        invocation.print(value);
        return code;
    }
    out << (stepped ? "\n" : "")
        << verdict_text(name_of(diagnosis.finding), diagnosis.what, diagnosis.cause, diagnosis.advice);
    return code;
}

void print_attempt(const Invocation& invocation, const std::string& title, const json& attempt) {
    std::ostream& out = invocation.console.out;
    if (attempt.is_null()) {
        out << fmt::format("{}: none\n\n", title);
        return;
    }
    const json& trace = attempt.at("trace");
    const auto text = [&](const char* field) { return attempt.at(field).get<std::string>(); };
    out << fmt::format("{}, begun {}\n\n", title, trace.at("began").get<std::string>());
    for (const json& step : trace.at("steps"))
        out << printable(step.at("words").get<std::string>()) << '\n';
    out << '\n' << verdict_text(text("finding"), text("what"), text("cause"), text("advice")) << '\n';
}

ExitCode show_last(const Invocation& invocation, const std::string& name) {
    const auto result = call_daemon(invocation, "upstream.traces", {{"upstream", name}});
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    const json& connections = result->at("connections");
    for (std::size_t i = 0; i < connections.size(); ++i) {
        const std::string of = connections.size() == 1 ? "" : fmt::format(" of connection {}", i);
        print_attempt(invocation, "Last good attempt" + of, connections[i].at("last_good"));
        print_attempt(invocation, "Last bad attempt" + of, connections[i].at("last_bad"));
    }
    return ExitCode::kOk;
}

ExitCode diagnose(const Invocation& invocation, const DiagnoseUpstreamArguments& arguments) {
    if (arguments.last) return show_last(invocation, arguments.name);
    auto config = read_config(invocation.config_file);
    if (!config) return invocation.fail(config.error());
    const UpstreamConfig* upstream = config->upstream(arguments.name);
    if (upstream == nullptr) {
        return invocation.fail({fmt::format("there is no upstream \"{}\"", printable(arguments.name)),
                                "name one of the [[upstream]] tables of the configuration"});
    }
    // Root sees with the eyes of the daemon's user, as `check` does: a key that the daemon cannot read is a
    // finding. Who may not become that user looks for himself.
    if (geteuid() == 0) {
        if (const auto owner = become_owner_of(config->gateway.state_directory); !owner)
            return invocation.fail(owner.error());
    }
    return attempt(invocation, arguments, *upstream);
}

// Empty when `text` is a time-out, else what is wrong with it.
std::string problem_of_timeout(const std::string& text) {
    const auto duration = parse_duration(text);
    return duration && *duration >= seconds(1) && *duration <= seconds(600)
               ? ""
               : "a time-out is written as 60s, and is 1s to 600s";
}

}  // namespace

void add_diagnose_upstream(const Command& diagnose_command, Invocation& invocation) {
    Command command =
        diagnose_command.add_subcommand("upstream", "Connect to a broker once, and see each step");
    const auto arguments = std::make_shared<DiagnoseUpstreamArguments>();
    command.add_option("name", arguments->name, "The upstream's name").required().type_name("NAME");
    add_config_option(command, invocation);
    command.add_option("--client-id", arguments->client_id, "Instead of the configured one with -diagnose")
        .type_name("ID");
    command.add_option("--publish", arguments->publish, "Send one small message to this topic")
        .type_name("TOPIC");
    command.add_option("--timeout", arguments->timeout, "Instead of the upstream's connect_timeout")
        .type_name("TIME")
        .check(problem_of_timeout);
    Option last =
        command.add_flag("--last", arguments->last, "The running daemon's last good and last bad attempt");
    for (const char* option : {"--client-id", "--publish", "--timeout"})
        last.excludes(command.get_option(option));
    add_json_option(command, invocation);
    command.footer(
        "Makes one attempt of its own with the settings and certificates of the configuration, beside a\n"
        "daemon that runs or without one, and prints each step as it happens: name look-up, TCP, TLS "
        "records,\n"
        "certificates, CONNECT, CONNACK. Then a verdict: what stalled or failed, what usually causes that,\n"
        "what to try; docs/troubleshooting.md has them all. Run by root it looks as the owner of the state\n"
        "directory, as the daemon does. It connects as CLIENT_ID-diagnose: with the daemon's own client ID\n"
        "the two would throw each other off. The policy of a broker may forbid that: use --client-id then.\n"
        "\n"
        "For scripts: narrowgate diagnose upstream aws --json | jq -r .finding\n"
        "\n"
        "Exit codes: 0 all is well, 1 it failed (with --last: no such upstream), 3 with --last: no daemon\n"
        "runs, 4 mistakes in the configuration.\n");
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return diagnose(invocation, *arguments); };
    });
}

}  // namespace narrowgate::daemon
