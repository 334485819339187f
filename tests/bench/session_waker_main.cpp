// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-session-waker: speaks in sessions that narrowgate-session-seeder has written.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/session_node.hpp"
#include "bench/session_waker.hpp"

namespace {

using namespace narrowgate;

int complain(const Error& error) {
    fmt::print(stderr, "narrowgate-session-waker: {}\n", error.text());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string gateway = "127.0.0.1:5684";
    bench::WakeOptions options;
    options.numbers_from = bench::kFirstFreeNumber;
    std::uint64_t requests = 1;
    double repeat_after = 2, limit = 60;

    CLI::App app("Random sessions post a reading each, from addresses of their own. Prints JSON.");
    app.option_defaults()->always_capture_default();
    app.add_option("--gateway", gateway, "Its address, IPv4, on this machine");
    app.add_option("--sessions", options.sessions, "How many were seeded")
        ->required()
        ->check(CLI::Range(2, 0x00ff'ffff));
    app.add_option("--requests", requests, "To be answered in all")->check(CLI::PositiveNumber);
    app.add_option("--window", options.window, "Requests under way at a time")->check(CLI::Range(1, 65'536));
    app.add_option("--numbers-from", options.numbers_from, "The first record number; above all used before")
        ->check(CLI::Range(std::uint32_t{bench::kFirstFreeNumber}, UINT32_MAX / 2));
    app.add_option("--repeat-after", repeat_after, "Seconds; then a request goes again as a new record")
        ->check(CLI::Range(0.01, 60.0));
    app.add_option("--limit", limit, "Seconds, after which what has no answer will have none")
        ->check(CLI::Range(1.0, 3'600.0));
    app.add_option("--seed", options.seed, "Which sessions are chosen");
    CLI11_PARSE(app, argc, argv);
    options.repeat_after = milliseconds(static_cast<milliseconds::rep>(repeat_after * 1'000));
    if (options.window > options.sessions / 2) {
        return complain({"--window exceeds half of the sessions", "seed more, or narrow it"});
    }
    const auto address = Address::from_text(gateway);
    if (!address || !address->is_v4()) return complain({gateway + ": not an IPv4 address and port", ""});
    auto socket = bench::NodeSocket::open(*address);
    if (!socket) return complain(socket.error());

    bench::SessionWaker waker(options, *socket);
    const bench::WakeResult result = waker.wake(requests, seconds(static_cast<seconds::rep>(limit)));

    const auto in_seconds = [](auto duration) { return std::chrono::duration<double>(duration).count(); };
    nlohmann::json json{{"requests", requests},
                        {"changed", result.changed},
                        {"other", result.other},
                        {"unopened", result.unopened},
                        {"late", result.late},
                        {"repeats", result.repeats},
                        {"highest_number", result.highest_number},
                        {"elapsed_s", in_seconds(result.elapsed)}};
    // By CLOCK_MONOTONIC, so that it can be compared with other programs' moments.
    if (result.first_answer) json["first_answer_at_s"] = in_seconds(result.first_answer->time_since_epoch());
    fmt::print("{}\n", json.dump());
    return result.changed == requests ? 0 : 1;
}
