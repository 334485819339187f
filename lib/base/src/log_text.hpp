// SPDX-License-Identifier: Apache-2.0
//
// Text from outside as it may stand in a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace narrowgate {

// Longer messages and fields are cut: a broker's reason may have 64 KiB.
inline constexpr std::size_t kMaxLogTextBytes = 2048;

// One line of valid UTF-8: control characters (C0, DEL, C1), the line separators of Unicode and bytes that
// are no UTF-8 as \n, \t or \xNN for each byte. At most kMaxLogTextBytes of `text` and then "...".
std::string one_line(std::string_view text);

// A field's value behind its name: as it is, or in quotation marks where a space, a quotation mark, = or
// nothing is in it.
std::string quoted_if_needed(std::string_view value);

}  // namespace narrowgate
