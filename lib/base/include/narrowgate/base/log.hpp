// SPDX-License-Identifier: Apache-2.0
//
// One line an event: what happened, to whom, and what to do. Secrets never appear; nothing that an
// unauthenticated peer can cause is logged above debug. What repeats itself is left out and counted, so that
// a log cannot be flooded.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/log_event.hpp"

namespace narrowgate {

// One line. Message and fields hold valid UTF-8 without control characters, whatever came from outside.
struct LogEntry {
    LogLevel level;
    const LogEvent* event;  // none: a line for debugging
    LogFields fields;
    std::string_view message;
};

// Where lines go. Thread: any.
class LogSink {
public:
    virtual ~LogSink() = default;
    virtual void write(const LogEntry& entry) = 0;
};

// Standard error: with the journal's priority prefix (sd-daemon(3)) when the journal reads it, else with a
// time stamp; name of the event and fields at the end.
std::unique_ptr<LogSink> stderr_sink();
// Whether standard error is a stream to the journal (JOURNAL_STREAM in systemd.exec(5)), and not, say, a file
// that the service's environment was handed on to.
bool stderr_is_the_journal();

// Thread: any.
class Log {
public:
    // `sink`: none means standard error.
    explicit Log(LogLevel level, std::unique_ptr<LogSink> sink = nullptr);
    // With a clock other than the system's, which outlives this.
    Log(LogLevel level, std::unique_ptr<LogSink> sink, const Clock& clock);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void set_level(LogLevel level);
    bool enabled(LogLevel level) const;

    // write(kEvent<"upstream.connected">, {.upstream = name}, "upstream {}: connected", name). What to do
    // follows the message, from the event. At most `burst` lines of one event and subject are written at
    // once, then one every ten seconds; the next that is written says how many were left out.
    template <About kAbout, class... A>
    void write(LogEventOf<kAbout> event, const Subject<kAbout>& subject, fmt::format_string<A...> format,
               A&&... arguments) {
        if (!enabled(event.event.level)) return;
        put(event.event, subject.fields(), fmt::format(format, std::forward<A>(arguments)...),
            event.event.cure);
    }
    // An error, with its own cure where it has one.
    template <About kAbout>
    void write(LogEventOf<kAbout> event, const Subject<kAbout>& subject, const Error& error) {
        if (!enabled(event.event.level)) return;
        put(event.event, subject.fields(), error.what, error.cure.empty() ? event.event.cure : error.cure);
    }

    // For developers: neither listed nor counted.
    template <class... A>
    void debug(fmt::format_string<A...> format, A&&... arguments) {
        if (enabled(LogLevel::kDebug)) debug_line(fmt::format(format, std::forward<A>(arguments)...));
    }

private:
    void put(const LogEvent& event, const LogFields& fields, std::string message, std::string_view cure);
    void debug_line(std::string_view line);

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate
