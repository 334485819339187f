// SPDX-License-Identifier: Apache-2.0
//
// Server-sent events, taken apart (WHATWG HTML, section 9.2.6), as far as our own API uses them: one data
// line each.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace narrowgate::daemon {

class EventStream {
public:
    // False: no more is wanted.
    using Take = std::function<bool(std::string_view event, std::string_view data)>;

    explicit EventStream(Take take) : take_(std::move(take)) {}

    // A piece of the stream, cut anywhere. False once `take` has said so.
    bool feed(std::string_view piece) {
        rest_ += piece;
        for (std::size_t end = 0; (end = rest_.find('\n')) != std::string::npos;) {
            const std::string line = rest_.substr(0, end);
            rest_.erase(0, end + 1);
            if (!take_line(line)) return false;
        }
        return true;
    }

private:
    bool take_line(std::string_view line) {
        constexpr std::string_view kEvent = "event: ";
        constexpr std::string_view kData = "data: ";
        if (line.starts_with(kEvent)) event_ = line.substr(kEvent.size());
        if (line.starts_with(kData)) data_ = line.substr(kData.size());
        if (!line.empty() || data_.empty()) return true;
        const bool more = take_(event_, data_);
        event_.clear();
        data_.clear();
        return more;
    }

    Take take_;
    std::string rest_;
    std::string event_;
    std::string data_;
};

}  // namespace narrowgate::daemon
