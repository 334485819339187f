// SPDX-License-Identifier: Apache-2.0
//
// Two PSKs, in hexadecimal.
#pragma once

#include <string_view>

namespace narrowgate::daemon {

inline constexpr std::string_view kKey = "000102030405060708090a0b0c0d0e0f";
inline constexpr std::string_view kOtherKey = "ff0102030405060708090a0b0c0d0e0f";

}  // namespace narrowgate::daemon
