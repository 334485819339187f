// SPDX-License-Identifier: Apache-2.0
//
// TOML text into the configuration's reader. Its input is a person's, not an attacker's; what this guards
// against is a crash, or a mistake without words, when somebody edits a running gateway's files. Reaches the
// TOML library, the value tree, every reader of a key and every check across keys. The first half of the
// input is the gateway's file, the second a fleet's; a split at the first NUL lets the fuzzer move it.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using narrowgate::daemon::ConfigText;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t split = input.find('\0');
    const std::string_view gateway = input.substr(0, split);
    const std::string_view fleet = split == std::string_view::npos ? "" : input.substr(split + 1);
    const std::array fleets = {ConfigText{.file = "fleet.toml", .text = std::string(fleet)}};
    const auto config =
        narrowgate::daemon::parse_config({.file = "narrowgate.toml", .text = std::string(gateway)}, fleets);
    if (config) return 0;
    // A refusal says why, what to do, and in which file.
    if (config.error().empty()) std::abort();
    for (const auto& mistake : config.error())
        if (mistake.what.empty() || mistake.cure.empty() || mistake.file.empty()) std::abort();
    return 0;
}
