// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-sim-nodes: simulated NB-IoT nodes that speak to a real gateway over UDP.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "sim/node_fleet.hpp"

namespace {

using narrowgate::milliseconds;

milliseconds from_seconds(double value) {
    return milliseconds(static_cast<milliseconds::rep>(value * 1'000));
}

int complain(const narrowgate::Error& error) {
    fmt::print(stderr, "narrowgate-sim-nodes: {}\n", error.text());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace narrowgate;

    sim::FleetOptions options;
    std::string gateway = "127.0.0.1:5684";
    std::string identities_path;
    std::size_t nodes = 0;
    double interval = 5, delay = 0, jitter = 0, ack_timeout = 2, duration = 0, drain = 60, report = 1;
    double handshake_min = 9, handshake_max = 60, rebind = 0;

    CLI::App app(
        "Simulated NB-IoT nodes: DTLS 1.2 with pre-shared keys, SenML-CBOR readings by CoAP POST, through "
        "a link that delays, loses and repeats. Prints JSON lines of totals. Times are in seconds.");
    app.option_defaults()->always_capture_default();
    app.add_option("--gateway", gateway, "Address of the gateway");
    app.add_option("--identities-file", identities_path, "Lines of identity,psk_hex")->required();
    app.add_option("--nodes", nodes, "How many of them to run; 0 is all");
    app.add_option("--interval", interval, "Between a node's readings")->check(CLI::PositiveNumber);
    app.add_option("--readings", options.readings, "A node; 0 is no limit");
    app.add_option("--seconds", duration, "How long to make readings; 0 is until SIGTERM");
    app.add_option("--drain", drain, "Longest wait for the last acknowledgements");
    app.add_option("--delay", delay, "Of the link, one way");
    app.add_option("--jitter", jitter, "Of the link, added to the delay");
    app.add_option("--loss", options.link.loss, "Probability a datagram")->check(CLI::Range(0.0, 1.0));
    app.add_option("--duplicate", options.link.duplication, "Probability a datagram")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--reorder", options.link.reorder, "Probability a datagram")->check(CLI::Range(0.0, 1.0));
    app.add_option("--rebind-every", rebind,
                   "Mean time between a node's changes of its own address; 0 is never");
    app.add_option("--no-cid", options.without_cid, "Fraction of nodes without RFC 9146")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--own-cid", options.longest_own_cid,
                   "Bytes of the longest connection ID that nodes ask for: 0 to so many, in turn")
        ->check(CLI::Range(0, 16));
    app.add_option("--ack-timeout", ack_timeout, "ACK_TIMEOUT of RFC 7252")->check(CLI::PositiveNumber);
    app.add_option("--max-retransmit", options.node.coap.max_retransmit, "MAX_RETRANSMIT of RFC 7252")
        ->check(CLI::Range(0, 20));
    app.add_flag("--reconnect", options.node.reconnects,
                 "Shake hands anew when no answer came, after the last retransmission");
    app.add_option("--handshake-timeout-min", handshake_min, "First wait before a flight is sent again");
    app.add_option("--handshake-timeout-max", handshake_max, "Longest such wait");
    app.add_option("--resource", options.node.resource, "Uri-Path of the readings, one segment");
    app.add_option("--events", options.events_path, "File for a JSON line a reading sent and acked");
    app.add_option("--report-interval", report, "Between two lines of totals")->check(CLI::PositiveNumber);
    app.add_option("--seed", options.seed, "Of everything random but keys");
    CLI11_PARSE(app, argc, argv);

    const auto address = Address::from_text(gateway);
    if (!address) return complain({gateway + ": not an address", "write it like 127.0.0.1:5684"});
    options.gateway = *address;
    options.interval = from_seconds(interval);
    options.link.delay = from_seconds(delay);
    options.link.jitter = from_seconds(jitter);
    options.node.coap.ack_timeout = from_seconds(ack_timeout);
    options.node.dtls.handshake_timeout_min = from_seconds(handshake_min);
    options.node.dtls.handshake_timeout_max = from_seconds(handshake_max);
    options.drain = from_seconds(drain);
    options.report_interval = from_seconds(report);
    if (duration > 0) options.duration = from_seconds(duration);
    if (rebind > 0) options.rebind_every = from_seconds(rebind);

    auto identities = sim::read_identities(identities_path);
    if (!identities) return complain(identities.error());
    if (nodes > identities->size()) {
        return complain(
            {fmt::format("{} names {} nodes, {} were asked for", identities_path, identities->size(), nodes),
             "add lines or lower --nodes"});
    }
    if (nodes > 0) identities->resize(nodes);

    auto fleet = sim::NodeFleet::make(options, *identities);
    if (!fleet) return complain(fleet.error());
    return (*fleet)->run() ? 0 : 1;
}
