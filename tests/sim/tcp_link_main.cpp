// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-link: a TCP link that is bad on purpose, between a gateway and its broker.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "sim/counts_json.hpp"
#include "sim/tcp_link.hpp"

namespace {

using namespace narrowgate;

// The flags of one direction, or of both; what is not set is nothing.
struct StreamFlags {
    std::optional<std::string> cut;
    std::optional<double> gap, delay, jitter, stall_for;
    std::optional<std::uint64_t> rate;
    std::optional<std::size_t> buffer;
    std::optional<std::uint32_t> black_hole_above;
    std::optional<std::string> accident;
    std::vector<std::uint64_t> after;
    std::optional<unsigned> times;
};

// The words for it on the command line.
const std::map<std::string, sim::Accident> kAccidents{
    {"none", sim::Accident::kNone},   {"stall", sim::Accident::kStall},
    {"reset", sim::Accident::kReset}, {"half-close", sim::Accident::kHalfClose},
    {"close", sim::Accident::kClose}, {"swallow", sim::Accident::kSwallow},
};

struct Flags {
    StreamFlags both, up, down;
};

void add_flags(CLI::App& app, const std::string& prefix, const std::string& group, StreamFlags& flags) {
    const auto add = [&](const std::string& name, auto& value, const std::string& what) {
        return app.add_option("--" + prefix + name, value, what)->group(group);
    };
    add("cut", flags.cut,
        "Sizes of the pieces in turn, as 1 or 536 or 1393,2,rest; or random:N, each from 1 to N bytes");
    add("gap", flags.gap, "Between one piece and the next");
    add("delay", flags.delay, "Of every byte, one way");
    add("jitter", flags.jitter, "Added to the delay, up to; order is kept");
    add("rate", flags.rate, "Bytes a second; 0 is no limit");
    add("buffer", flags.buffer,
        "Bytes that wait before the sender is held back, besides what the kernel holds")
        ->check(CLI::Range(1, 1 << 30));
    add("accident", flags.accident, "What happens after some bytes")->check(CLI::IsMember(kAccidents));
    add("after", flags.after, "Bytes that have passed when it happens; of several, one a connection in turn")
        ->delimiter(',');
    add("times", flags.times, "Connections, the first ones, that have an accident; 0 is all");
    add("stall-for", flags.stall_for, "How long a stall is; without it for ever");
    add("black-hole-above", flags.black_hole_above,
        "TCP segments with more bytes are lost on the way, in silence; 0 is none");
}

void add_flags(CLI::App& app, Flags& flags) {
    add_flags(app, "", "Both streams", flags.both);
    add_flags(app, "up-", "To the target alone", flags.up);
    add_flags(app, "down-", "From the target alone", flags.down);
}

Expected<void> apply(const StreamFlags& flags, sim::StreamPlan& plan) {
    sim::StreamOptions& options = plan.options;
    const auto whole_ms = [](double value) {
        return milliseconds(static_cast<milliseconds::rep>(value * 1'000));
    };
    if (flags.cut) {
        auto cut = sim::Cut::from_text(*flags.cut);
        if (!cut) return std::unexpected(cut.error());
        options.cut = std::move(*cut);
    }
    if (flags.gap) options.gap = std::chrono::microseconds(static_cast<std::int64_t>(*flags.gap * 1'000'000));
    if (flags.delay) options.delay = whole_ms(*flags.delay);
    if (flags.jitter) options.jitter = whole_ms(*flags.jitter);
    if (flags.stall_for) options.stall_for = whole_ms(*flags.stall_for);
    options.bytes_per_second = flags.rate.value_or(options.bytes_per_second);
    options.buffer_bytes = flags.buffer.value_or(options.buffer_bytes);
    if (flags.accident) options.accident = kAccidents.at(*flags.accident);
    if (!flags.after.empty()) plan.positions = flags.after;
    plan.black_hole_above = flags.black_hole_above.value_or(plan.black_hole_above);
    plan.times = flags.times.value_or(plan.times);
    return {};
}

Expected<sim::TcpLinkPlan> plan_of(const Flags& flags) {
    sim::TcpLinkPlan plan;
    for (const auto& [part, stream] : {std::pair{&flags.both, &plan.up}, std::pair{&flags.both, &plan.down},
                                       std::pair{&flags.up, &plan.up}, std::pair{&flags.down, &plan.down}}) {
        if (auto done = apply(*part, *stream); !done) return std::unexpected(done.error());
    }
    return plan;
}

Expected<sim::TcpLinkPlan> read_plan(const std::string& line) {
    CLI::App app;
    Flags flags;
    add_flags(app, flags);
    try {
        app.parse(line);
    } catch (const CLI::ParseError& error) {
        return failure(error.what(), "narrowgate-link --help names the flags");
    }
    return plan_of(flags);
}

int complain(const Error& error) {
    fmt::print(stderr, "narrowgate-link: {}\n", error.text());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    sim::TcpLinkOptions options;
    std::string listen = "127.0.0.1:8884", target = "127.0.0.1:8883";
    Flags flags;

    CLI::App app(
        "A TCP link that is bad on purpose. Connections to --listen go on to --target; on the way their "
        "streams are cut into pieces, delayed, slowed down, and come to harm. Times are in seconds. Commands "
        "come on standard input, a line each: stall [up|down], resume [up|down], reset, close, options "
        "FLAGS, "
        "counts. SIGTERM ends it and prints what it did as one line of JSON.");
    app.add_option("--listen", listen, "Where it listens; port 0 is any free one")->capture_default_str();
    app.add_option("--target", target, "Where connections go on to")->capture_default_str();
    app.add_option("--seed", options.seed, "Of everything random")->capture_default_str();
    app.add_flag("--filtered", options.filtered, "Answer no SYN, as a firewall that drops them");
    add_flags(app, flags);
    CLI11_PARSE(app, argc, argv);

    for (const auto& [text, address] :
         {std::pair{&listen, &options.listen}, std::pair{&target, &options.target}}) {
        const auto read = Address::from_text(*text);
        if (!read) return complain({*text + ": not an address", "write it like 127.0.0.1:8883"});
        *address = *read;
    }
    options.read_plan = read_plan;
    const auto plan = plan_of(flags);
    if (!plan) return complain(plan.error());

    auto link = sim::TcpLink::make(options, *plan);
    if (!link) return complain(link.error());
    fmt::print("{}\n", nlohmann::json{{"listening", (*link)->address().text()}}.dump());
    std::fflush(stdout);
    (*link)->run();
    fmt::print("{}\n", sim::to_json((*link)->counts()).dump());
    return 0;
}
