// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-aws: a broker that treats a gateway as AWS IoT Core does.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "sim/aws_process.hpp"
#include "sim/counts_json.hpp"

namespace {

using narrowgate::milliseconds;

milliseconds from_seconds(double value) {
    return milliseconds(static_cast<milliseconds::rep>(value * 1'000));
}

int complain(const narrowgate::Error& error) {
    fmt::print(stderr, "narrowgate-aws: {}\n", error.text());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace narrowgate;

    sim::AwsProcessOptions options;
    sim::AwsOptions& broker = options.broker;
    std::string listen = "127.0.0.1:8883";
    double round_trip = 0, disconnect_every = 0, least_keep_alive = 30, most_keep_alive = 1200;
    unsigned disconnect_code = 0;

    CLI::App app(
        "A broker that treats a gateway as AWS IoT Core does: limits, quotas, policies, and connections that "
        "end. It takes publishes by MQTT 5 over mutual TLS, writes them down and delivers them to nobody. "
        "Times "
        "are in seconds. It obeys lines on its standard input (docs/simulators.md). SIGTERM ends it and "
        "prints "
        "what it did as one line of JSON.");
    app.option_defaults()->always_capture_default();
    app.add_option("--listen", listen, "Port 0 is any free one");
    app.add_option("--certificate", options.certificate_file, "PEM file of the broker")->required();
    app.add_option("--key", options.key_file, "PEM file of its key")->required();
    app.add_option("--client-ca", options.client_ca_file, "PEM file of those who sign clients' certificates")
        ->required();
    app.add_flag("--require-alpn", options.require_alpn, "Only x-amzn-mqtt-ca, as on AWS's port 443");
    app.add_option(
        "--record", options.record_file,
        "File for every CONNECT that is accepted and every publish that is taken, a line of JSON each");
    app.add_flag("--sizes-only", options.digests, "Payloads are not written down");

    const std::string limits = "Limits", ends = "Policy and ends";
    app.add_option("--publishes-per-second", broker.publishes_per_second,
                   "A connection; others are discarded")
        ->group(limits);
    app.add_option("--bytes-per-second", broker.bytes_per_second, "A connection; others are read late")
        ->group(limits);
    app.add_option("--receive-maximum", broker.receive_maximum, "Publishes without a PUBACK")
        ->check(CLI::Range(1, 65'535))
        ->group(limits);
    app.add_option("--topic-aliases", broker.topic_alias_maximum, "Topic Alias Maximum")->group(limits);
    app.add_option("--least-keep-alive", least_keep_alive, "A shorter one is taken for it")->group(limits);
    app.add_option("--most-keep-alive", most_keep_alive, "None and a longer one are taken for it")
        ->group(limits);
    app.add_option("--round-trip", round_trip, "Between a packet and its answer")->group(limits);
    app.add_option("--deny", broker.denied, "Topic filter that the policy forbids to publish to; repeatable")
        ->group(ends);
    app.add_flag("--silent", broker.silent, "Who publishes there is not answered 0x87 but cut off")
        ->group(ends);
    app.add_option("--disconnect-every", disconnect_every, "Ends a connection that stood so long; 0 is never")
        ->group(ends);
    app.add_option("--disconnect-code", disconnect_code, "By DISCONNECT with this reason; 0: without a word")
        ->check(CLI::Range(0, 255))
        ->group(ends);
    CLI11_PARSE(app, argc, argv);

    const auto address = Address::from_text(listen);
    if (!address) return complain({listen + ": not an address", "write it like 127.0.0.1:8883"});
    options.listen = *address;
    broker.round_trip = from_seconds(round_trip);
    broker.least_keep_alive = seconds(static_cast<seconds::rep>(least_keep_alive));
    broker.most_keep_alive = seconds(static_cast<seconds::rep>(most_keep_alive));
    if (disconnect_every > 0) broker.disconnect_every = from_seconds(disconnect_every);
    if (disconnect_code != 0) broker.disconnect_reason = static_cast<sim::mqtt5::Reason>(disconnect_code);

    ::signal(SIGPIPE, SIG_IGN);
    auto process = sim::AwsProcess::make(options);
    if (!process) return complain(process.error());
    fmt::print("{}\n", nlohmann::json{{"listening", (*process)->address().text()}}.dump());
    std::fflush(stdout);
    const auto done = (*process)->run();

    nlohmann::json json = to_json((*process)->broker().counts());
    json["failed_handshakes"] = (*process)->failed_handshakes();
    fmt::print("{}\n", json.dump());
    return done ? 0 : complain(done.error());
}
