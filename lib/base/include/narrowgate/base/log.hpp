// SPDX-License-Identifier: Apache-2.0
//
// One line an event: what happened, to whom, and what to do. Lines go to standard error with the journal's
// priority prefix when systemd reads it (sd-daemon(3)), else with a time stamp. Secrets never appear; nothing
// that an unauthenticated peer can cause is logged above debug.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace narrowgate {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Thread: any.
class Log {
public:
    // Writes to standard error.
    explicit Log(LogLevel level);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void set_level(LogLevel level);
    bool enabled(LogLevel level) const;
    void write(LogLevel level, std::string_view line);

    template <class... A>
    void debug(fmt::format_string<A...> format, A&&... arguments) {
        if (enabled(LogLevel::kDebug))
            write(LogLevel::kDebug, fmt::format(format, std::forward<A>(arguments)...));
    }
    template <class... A>
    void info(fmt::format_string<A...> format, A&&... arguments) {
        if (enabled(LogLevel::kInfo))
            write(LogLevel::kInfo, fmt::format(format, std::forward<A>(arguments)...));
    }
    template <class... A>
    void warning(fmt::format_string<A...> format, A&&... arguments) {
        if (enabled(LogLevel::kWarning))
            write(LogLevel::kWarning, fmt::format(format, std::forward<A>(arguments)...));
    }
    template <class... A>
    void error(fmt::format_string<A...> format, A&&... arguments) {
        write(LogLevel::kError, fmt::format(format, std::forward<A>(arguments)...));
    }

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate
