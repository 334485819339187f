// SPDX-License-Identifier: Apache-2.0
//
// Durations and sizes as people write them, and the name that someone probably meant.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace narrowgate::daemon {

// "250ms", "9s", "5m", "2h", "90d": a whole number and a unit. Nothing when it is not that, or more than 100
// years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// "512B", "16KiB", "4MiB", "1GiB", "2TiB", or the number of bytes alone. Nothing when it is not that, or does
// not fit 63 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

// Volumes as mobile operators write them, with decimal units too: "500KB", "500 KB", "2MB", "1MiB", or the
// number of bytes alone. Nothing when it is not that.
std::optional<std::uint64_t> parse_volume(std::string_view text);

// What was probably meant by a text that the first two refuse, in the form that they read: "5m" for "5
// minutes", "10MiB" for "10 mb". Nothing for a text that says no number and unit.
std::optional<std::string> meant_duration(std::string_view text);
std::optional<std::string> meant_size(std::string_view text);

// The forms that the first two read, with the largest unit that leaves a whole number.
std::string write_duration(std::chrono::milliseconds duration);
std::string write_size(std::uint64_t bytes);
// For people, rounded: "17 B", "13.9 KiB".
std::string size_in_words(std::uint64_t bytes);

// The one of `names` that is closest to `name`, if it is close enough to have been meant, or the first that
// begins with it. Capitals are small letters here, and dashes underscores. Names longer than 64 bytes are
// close to nothing.
std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> names);

}  // namespace narrowgate::daemon
