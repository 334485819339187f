// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/log.hpp"

#include <atomic>
#include <mutex>
#include <optional>

#include "log_limiter.hpp"
#include "log_text.hpp"

namespace narrowgate {

struct Log::Impl {
    Impl(LogLevel least, std::unique_ptr<LogSink> to, const Clock* given_clock)
        : clock(given_clock != nullptr ? *given_clock : system_clock),
          sink(to ? std::move(to) : stderr_sink()),
          level(least) {}

    void send(LogLevel of, const LogEvent* event, const LogFields& fields, std::string_view message) const {
        const std::string device = one_line(fields.device);
        const std::string fleet = one_line(fields.fleet);
        const std::string upstream = one_line(fields.upstream);
        const std::string line = one_line(message);
        sink->write({.level = of,
                     .event = event,
                     .fields = {.device = device, .fleet = fleet, .upstream = upstream},
                     .message = line});
    }

    const SystemClock system_clock{};
    const Clock& clock;
    const std::unique_ptr<LogSink> sink;
    std::atomic<LogLevel> level;
    std::mutex mutex;
    LogLimiter limiter;  // under the mutex
};

Log::Log(LogLevel level, std::unique_ptr<LogSink> sink)
    : impl_(std::make_unique<Impl>(level, std::move(sink), nullptr)) {}

Log::Log(LogLevel level, std::unique_ptr<LogSink> sink, const Clock& clock)
    : impl_(std::make_unique<Impl>(level, std::move(sink), &clock)) {}

Log::~Log() = default;

void Log::set_level(LogLevel level) {
    impl_->level = level;
}

bool Log::enabled(LogLevel level) const {
    return level >= impl_->level;
}

void Log::put(const LogEvent& event, const LogFields& fields, std::string message, std::string_view cure) {
    std::optional<std::uint64_t> left_out;
    {
        const std::lock_guard lock(impl_->mutex);
        left_out = impl_->limiter.admit(event, fields, impl_->clock.now().steady);
    }
    if (!left_out) return;
    if (!cure.empty()) {
        message += "; ";
        message += cure;
    }
    if (*left_out != 0) message += fmt::format(" ({} more like it)", *left_out);
    impl_->send(event.level, &event, fields, message);
}

void Log::debug_line(std::string_view line) {
    impl_->send(LogLevel::kDebug, nullptr, {}, line);
}

}  // namespace narrowgate
