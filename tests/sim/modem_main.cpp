// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-modem: a u-blox SARA-N2 with its network.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sim/modem_flags.hpp"
#include "sim/modem_process.hpp"

namespace {

int complain(const narrowgate::Error& error) {
    fmt::print(stderr, "narrowgate-modem: {}\n", error.text());
    return 2;
}

// The modem that flags start from: they must be able to change what was drawn, wherever they stand.
narrowgate::sim::ModemOptions first_options(int argc, char** argv) {
    constexpr std::string_view kFlag = "--drawn-from";
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == kFlag && i + 1 < argc)
            return narrowgate::sim::draw_modem(std::strtoull(argv[i + 1], nullptr, 10));
        if (argument.starts_with(kFlag) && argument.substr(kFlag.size()).starts_with('='))
            return narrowgate::sim::draw_modem(
                std::strtoull(argument.substr(kFlag.size() + 1).data(), nullptr, 10));
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    using namespace narrowgate;

    sim::ModemProcessOptions options;
    options.modem = first_options(argc, argv);
    std::string gateway;
    std::uint64_t drawn_from = 0;

    CLI::App app(
        "A u-blox SARA-N2 with its network: AT commands on a unix socket or a pseudo-terminal, UDP on\n"
        "the other side. Without flags it does what is known of the module. A flag below \"AT interface\"\n"
        "or \"Starting and sleeping\" is something that it, its firmware or its relatives may do\n"
        "differently; one below \"Defects\" is something that goes wrong. Times are in seconds, and\n"
        "--flag=false takes back what --drawn-from has set.\n\n"
        "It obeys lines on its standard input (docs/simulators.md). SIGUSR1 makes the NAT forget it.\n"
        "SIGTERM ends it and prints what it did as one line of JSON.\n\n"
        "  narrowgate-modem --socket uart.sock --log air.jsonl\n"
        "  qemu-system-arm ... -chardev socket,id=modem,path=uart.sock -serial chardev:modem\n");
    app.option_defaults()->always_capture_default();
    app.add_option("--socket", options.socket_path,
                   "Unix socket to listen on; the modem is switched on when somebody comes. Without it: a "
                   "pseudo-terminal, and it is on at once")
        ->type_name("PATH");
    app.add_option("--link", options.link_path, "Symbolic link to make to the pseudo-terminal")
        ->type_name("PATH");
    app.add_option("--gateway", gateway,
                   "Where all datagrams go, whatever address the node names; what comes back seems to come "
                   "from that one. Without it they go where the node says, if that is 127.x.x.x")
        ->type_name("ADDRESS:PORT");
    app.add_option("--log", options.log_path,
                   "File for every datagram on air and every change of the radio, a line of JSON each")
        ->type_name("FILE");
    app.add_flag("--log-dialogue", options.log_dialogue, "The AT dialogue too");
    app.add_option("--seed", options.seed, "Of everything random")->type_name("SEED");
    app.add_option("--drawn-from", drawn_from,
                   "All modes are drawn from this seed, and every defect is at work; other flags change that")
        ->type_name("SEED")
        ->default_str("");
    sim::add_modem_flags(app, options.modem);
    CLI11_PARSE(app, argc, argv);

    if (!gateway.empty()) {
        options.gateway = Address::from_text(gateway);
        if (!options.gateway) return complain({gateway + ": not an address", "write it like 127.0.0.1:5684"});
    }

    ::signal(SIGPIPE, SIG_IGN);
    auto process = sim::ModemProcess::make(options);
    if (!process) return complain(process.error());
    fmt::print("{}\n", nlohmann::json{{"listening", (*process)->path()}}.dump());
    std::fflush(stdout);
    const auto done = (*process)->run();
    fmt::print("{}\n", (*process)->counts_text());
    return done ? 0 : complain(done.error());
}
