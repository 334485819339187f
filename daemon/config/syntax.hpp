// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a text that is no TOML, in the words of the person who wrote it.
#pragma once

#include <string_view>

#include "daemon/config/document.hpp"

namespace narrowgate::daemon {

// `at` and `description` are what the TOML library says of `text`. The mistake's place is where an editor
// would put the cursor: at the value or the key, not where the library gave up.
Mistake explain_syntax(const ConfigText& text, Position at, std::string_view description);

}  // namespace narrowgate::daemon
