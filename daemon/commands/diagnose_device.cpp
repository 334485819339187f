// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate diagnose device`: how a node's last attempts to get through went, and what to do about it.
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/diagnose.hpp"
#include "daemon/commands/json_words.hpp"
#include "daemon/commands/table.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

// Of the last handshakes, so many are printed step by step.
constexpr std::size_t kShownHandshakes = 3;
constexpr std::size_t kShownHellos = 10;

std::string handshake_state(const json& handshake) {
    const auto state = handshake.at("state").get<std::string>();
    if (state == "established") return "established with " + text(handshake.at("cipher"));
    const std::string waited = handshake.at("waits_for") == "finished" ? "Finished" : "ClientKeyExchange";
    if (state == "in_progress") return "in progress, waits for " + waited;
    if (state == "timed_out") return "given up at the last time-out, waiting for " + waited;
    if (state == "displaced") return "the node began another one, while this waited for " + waited;
    if (state == "revoked") return "ended, because the credential was revoked";
    return "refused with an alert";
}

std::string handshake_heading(const json& handshake) {
    std::string heading =
        fmt::format("Handshake from {} at {}", text(handshake.at("remote")), text(handshake.at("started")));
    if (!handshake.at("identity").is_null()) {
        heading += fmt::format(", identity \"{}\" ({})", text(handshake.at("identity")),
                               handshake.at("identity_known").get<bool>() ? "known" : "unknown");
    }
    return heading + ": " + handshake_state(handshake) + ".";
}

std::string step_of(const json& datagram) {
    const bool unfitting = joined(datagram.at("parts"), ", ").ends_with("unfitting");
    std::string parts;
    for (const json& part : datagram.at("parts")) {
        if (part != "unfitting") parts += (parts.empty() ? "" : ", ") + text(part);
    }
    if (unfitting) parts += " that does not fit the key";
    if (datagram.at("again").get<bool>()) parts += " (again)";
    return parts;
}

void write_handshake(std::ostream& out, const json& handshake, const std::string& mtu) {
    out << '\n' << handshake_heading(handshake) << '\n';
    Rows rows;
    const auto before = handshake.at("hellos_before").get<std::uint32_t>();
    if (before > 0) {
        rows.push_back({"  before", "in", "",
                        fmt::format("{} without a good cookie, each answered by HelloVerifyRequest",
                                    counted(before, "ClientHello"))});
    }
    if (const auto put_off = handshake.at("put_off").get<std::uint32_t>(); put_off > 0)
        rows.push_back({"  before", "in", "", fmt::format("{} put off", counted(put_off, "ClientHello"))});
    for (const json& datagram : handshake.at("datagrams")) {
        rows.push_back({fmt::format("  {:.3f} s", datagram.at("milliseconds").get<double>() / 1000),
                        datagram.at("ours").get<bool>() ? "out" : "in",
                        fmt::format("{} B", datagram.at("bytes").get<std::uint32_t>()), step_of(datagram)});
    }
    out << render_table(rows);
    if (const auto left_out = handshake.at("left_out").get<std::uint32_t>(); left_out > 0)
        out << fmt::format("  Before the last one {} more are not shown.\n", counted(left_out, "datagram"));
    out << render_table({
        {"  bytes", fmt::format("{} in, {} out; the largest datagrams {} and {}, dtls.mtu (of ours) {}",
                                text(handshake.at("bytes_in")), text(handshake.at("bytes_out")),
                                text(handshake.at("largest_in")), text(handshake.at("largest_out")), mtu)},
        {"  sent again",
         counted(handshake.at("retransmissions").get<std::uint32_t>(), "flight") + " of ours"},
        {"  offers", joined(handshake.at("offered"), ", ")},
        {"  max_fragment_length",
         handshake.at("max_fragment").is_null()
             ? "not asked for"
             : text(handshake.at("max_fragment")) + " (of a record, not of a datagram)"},
    });
}

