// SPDX-License-Identifier: Apache-2.0
//
// ModemOptions on a command line.
#pragma once

#include <CLI/CLI.hpp>

#include "sim/modem_options.hpp"

namespace narrowgate::sim {

// A flag for each switch of `options`, which must outlive the parsing and holds the defaults. Times are in
// seconds.
void add_modem_flags(CLI::App& app, ModemOptions& options);

}  // namespace narrowgate::sim
