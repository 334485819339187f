// SPDX-License-Identifier: Apache-2.0
//
// The readers of the configuration's nouns, one file each, and the checks across them. Inside daemon/config
// only.
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/config/table_reader.hpp"

namespace narrowgate::daemon {

// [gateway] of narrowgate.toml.
void read_gateway(TableReader& top, GatewayOptions& gateway);
// [dtls] and [store].
void read_dtls(TableReader& top, Config& config);
void read_store(TableReader& top, store::Options& store);
// Every [[upstream]].
void read_upstreams(TableReader& top, std::vector<UpstreamConfig>& upstreams);
// A fleet's file: [fleet] and every [[route]].
Fleet read_fleet(TableReader& top);

// A fleet and the file it came from.
struct FleetSource {
    std::string file;
    Fleet fleet;
    bool routes_told = false;  // what it has for routes is none, and that is a mistake already
};

// Contradictions between values that are each right.
void check_gateway(const Config& config, const std::string& file, Findings& findings);
void check_fleets(const Config& config, const std::string& file, const std::vector<FleetSource>& fleets,
                  Findings& findings);

// What a certificate of ours outside its dates is.
enum class OutsideDates : std::uint8_t { kMistake, kWarning };

// What the configuration names on this machine: certificates, keys, directories. Reads files.
void check_files(const Config& config, const std::string& file, WallTime now, OutsideDates outside,
                 Findings& findings);
// A configuration file that everybody may write is everybody's gateway.
void check_writers(const std::string& file, Findings& findings);

}  // namespace narrowgate::daemon
