// SPDX-License-Identifier: Apache-2.0
//
// Two PSKs, as they are typed.
#pragma once

#include <string_view>

namespace narrowgate::daemon {

inline constexpr std::string_view kPskInHex = "000102030405060708090a0b0c0d0e0f";
inline constexpr std::string_view kOtherPskInHex = "ff0102030405060708090a0b0c0d0e0f";

}  // namespace narrowgate::daemon
