// SPDX-License-Identifier: Apache-2.0
//
// What narrowgate-node is told on its command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace narrowgate::host {

using Milliseconds = std::chrono::milliseconds;

struct Options {
    // Who the nodes are: one of these three.
    std::string devices_path;              // lines of identity,fleet,psk_hex or identity,psk_hex
    std::vector<std::string> block_paths;  // of firmware/tools/provision --binary
    std::string prefix, psk_path;          // the prefix and a number; one key for all
    unsigned count = 0;                    // of them; 0: all that `devices_path` has

    // What a provisioning block says, for those that have none.
    std::string gateway;  // IPv4 address in digits
    std::uint16_t gateway_port = 5684;
    std::string resource = "t";
    std::string apn;
    std::uint32_t interval_s = 3600;
    std::uint32_t active_s = 6;
    std::uint32_t periodic_s = 0;  // no power saving mode
    std::uint32_t ack_timeout_ms = 10'000;

    std::vector<std::string> modem_paths;  // one a node; none: UDP
    std::string state_folder;              // empty: nothing outlives the process
    std::string events_path;               // empty: none
    unsigned readings_a_message = 5;
    Milliseconds spread{0};           // within which the nodes are switched on
    Milliseconds duration{0};         // of measuring; 0: until SIGTERM
    Milliseconds drain{60'000};       // longest wait for the last acknowledgements
    Milliseconds report_interval{0};  // 0: only at the end and at SIGUSR1
    bool verbose = false;
    bool help = false;
};

// Fails with a line that says what is wrong.
std::expected<Options, std::string> read_options(int argc, char** argv);

const char* help_text();

}  // namespace narrowgate::host