void write_hellos(std::ostream& out, const json& hellos) {
    if (hellos.empty()) return;
    Rows rows{{"CLIENTHELLOS FROM", "FIRST", "LAST", "NO COOKIE", "WRONG COOKIE", "FRAGMENTS", "MALFORMED",
               "PUT OFF", "BYTES", "OFFERS"}};
    for (const json& hello : hellos) {
        if (rows.size() > kShownHellos) break;
        const auto put_off =
            hello.at("not_admitted").get<std::uint32_t>() + hello.at("shed").get<std::uint32_t>();
        rows.push_back({text(hello.at("remote")), text(hello.at("first")), text(hello.at("last")),
                        text(hello.at("without_cookie")), text(hello.at("wrong_cookie")),
                        text(hello.at("fragmented")), text(hello.at("malformed")), std::to_string(put_off),
                        text(hello.at("bytes")), joined(hello.at("offered"), ", ")});
    }
    out << "\nWhat has begun no handshake:\n" << render_table(rows);
    if (hellos.size() > kShownHellos)
        out << fmt::format("{} more are in --json.\n", counted(hellos.size() - kShownHellos, "address"));
}

void write_verdict(std::ostream& out, const json& diagnosis) {
    out << fmt::format("\nVerdict: {}\n{}\n", text(diagnosis.at("finding")), text(diagnosis.at("happened")));
    if (const std::string cause = text(diagnosis.at("cause")); !cause.empty())
        out << "Usually: " << cause << ".\n";
    if (const std::string cure = text(diagnosis.at("cure")); !cure.empty()) out << "Try: " << cure << ".\n";
}

ExitCode diagnose(const Invocation& invocation, const std::string& who) {
    json call{{"who", who}};
    const auto result = call_daemon_or_store(invocation, "device.diagnose", call);
    if (!result) return result.error().tell(invocation);
    const json& diagnosis = *result;
    if (invocation.json) return invocation.print(diagnosis);
    std::ostream& out = invocation.console.out;
    const json& device = diagnosis.at("device");
    if (device.is_null()) {
        out << fmt::format("\"{}\" is no device's name or identity.\n", text(diagnosis.at("who")));
    } else {
        out << fmt::format("{}: a device of fleet {}. {}\n", text(device.at("name")),
                           text(device.at("fleet")), text(device.at("why")));
    }
    if (!diagnosis.at("running").get<bool>()) {
        out << "No daemon runs: handshakes are remembered in its memory alone, and here is what the store "
               "has. "
               "Start it, let the node try, and ask again.\n";
    }
    std::size_t shown = 0;
    for (const json& handshake : diagnosis.at("handshakes")) {
        if (++shown > kShownHandshakes) break;
        write_handshake(out, handshake, text(diagnosis.at("mtu")));
    }
    if (diagnosis.at("handshakes").size() > kShownHandshakes)
        out << fmt::format("\n{} before that {} in --json.\n",
                           counted(diagnosis.at("handshakes").size() - kShownHandshakes, "handshake"),
                           diagnosis.at("handshakes").size() == kShownHandshakes + 1 ? "is" : "are");
    write_hellos(out, diagnosis.at("hellos"));
    write_verdict(out, diagnosis);
    return ExitCode::kOk;
}

}  // namespace

void add_diagnose_device(const Command& diagnose_command, Invocation& invocation) {
    const Command command = diagnose_command.add_subcommand(
        "device", "A node's last handshakes, step by step, and what stalls them");
    const auto who = std::make_shared<std::string>();
    command.add_option("who", *who, "An identity or a device's name, or an address with or without a port")
        .required()
        .type_name("IDENTITY|ADDRESS");
    add_config_option(command, invocation);
    add_json_option(command, invocation);
    command.footer(
        "By an identity it finds the handshakes that named it, and what is on record of its device; by an\n"
        "address (192.0.2.1, 192.0.2.1:40000, 2001:db8::1, [2001:db8::1]:40000) all that came from there, "
        "also\n"
        "what never got as far as an identity. What has not succeeded is remembered in memory alone, of a\n"
        "bounded number of addresses, and proves nothing: names and addresses can be forged.\n"
        "\n"
        "For scripts: narrowgate diagnose device wm-0001 --json | jq -r .finding\n"
        "What each finding means is in docs/troubleshooting.md.\n");
    command.callback([&invocation, who] {
        invocation.action = [&invocation, who] { return diagnose(invocation, *who); };
    });
}

}  // namespace narrowgate::daemon
