// SPDX-License-Identifier: Apache-2.0
//
// A log that a test reads.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "narrowgate/base/log.hpp"

namespace narrowgate::fakes {

struct LogLine {
    LogLevel level = LogLevel::kDebug;
    std::string event;  // empty: a line for debugging
    std::string device;
    std::string fleet;
    std::string upstream;
    std::string message;
};

// Thread: any.
class RecordedLines {
public:
    // Given to a Log; this outlives it.
    std::unique_ptr<LogSink> sink() { return std::make_unique<Sink>(*this); }

    // All since the last call.
    std::vector<LogLine> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(lines_, {});
    }
    // The messages of them.
    std::vector<std::string> take_messages() {
        std::vector<std::string> messages;
        for (LogLine& line : take())
            messages.push_back(std::move(line.message));
        return messages;
    }

private:
    class Sink final : public LogSink {
    public:
        explicit Sink(RecordedLines& lines) : lines_(lines) {}
        void write(const LogEntry& entry) override {
            const std::lock_guard lock(lines_.mutex_);
            lines_.lines_.push_back({.level = entry.level,
                                     .event = std::string(entry.event ? entry.event->name : ""),
                                     .device = std::string(entry.fields.device),
                                     .fleet = std::string(entry.fields.fleet),
                                     .upstream = std::string(entry.fields.upstream),
                                     .message = std::string(entry.message)});
        }

    private:
        RecordedLines& lines_;
    };

    std::mutex mutex_;
    std::vector<LogLine> lines_;
};

}  // namespace narrowgate::fakes
