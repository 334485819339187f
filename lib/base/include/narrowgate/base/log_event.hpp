// SPDX-License-Identifier: Apache-2.0
//
// What can be logged. A room lists its events once, in its events.hpp, and a call names one of them: what is
// not listed does not compile, and neither does an event about an upstream without that upstream's name.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace narrowgate {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Which of a line's fields an event has.
enum class About : std::uint8_t {
    kGateway,   // none
    kFleet,     // fleet
    kDevice,    // device and its fleet
    kUpstream,  // upstream
};

struct LogEvent {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order of reading
    // Never changes: filters and alarms of operators name it. "ROOM_OR_NOUN.what_happened".
    std::string_view name;
    LogLevel level;
    About about;
    // What has happened, for docs/events.md.
    std::string_view when;
    // What a person is to do, for docs/events.md and at the end of each line that does not know better. Empty
    // where nobody has to do anything.
    std::string_view cure = {};
    // Of those that people write rules for: a random 128-bit number in 32 hexadecimal digits (sd-id128(3)).
    std::string_view message_id = {};
    // Lines at once; after them one every ten seconds. More where an operator asks for each.
    std::uint32_t burst = 10;
};

// A name that a line must have: there is no empty one by default.
class LogName {
public:
    template <std::convertible_to<std::string_view> T>
    constexpr LogName(const T& text) : text_(text) {}
    constexpr std::string_view text() const { return text_; }

private:
    std::string_view text_;
};

// Empty: the event is not about one.
struct LogFields {
    std::string_view device;
    std::string_view fleet;
    std::string_view upstream;
};

// Whom a line is about; seen until the call returns.
template <About kAbout>
struct Subject;
template <>
struct Subject<About::kGateway> {
    constexpr LogFields fields() const { return {}; }
};
template <>
struct Subject<About::kFleet> {
    LogName fleet;
    constexpr LogFields fields() const { return {.device = {}, .fleet = fleet.text(), .upstream = {}}; }
};
template <>
struct Subject<About::kDevice> {
    LogName device;
    LogName fleet;
    constexpr LogFields fields() const {
        return {.device = device.text(), .fleet = fleet.text(), .upstream = {}};
    }
};
template <>
struct Subject<About::kUpstream> {
    LogName upstream;
    constexpr LogFields fields() const { return {.device = {}, .fleet = {}, .upstream = upstream.text()}; }
};

// One of a room's events, with its subject in the type.
template <About kAbout>
struct LogEventOf {
    const LogEvent& event;
};

// Text as a template's argument.
template <std::size_t kBytes>
struct LogEventName {
    consteval LogEventName(const char (&literal)[kBytes]) { std::ranges::copy(literal, text); }
    constexpr std::string_view view() const { return {text, kBytes - 1}; }
    char text[kBytes]{};
};

template <const auto& kEvents, LogEventName kName>
consteval auto find_event() {
    constexpr auto kIndex = static_cast<std::size_t>(
        std::ranges::find(kEvents, kName.view(), &LogEvent::name) - std::ranges::begin(kEvents));
    static_assert(kIndex < std::size(kEvents), "no such event: list it in events.hpp and in docs/events.md");
    return LogEventOf<kEvents[kIndex].about>{kEvents[kIndex]};
}

// Whether a list can be used as one: names are unique and of lower case, levels are above debug, whatever is
// a warning or worse says what to do, and message IDs are such.
consteval bool is_catalogue(std::span<const LogEvent> events) {
    constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    constexpr std::size_t kIdDigits = 32;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const LogEvent& event = events[i];
        if (event.name.empty() || event.name.find_first_not_of(kNameCharacters) != std::string_view::npos)
            return false;
        if (event.when.empty() || event.burst == 0 || event.level == LogLevel::kDebug) return false;
        if (event.level >= LogLevel::kWarning && event.cure.empty()) return false;
        if (!event.message_id.empty() &&
            (event.message_id.size() != kIdDigits ||
             event.message_id.find_first_not_of("0123456789abcdef") != std::string_view::npos)) {
            return false;
        }
        for (std::size_t j = 0; j < i; ++j) {
            if (events[j].name == event.name) return false;
            if (!event.message_id.empty() && events[j].message_id == event.message_id) return false;
        }
    }
    return true;
}

}  // namespace narrowgate
