// SPDX-License-Identifier: Apache-2.0
//
// Who the simulated nodes are: identities and keys from a file.
#pragma once

#include <string>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::sim {

struct Identity {
    std::string name;
    Bytes psk;
};

// Lines of `identity,psk_hex`; or the gateway's own `identity,fleet,psk_hex[,name]`. Empty lines, lines that
// begin with "#" and a head line are skipped.
Expected<std::vector<Identity>> read_identities(const std::string& path);

}  // namespace narrowgate::sim
