// SPDX-License-Identifier: Apache-2.0
//
// MQTT topics with blanks: "dt/{fleet}/{device}/{resource}".
//
// What fills a blank comes from nodes and can never add a level, a wildcard or a control character. In a
// value,
// '/', '+', '#', '%', control characters and bytes that are not UTF-8 become %XX, and so does '$' at its
// beginning (MQTT 5 section 4.7.2 sets such topics apart). An empty value becomes "-". A resource keeps its
// '/' as levels and the %XX that it has already (coap::UriPath::text()); each of its segments is treated
// alike.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

struct TopicValues {
    std::string_view fleet;
    std::string_view device;
    std::string_view resource;
    std::string_view gateway;
};

// Thread: any.
class TopicTemplate {
public:
    // MQTT 5 section 1.5.4: bytes of a topic.
    static constexpr std::size_t kMaxTopicBytes = 65'535;

    // Fails on an unknown blank, an unmatched brace, a wildcard, a control character, bytes that are not
    // UTF-8, or nothing at all.
    static Expected<TopicTemplate> parse(std::string_view text);

    // The topic; longer than kMaxTopicBytes only if values of many kilobytes make it so.
    std::string fill(const TopicValues& values) const;
    // As it was parsed.
    const std::string& text() const { return text_; }
    // Whether the topic depends on these.
    bool has_fleet() const { return has(Blank::kFleet); }
    bool has_device() const { return has(Blank::kDevice); }
    bool has_resource() const { return has(Blank::kResource); }

private:
    enum class Blank : unsigned char { kNone, kFleet, kDevice, kResource, kGateway };
    struct Piece {
        Blank blank = Blank::kNone;
        std::string literal;  // of kNone
    };

    bool has(Blank blank) const { return std::ranges::find(pieces_, blank, &Piece::blank) != pieces_.end(); }

    std::string text_;
    std::vector<Piece> pieces_;
};

}  // namespace narrowgate::daemon
