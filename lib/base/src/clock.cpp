// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/clock.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

namespace narrowgate {
namespace {

// Reads exactly `count` decimal digits at the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
    if (text.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take_char(std::string_view& text, char lower) {
    if (text.empty() || (text.front() | 0x20) != (lower | 0x20)) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
    std::chrono::microseconds fraction{0};
    if (text.empty() || text.front() != '.') return fraction;
    text.remove_prefix(1);
    std::int64_t unit = 100'000;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        fraction += std::chrono::microseconds(unit * (text.front() - '0'));
        unit /= 10;
        text.remove_prefix(1);
        if (++digits > 9) return std::nullopt;
    }
    if (digits == 0) return std::nullopt;
    return fraction;
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
    if (take_char(text, 'z')) return std::chrono::minutes(0);
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const auto hours = take_number(text, 2);
    if (!hours || !take_char(text, ':')) return std::nullopt;
    const auto minutes = take_number(text, 2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    return std::chrono::minutes(sign * (*hours * 60 + *minutes));
}

}  // namespace

Now SystemClock::now() const {
    return {std::chrono::steady_clock::now(),
            std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now())};
}

std::string to_rfc3339(WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{std::chrono::floor<milliseconds>(time - day)};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

std::optional<WallTime> from_rfc3339(std::string_view text) {
    const auto year = take_number(text, 4);
    if (!year || !take_char(text, '-')) return std::nullopt;
    const auto month = take_number(text, 2);
    if (!month || !take_char(text, '-')) return std::nullopt;
    const auto day = take_number(text, 2);
    if (!day || !take_char(text, 't')) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || !take_char(text, ':')) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || !take_char(text, ':')) return std::nullopt;
    const auto second = take_number(text, 2);
    if (!second) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;

    const std::chrono::year_month_day date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
           seconds(*second) + *fraction - *offset;
}

std::string to_words(std::chrono::microseconds duration) {
    struct Unit {
        std::string_view name;
        std::int64_t microseconds;
    };
    static constexpr std::array kUnits{Unit{"d", 86'400'000'000}, Unit{"h", 3'600'000'000},
                                       Unit{"min", 60'000'000}};
    const std::int64_t total = std::abs(duration.count());
    const std::string sign = duration.count() < 0 ? "-" : "";
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
        if (total < kUnits[i].microseconds) continue;
        const Unit next = i + 1 < kUnits.size() ? kUnits[i + 1] : Unit{"s", 1'000'000};
        const std::int64_t rest = total % kUnits[i].microseconds / next.microseconds;
        const std::string first =
            fmt::format("{}{} {}", sign, total / kUnits[i].microseconds, kUnits[i].name);
        return rest == 0 ? first : fmt::format("{} {} {}", first, rest, next.name);
    }
    // From here on three digits of milliseconds would be rounded to 1000.
    if (total >= 999'500) return fmt::format("{}{:.3g} s", sign, static_cast<double>(total) / 1e6);
    if (total >= 1'000) return fmt::format("{}{:.3g} ms", sign, static_cast<double>(total) / 1e3);
    return fmt::format("{}{} us", sign, total);
}

}  // namespace narrowgate
