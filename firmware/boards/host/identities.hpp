// SPDX-License-Identifier: Apache-2.0
//
// The nodes' provisioning pages: read, or made of an identity and a key.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "boards/host/options.hpp"
#include "provisioning/block.h"

namespace narrowgate::host {

// A flash page as the node reads it.
using Page = std::vector<std::uint8_t>;

struct Identity {
    std::string name;
    Page page;
    provisioning values;  // what the page says
};

// Fails with a line that says which file, which line, and what to do about it.
std::expected<std::vector<Identity>, std::string> read_identities(const Options& options);

}  // namespace narrowgate::host
