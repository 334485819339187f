// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-nat: a carrier's NAT between nodes and a gateway, over real UDP.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "sim/counts_json.hpp"
#include "sim/nat_process.hpp"

namespace {

using narrowgate::milliseconds;

milliseconds from_seconds(double value) {
    return milliseconds(static_cast<milliseconds::rep>(value * 1'000));
}

int complain(const narrowgate::Error& error) {
    fmt::print(stderr, "narrowgate-nat: {}\n", error.text());
    return 2;
}

// A socket a mapping: as many as the system lets us have.
void raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    using namespace narrowgate;

    sim::NatProcessOptions options;
    sim::NatOptions& nat = options.nat;
    std::string listen = "127.0.0.1:5685", gateway = "127.0.0.1:5684";
    double timeout = 0, rebind = 0, rest = 0, delay = 0, jitter = 0, replay_after = 20;

    CLI::App app(
        "A carrier's NAT between nodes and a gateway. Nodes send to --listen; each gets a port of its own "
        "towards the gateway, and loses it by time-out, at random, or all at once by SIGUSR1. The links of "
        "the "
        "nodes lose, delay, repeat and reorder, and an attacker behind the NAT sends captured uplinks again. "
        "Times are in seconds. SIGTERM ends it and prints what it did as one line of JSON.");
    app.option_defaults()->always_capture_default();
    app.add_option("--listen", listen, "Where nodes send to; port 0 is any free one");
    app.add_option("--gateway", gateway, "Where the gateway listens");
    app.add_option("--seed", options.seed, "Of everything random");
    app.add_option("--record", options.recording_path,
                   "File for every datagram of both directions, for narrowgate-nonce-audit");

    const auto probability = CLI::Range(0.0, 1.0);
    const std::string mappings = "Mappings", links = "Links", attacker = "Attacker";
    app.add_option("--timeout", timeout, "A mapping that sees no uplink for so long is forgotten; 0 is never")
        ->group(mappings);
    app.add_option("--rebind-every", rebind,
                   "Mean time until a node's mapping is forgotten anyway; 0 is never")
        ->group(mappings);
    app.add_option("--ports", nat.ports, "How many the NAT has")
        ->check(CLI::Range(1, 50'000))
        ->group(mappings);
    app.add_option("--rest", rest, "Before a port that is free may be another node's")->group(mappings);
    app.add_option("--reuse", nat.reuse,
                   "Probability that a mapping gets the port that was freed last, not first")
        ->check(probability)
        ->group(mappings);
    app.add_option("--delay", delay, "One way")->group(links);
    app.add_option("--jitter", jitter, "Added to the delay, up to")->group(links);
    app.add_option("--loss", nat.link.loss, "Probability a datagram")->check(probability)->group(links);
    app.add_option("--duplicate", nat.link.duplication, "Probability a datagram")
        ->check(probability)
        ->group(links);
    app.add_option("--reorder", nat.link.reorder, "Probability a datagram")->check(probability)->group(links);
    app.add_option("--max-bytes", nat.link.max_bytes, "Of UDP payload; what is longer is lost")->group(links);
    app.add_option("--replay", nat.replay, "Probability that an uplink is captured")
        ->check(probability)
        ->group(attacker);
    app.add_option("--replay-copies", nat.replay_copies, "How often it is then sent again")
        ->check(CLI::Range(1, 100))
        ->group(attacker);
    app.add_option("--replay-after", replay_after, "Longest wait before a copy is sent")->group(attacker);
    app.add_option(
           "--spoofed", nat.spoofed,
           "Fraction of the copies sent from the original's own port; others come from the attacker's")
        ->check(probability)
        ->group(attacker);
    CLI11_PARSE(app, argc, argv);

    for (const auto& [text, address] :
         {std::pair{&listen, &options.listen}, std::pair{&gateway, &nat.gateway}}) {
        const auto read = Address::from_text(*text);
        if (!read) return complain({*text + ": not an address", "write it like 127.0.0.1:5684"});
        *address = *read;
    }
    nat.timeout = from_seconds(timeout);
    if (rebind > 0) nat.rebind_every = from_seconds(rebind);
    nat.rest = from_seconds(rest);
    nat.link.delay = from_seconds(delay);
    nat.link.jitter = from_seconds(jitter);
    nat.replay_after_max = from_seconds(replay_after);
    nat.replay_after_min = std::min(nat.replay_after_min, nat.replay_after_max);

    raise_file_limit();
    auto process = sim::NatProcess::make(options);
    if (!process) return complain(process.error());
    fmt::print("{}\n", nlohmann::json{{"listening", (*process)->address().text()}}.dump());
    std::fflush(stdout);
    const auto done = (*process)->run();

    nlohmann::json json = to_json((*process)->nat().counts());
    json["link_up"] = to_json((*process)->nat().link_counts(sim::Direction::kUp));
    json["link_down"] = to_json((*process)->nat().link_counts(sim::Direction::kDown));
    fmt::print("{}\n", json.dump());
    return done ? 0 : complain(done.error());
}
