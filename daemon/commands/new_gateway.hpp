// SPDX-License-Identifier: Apache-2.0
//
// The text of a new gateway's configuration, as `narrowgate init` writes it: what must be said, and where to
// read on. Inside daemon/commands only.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.hpp"

namespace narrowgate::daemon {

// A kind of broker that a new gateway may have as its upstream, at most one each.
struct Cloud {
    std::string_view option;    // "--aws", and the upstream's name without the dashes
    std::string_view profile;   // upstream.profile
    std::string_view ca_file;   // its place below the configuration's directory
    std::string_view topic;     // of the fleet's route; empty: the profile has its own
    std::string_view question;  // what is asked for its host

    std::string_view name() const { return option.substr(2); }
};

// In the order of questions and of upstreams.
std::span<const Cloud> clouds();

struct NewGateway {
    std::string name;
    std::string fleet;
    std::string listen;  // as dtls.listen has it
    std::filesystem::path state_directory;
    std::filesystem::path runtime_directory;
    struct Upstream {
        const Cloud* cloud;
        std::string host;  // with a port or without
    };
    std::vector<Upstream> upstreams;

    // Relative to the configuration's directory.
    std::string fleet_file() const { return "fleets.d/" + fleet + ".toml"; }
    std::string certificate_file() const { return "tls/" + name + ".crt"; }
    std::string key_file() const { return "tls/" + name + ".key"; }
};

// What is wrong with a word that goes into the texts: it must be a plain one, of 1 to 255 printable ASCII
// characters without blanks, quotes, commas and backslashes.
std::optional<Error> problem_of_word(std::string_view what, std::string_view word);

// narrowgate.toml and the fleet's file. They have no mistake but what parse_config() finds in names and
// hosts.
ConfigText gateway_text(const NewGateway& gateway);
ConfigText fleet_text(const NewGateway& gateway);

}  // namespace narrowgate::daemon
