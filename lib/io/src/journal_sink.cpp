// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/journal_sink.hpp"

#include <fmt/format.h>
#include <sys/uio.h>
#include <syslog.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

// Entries name the event, not the line of the source that sends all of them.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

namespace narrowgate::io {
namespace {

int priority_of(LogLevel level) {
    switch (level) {
        case LogLevel::kDebug:
            return LOG_DEBUG;
        case LogLevel::kInfo:
            return LOG_INFO;
        case LogLevel::kWarning:
            return LOG_WARNING;
        case LogLevel::kError:
            return LOG_ERR;
    }
    std::abort();
}

class JournalSink final : public LogSink {
public:
    void write(const LogEntry& entry) override {
        std::vector<std::string> fields = {"SYSLOG_IDENTIFIER=narrowgate",
                                           fmt::format("PRIORITY={}", priority_of(entry.level)),
                                           fmt::format("MESSAGE={}", entry.message)};
        const auto add = [&fields](std::string_view name, std::string_view value) {
            if (!value.empty()) fields.push_back(fmt::format("{}={}", name, value));
        };
        if (entry.event != nullptr) {
            add("NARROWGATE_EVENT", entry.event->name);
            add("MESSAGE_ID", entry.event->message_id);
        }
        add("NARROWGATE_DEVICE", entry.fields.device);
        add("NARROWGATE_FLEET", entry.fields.fleet);
        add("NARROWGATE_UPSTREAM", entry.fields.upstream);

        std::vector<iovec> parts;
        parts.reserve(fields.size());
        for (std::string& field : fields)
            parts.push_back({.iov_base = field.data(), .iov_len = field.size()});
        if (sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) < 0) otherwise_->write(entry);
    }

private:
    const std::unique_ptr<LogSink> otherwise_ = stderr_sink();
};

}  // namespace

std::unique_ptr<LogSink> journal_sink() {
    return std::make_unique<JournalSink>();
}

std::unique_ptr<LogSink> journal_or_stderr() {
    return stderr_is_the_journal() ? journal_sink() : stderr_sink();
}

}  // namespace narrowgate::io
