// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate device show`: a device, its credentials, its session, and why it shook hands again.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "daemon/commands/device_arguments.hpp"
#include "daemon/commands/json_words.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

// "2026-03-01 12:00:00": RFC 3339 in UTC, without what nobody reads here.
std::string moment(const json& time) {
    std::string read = text(time);
    if (read.size() < std::string_view("2026-03-01T12:00:00").size()) return read;
    read.resize(std::string_view("2026-03-01T12:00:00").size());
    read[std::string_view("2026-03-01").size()] = ' ';
    return read;
}

// "3 min ago", "just now".
std::string silence_of(const json& session) {
    const auto silence = session.at("silent_seconds").get<std::int64_t>();
    return silence == 0 ? "just now" : to_words(seconds(silence)) + " ago";
}

std::string duration_of(const json& handshake) {
    const auto count = handshake.at("milliseconds").get<std::int64_t>();
    return count == 0 ? "< 1 ms" : to_words(milliseconds(count));
}

std::string validity_of(const json& credential) {
    const json& from = credential.at("not_before");
    const json& until = credential.at("not_after");
    if (from.is_null() && until.is_null()) return "always";
    std::string validity = from.is_null() ? "" : "from " + moment(from);
    if (!until.is_null()) validity += (validity.empty() ? "until " : " until ") + moment(until);
    return validity;
}

std::string credential_state(const json& credential) {
    const auto state = credential.at("state").get<std::string>();
    if (state == "in_use") return "in use";
    if (state == "waiting")
        return "waits for its first use, then replaces " + text(credential.at("replaces"));
    if (state == "not_yet_valid") return "not valid yet";
    if (state == "no_longer_valid") return "not valid any more";
    if (state == "replaced") return "given another key at " + moment(credential.at("revoked"));
    return state + " at " + moment(credential.at("revoked"));
}

std::string sentence_of(const json& session) {
    std::string words =
        fmt::format("Session of {} since {}, heard {} from {}", text(session.at("identity")),
                    moment(session.at("since")), silence_of(session), text(session.at("remote")));
    words += session.at("cid").is_null() ? ", known by this address alone (no connection ID)"
                                         : ", known by connection ID " + text(session.at("cid"));
    if (!session.at("confirmed").get<bool>()) words += "; not used yet";
    return words + '.';
}

void write_session(std::ostream& out, const json& session) {
    out << '\n'
        << sentence_of(session) << '\n'
        << render_table({{"  up", size_in_words(session.at("bytes_up").get<std::uint64_t>())},
                         {"  down", size_in_words(session.at("bytes_down").get<std::uint64_t>())},
                         {"  address moves", text(session.at("address_moves"))},
                         {"  retransmissions", text(session.at("repeats"))},
                         {"  record numbers",
                          session.at("next_number").is_null()
                              ? fmt::format("leased below {}", text(session.at("lease_end")))
                              : fmt::format("next {}, leased below {}", text(session.at("next_number")),
                                            text(session.at("lease_end")))}});
}

std::string request_of(const json& exchange) {
    const std::string path = text(exchange.at("path"));
    return fmt::format("{} /{}{}", text(exchange.at("method")), path,
                       exchange.at("path_cut").get<bool>() ? "..." : "");
}

// "2.04", "4.04 refused", "- commit failed".
std::string answer_of(const json& exchange) {
    auto fate = exchange.at("fate").get<std::string>();
    if (fate == "answered" && !exchange.at("code").is_null()) return text(exchange.at("code"));
    std::ranges::replace(fate, '_', ' ');
    return text(exchange.at("code")) + ' ' + fate;
}

void write_exchanges(std::ostream& out, const json& exchanges) {
    if (exchanges.is_null() || exchanges.empty()) return;
    Rows rows{{"EXCHANGE", "CREDENTIAL", "REQUEST", "ANSWER", "BYTES", "TOOK", "AGAIN"}};
    for (const json& exchange : exchanges) {
        rows.push_back({moment(exchange.at("at")), text(exchange.at("identity")), request_of(exchange),
                        answer_of(exchange),
                        fmt::format("{}+{}", text(exchange.at("bytes_up")), text(exchange.at("bytes_down"))),
                        fmt::format("{:.1f} ms", exchange.at("milliseconds").get<double>()),
                        text(exchange.at("repeats"))});
    }
    out << '\n' << render_table(rows);
}

void write_handshakes(std::ostream& out, const json& handshakes) {
    if (handshakes.empty()) return;
    Rows rows{{"HANDSHAKE", "CREDENTIAL", "FROM", "TOOK", "BYTES", "AGAIN", "CIPHER", "CID", "BECAUSE"}};
    for (const json& handshake : handshakes) {
        rows.push_back({moment(handshake.at("at")), text(handshake.at("identity")),
                        text(handshake.at("remote")), duration_of(handshake),
                        fmt::format("{}+{}", text(handshake.at("bytes_in")), text(handshake.at("bytes_out"))),
                        text(handshake.at("flights_again")), text(handshake.at("cipher")),
                        handshake.at("cid").get<bool>() ? "yes" : "no", text(handshake.at("reason"))});
    }
    out << '\n' << render_table(rows);
}

std::string seconds_in_words(const json& count) {
    return to_words(seconds(count.get<std::int64_t>()));
}

