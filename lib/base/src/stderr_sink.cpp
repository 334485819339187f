// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "log_text.hpp"
#include "narrowgate/base/log.hpp"

namespace narrowgate {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::kDebug:
            return spdlog::level::debug;
        case LogLevel::kInfo:
            return spdlog::level::info;
        case LogLevel::kWarning:
            return spdlog::level::warn;
        case LogLevel::kError:
            return spdlog::level::err;
    }
    std::abort();
}

// sd-daemon(3): the priority of a line, as syslog numbers it, in angle brackets before it.
std::string_view journal_prefix(LogLevel level) {
    switch (level) {
        case LogLevel::kDebug:
            return "<7>";
        case LogLevel::kInfo:
            return "<6>";
        case LogLevel::kWarning:
            return "<4>";
        case LogLevel::kError:
            return "<3>";
    }
    std::abort();
}

void add(std::string& line, std::string_view name, std::string_view value) {
    if (!value.empty()) line += fmt::format(" {}={}", name, quoted_if_needed(value));
}

class StderrSink final : public LogSink {
public:
    StderrSink() {
        logger_.set_pattern(journal_ ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
        logger_.set_level(spdlog::level::trace);
        logger_.flush_on(spdlog::level::trace);
    }

    void write(const LogEntry& entry) override {
        std::string line(journal_ ? journal_prefix(entry.level) : std::string_view{});
        line += entry.message;
        if (entry.event != nullptr) add(line, "event", entry.event->name);
        add(line, "device", entry.fields.device);
        add(line, "fleet", entry.fields.fleet);
        add(line, "upstream", entry.fields.upstream);
        logger_.log(spdlog_level(entry.level), "{}", line);
    }

private:
    const bool journal_ = stderr_is_the_journal();
    spdlog::logger logger_{"narrowgate", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

}  // namespace

std::unique_ptr<LogSink> stderr_sink() {
    return std::make_unique<StderrSink>();
}

bool stderr_is_the_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace narrowgate
