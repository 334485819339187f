// SPDX-License-Identifier: Apache-2.0
#include "boards/host/options.hpp"

#include <arpa/inet.h>
#include <getopt.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace narrowgate::host {
namespace {

constexpr unsigned kNodesMax = 10'000;
constexpr double kSecondsMax = 604'800;  // as a provisioning block has it

enum Flag : int {
    kGateway = 256,
    kDevices,
    kBlock,
    kPrefix,
    kPskFile,
    kCount,
    kResource,
    kApn,
    kInterval,
    kActive,
    kPeriodic,
    kAckTimeout,
    kModem,
    kState,
    kEvents,
    kReadings,
    kSpread,
    kSeconds,
    kDrain,
    kReport,
    kVerbose,
    kHelp,
};

constexpr std::array kFlags{
    option{"gateway", required_argument, nullptr, kGateway},
    option{"devices", required_argument, nullptr, kDevices},
    option{"block", required_argument, nullptr, kBlock},
    option{"identity-prefix", required_argument, nullptr, kPrefix},
    option{"psk-file", required_argument, nullptr, kPskFile},
    option{"count", required_argument, nullptr, kCount},
    option{"resource", required_argument, nullptr, kResource},
    option{"apn", required_argument, nullptr, kApn},
    option{"interval", required_argument, nullptr, kInterval},
    option{"active", required_argument, nullptr, kActive},
    option{"periodic", required_argument, nullptr, kPeriodic},
    option{"ack-timeout", required_argument, nullptr, kAckTimeout},
    option{"modem", required_argument, nullptr, kModem},
    option{"state", required_argument, nullptr, kState},
    option{"events", required_argument, nullptr, kEvents},
    option{"readings-a-message", required_argument, nullptr, kReadings},
    option{"spread", required_argument, nullptr, kSpread},
    option{"seconds", required_argument, nullptr, kSeconds},
    option{"drain", required_argument, nullptr, kDrain},
    option{"report-interval", required_argument, nullptr, kReport},
    option{"verbose", no_argument, nullptr, kVerbose},
    option{"help", no_argument, nullptr, kHelp},
    option{nullptr, 0, nullptr, 0},
};

bool take_number(std::string_view text, unsigned least, unsigned most, unsigned& number) {
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
    return error == std::errc{} && end == text.end() && number >= least && number <= most;
}

bool take_seconds(const char* text, double least, double& seconds) {
    char* end = nullptr;
    seconds = std::strtod(text, &end);
    return end != text && *end == '\0' && std::isfinite(seconds) && seconds >= least &&
           seconds <= kSecondsMax;
}

bool take_duration(const char* text, Milliseconds& duration) {
    double seconds = 0;
    if (!take_seconds(text, 0, seconds)) return false;
    duration = Milliseconds(static_cast<Milliseconds::rep>(seconds * 1'000));
    return true;
}

bool take_whole_seconds(const char* text, unsigned least, std::uint32_t& seconds) {
    unsigned number = 0;
    const unsigned most = std::numeric_limits<std::int32_t>::max();
    if (!take_number(text, least, most, number)) return false;
    seconds = number;
    return true;
}

// 192.0.2.1 or 192.0.2.1:5684
bool take_gateway(std::string text, Options& options) {
    if (const auto colon = text.find(':'); colon != std::string::npos) {
        unsigned port = 0;
        if (!take_number(std::string_view(text).substr(colon + 1), 1, 65'535, port)) return false;
        options.gateway_port = static_cast<std::uint16_t>(port);
        text.resize(colon);
    }
    in_addr address{};
    options.gateway = text;
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool take(int flag, const char* value, Options& options) {
    double seconds = 0;
    switch (flag) {
        case kGateway:
            return take_gateway(value, options);
        case kDevices:
            options.devices_path = value;
            return true;
        case kBlock:
            options.block_paths.emplace_back(value);
            return true;
        case kPrefix:
            options.prefix = value;
            return true;
        case kPskFile:
            options.psk_path = value;
            return true;
        case kCount:
            return take_number(value, 1, kNodesMax, options.count);
        case kResource:
            options.resource = value;
            return true;
        case kApn:
            options.apn = value;
            return true;
        case kInterval:
            return take_whole_seconds(value, 1, options.interval_s);
        case kActive:
            return take_whole_seconds(value, 0, options.active_s);
        case kPeriodic:
            return take_whole_seconds(value, 0, options.periodic_s);
        case kAckTimeout:
            if (!take_seconds(value, 1, seconds)) return false;
            options.ack_timeout_ms = static_cast<std::uint32_t>(seconds * 1'000);
            return true;
        case kModem:
            options.modem_paths.emplace_back(value);
            return true;
        case kState:
            options.state_folder = value;
            return true;
        case kEvents:
            options.events_path = value;
            return true;
        case kReadings:
            return take_number(value, 1, 5, options.readings_a_message);
        case kSpread:
            return take_duration(value, options.spread);
        case kSeconds:
            return take_duration(value, options.duration);
        case kDrain:
            return take_duration(value, options.drain);
        case kReport:
            return take_duration(value, options.report_interval);
        case kVerbose:
            options.verbose = true;
            return true;
        case kHelp:
            options.help = true;
            return true;
        default:
            return false;
    }
}

const char* what_does_not_fit(const Options& options) {
    const bool by_prefix = !options.prefix.empty() || !options.psk_path.empty();
    const int sources =
        (options.devices_path.empty() ? 0 : 1) + (options.block_paths.empty() ? 0 : 1) + by_prefix;
    if (sources != 1)
        return "say who the nodes are: --devices, --block, or --identity-prefix with --psk-file";
    if (by_prefix && (options.prefix.empty() || options.psk_path.empty() || options.count == 0))
        return "--identity-prefix, --psk-file and --count go together";
    if (options.block_paths.empty() && options.gateway.empty())
        return "--gateway is missing: an IPv4 address, as 127.0.0.1:5684";
    if (!options.block_paths.empty() && !options.gateway.empty())
        return "a provisioning block names its gateway: --gateway is for the others";
    return nullptr;
}

}  // namespace

std::expected<Options, std::string> read_options(int argc, char** argv) {
    Options options;
    opterr = 0;
    int index = 0;
    for (int flag; (flag = ::getopt_long(argc, argv, "", kFlags.data(), &index)) != -1;) {
        if (flag == '?')
            return std::unexpected(std::string(argv[optind - 1]) + ": no such option, or no value for it");
        if (!take(flag, optarg, options)) {
            return std::unexpected("--" + std::string(kFlags.at(static_cast<std::size_t>(index)).name) +
                                   ": '" + optarg + "' is no value for it");
        }
    }
    if (options.help) return options;
    if (optind != argc) return std::unexpected(std::string(argv[optind]) + ": an option begins with --");
    if (const char* misfit = what_does_not_fit(options)) return std::unexpected(misfit);
    return options;
}

const char* help_text() {
    return R"(narrowgate-node: the node's firmware on Linux, one or many in a process

Who the nodes are, one of:
  --devices FILE            lines of identity,fleet,psk_hex as "narrowgate device export --with-keys"
                            writes them, or identity,psk_hex; all of them, or the first --count
  --identity-prefix TEXT    TEXT and a number of four digits, from 0001 to --count,
    --psk-file FILE         and the one key of all, in hexadecimal
  --block FILE              a block that "firmware/tools/provision --binary" wrote; once a node
Files with keys must not be readable by others.

What a block would say:
  --gateway ADDRESS[:PORT]  IPv4; port 5684
  --resource PATH           of the readings; t
  --interval SECONDS        between two readings; 3600
  --ack-timeout SECONDS     as the fleet has it; 10
  --apn NAME, --active SECONDS, --periodic SECONDS    for the modem; the network's, 6, 0: never sleeps

How they reach the gateway:
  --modem PATH              a SARA-N2 at this terminal or unix socket (narrowgate-modem); once a node.
                            Without it: UDP
Besides:
  --state FOLDER            what a node keeps over a reset, a file each: a process that was killed is
                            followed by one that goes on in the same sessions. For one process at a time,
                            and never to be copied
  --events FILE             appends a line of JSON for each reading measured, acknowledged, refused or dropped
  --readings-a-message N    at most, 1 to 5; 5
  --spread SECONDS          the nodes are switched on one by one in this time; 0
  --seconds SECONDS         how long they measure; 0: until SIGTERM or SIGINT
  --drain SECONDS           longest wait for the last acknowledgements; 60
  --report-interval SECONDS a line of counts that often; 0: at the start, at the end and at SIGUSR1 only
  --verbose                 all that the nodes log, not warnings and errors alone

Counts are lines of JSON on standard output; from the first on, signals are heard. Exit status 0: what was measured is acknowledged; 1: not all of it.
)";
}

}  // namespace narrowgate::host