std::string heard_of(const json& figures) {
    if (figures.at("last_heard").is_null()) return "never";
    std::string words = moment(figures.at("last_heard"));
    if (figures.at("silent").get<bool>())
        words += fmt::format("; silent, {} reports missed", text(figures.at("missed")));
    return words;
}

std::string interval_of(const json& figures) {
    if (figures.at("interval_s").is_null()) return "not said";
    return fmt::format("every {}{}; {} missed in all", seconds_in_words(figures.at("interval_s")),
                       figures.at("interval_own").get<bool>() ? " (of its own)" : "",
                       text(figures.at("missed_total")));
}

std::string volume_of(const json& volume) {
    return fmt::format("{} readings, {} up, {} down, {} datagrams", text(volume.at("readings")),
                       size_in_words(volume.at("bytes_up").get<std::uint64_t>()),
                       size_in_words(volume.at("bytes_down").get<std::uint64_t>()),
                       text(volume.at("datagrams")));
}

std::string tariff_of(const json& usage) {
    std::string words = size_in_words(usage.at("bytes_on_air").get<std::uint64_t>()) + " on air";
    if (!usage.at("share").is_null())
        words += fmt::format(", {:.0f} % of what is included", 100 * usage.at("share").get<double>());
    return words + fmt::format("; {} by the end of the month; {:.2f} {} so far",
                               size_in_words(usage.at("forecast_bytes").get<std::uint64_t>()),
                               usage.at("cost").get<double>(), text(usage.at("currency")));
}

void write_figures(std::ostream& out, const json& figures) {
    Rows rows{{"last heard", heard_of(figures)},
              {"reports", interval_of(figures)},
              {"in " + text(figures.at("month").at("month")), volume_of(figures.at("month"))},
              {"in " + text(figures.at("last_month").at("month")), volume_of(figures.at("last_month"))},
              {"in all", volume_of(figures)},
              {"retransmissions",
               fmt::format("{} of {} messages came again ({:.1f} %)", text(figures.at("retransmissions")),
                           figures.at("retransmissions").get<std::uint64_t>() +
                               figures.at("requests").get<std::uint64_t>(),
                           100 * figures.at("retransmission_ratio").get<double>())},
              {"links", fmt::format("{} handshakes, {} address moves", text(figures.at("handshakes")),
                                    text(figures.at("address_moves")))}};
    if (!figures.at("tariff").is_null()) rows.push_back({"tariff", tariff_of(figures.at("tariff"))});
    out << '\n' << render_table(rows);
}

ExitCode show(const Invocation& invocation, const DeviceArguments& arguments) {
    json call{{"device", arguments.device}};
    if (arguments.exchanges != kUsualExchanges) call["exchanges"] = arguments.exchanges;
    const auto result = call_daemon_or_store(invocation, "device.show", call);
    if (!result) return result.error().tell(invocation);
    const json& device = result->at("device");
    if (invocation.json) return invocation.print(device);
    std::ostream& out = invocation.console.out;
    out << fmt::format("{}: a device of fleet {}, added {}{}.\n\n", text(device.at("name")),
                       text(device.at("fleet")), moment(device.at("added")),
                       device.at("revoked").is_null() ? "" : ", revoked " + moment(device.at("revoked")));
    Rows rows{{"CREDENTIAL", "ADDED", "VALID", "STATE"}};
    for (const json& credential : device.at("credentials")) {
        rows.push_back({text(credential.at("identity")), moment(credential.at("added")),
                        validity_of(credential), credential_state(credential)});
    }
    out << render_table(rows);
    for (const json& session : device.at("sessions"))
        write_session(out, session);
    write_exchanges(out, device.at("exchanges"));
    write_handshakes(out, device.at("handshakes"));
    write_figures(out, device.at("figures"));
    out << '\n' << text(device.at("why")) << '\n';
    return ExitCode::kOk;
}

}  // namespace

void add_device_show_command(const Command& device, Invocation& invocation,
                             const std::shared_ptr<DeviceArguments>& arguments) {
    const Command command = add_device_subcommand(device, invocation, arguments, "show",
                                                  "One device, and why it shook hands again", show);
    command.add_option("device", arguments->device, "Its name or an identity").required().type_name("DEVICE");
    command.add_option("--exchanges", arguments->exchanges, "How many of its last exchanges, at most 100")
        .type_name("N")
        .between(0, kMostExchanges)
        .capture_default_str();
    add_json_option(command, invocation);
    command.footer(
        "Its credentials, its session (live figures when the daemon runs, otherwise what is on disk), its "
        "last\n"
        "exchanges, its last handshakes, each with its reason, what it has sent and what that costs, and in "
        "a\n"
        "sentence why it shook hands last. Times are UTC. BYTES are from the node + to it, of UDP payload.\n"
        "AGAIN counts, of an exchange, how often the node sent it again; of a handshake, the flights that "
        "the\n"
        "gateway had to send again. Exchanges are what the daemon has in memory: of the last 4096 of each of "
        "its\n"
        "threads, none from before its start. Shows no key.\n"
        "\n"
        "For scripts: narrowgate device show wm-0001 --json | jq -r '.handshakes[0].reason'\n");
}

}  // namespace narrowgate::daemon
