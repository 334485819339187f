// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cstdlib>

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

}  // namespace

struct Log::Impl {
    spdlog::logger logger{"narrowgate", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
    bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
};

Log::Log(LogLevel level) : impl_(std::make_unique<Impl>()) {
    impl_->logger.set_pattern(impl_->journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    impl_->logger.flush_on(spdlog::level::debug);
    set_level(level);
}

Log::~Log() = default;

void Log::set_level(LogLevel level) {
    impl_->logger.set_level(spdlog_level(level));
}

bool Log::enabled(LogLevel level) const {
    return impl_->logger.should_log(spdlog_level(level));
}

void Log::write(LogLevel level, std::string_view line) {
    if (impl_->journal) {
        impl_->logger.log(spdlog_level(level), "{}{}", journal_prefix(level), line);
    } else {
        impl_->logger.log(spdlog_level(level), "{}", line);
    }
}

}  // namespace narrowgate
