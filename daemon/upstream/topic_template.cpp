// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_template.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::string_view kExample =
    "write it as \"dt/{fleet}/{device}/{resource}\"; {gateway} is known too";

void append_escaped(std::string& out, unsigned char c) {
    out += fmt::format("%{:02X}", c);
}

// One level's worth of a value. `keep_percent`: it is percent-encoded already.
void append_clean(std::string& out, std::string_view value, bool keep_percent) {
    if (value.empty()) {
        out += '-';
        return;
    }
    const bool utf8 = is_utf8(bytes_of(value));
    for (std::size_t i = 0; i < value.size(); ++i) {
        const auto c = static_cast<unsigned char>(value[i]);
        // U+0080 to U+009F, the other control characters: C2 80 to C2 9F.
        const bool c1_control =
            utf8 && ((c == 0xC2 && static_cast<unsigned char>(value[i + 1]) < 0xA0) ||
                     (c < 0xA0 && c >= 0x80 && static_cast<unsigned char>(value[i - 1]) == 0xC2));
        if (c == '/' || c == '+' || c == '#' || is_control(c) || (c == '%' && !keep_percent) ||
            (c == '$' && i == 0) || (c >= 0x80 && !utf8) || c1_control) {
            append_escaped(out, c);
        } else {
            out += static_cast<char>(c);
        }
    }
}

void append_levels(std::string& out, std::string_view path) {
    for (;;) {
        const std::size_t slash = path.find('/');
        append_clean(out, path.substr(0, slash), true);
        if (slash == std::string_view::npos) return;
        out += '/';
        path.remove_prefix(slash + 1);
    }
}

}  // namespace

Expected<TopicTemplate> TopicTemplate::parse(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, Blank>, 4> kBlanks = {
        {{"fleet", Blank::kFleet},
         {"device", Blank::kDevice},
         {"resource", Blank::kResource},
         {"gateway", Blank::kGateway}}};
    const auto wrong = [&](std::string_view why) {
        return failure(fmt::format("\"{}\" is not a topic: {}", text, why), std::string(kExample));
    };
    if (text.empty()) return wrong("it is empty");
    if (!is_utf8(bytes_of(text))) return failure("the topic is not UTF-8", std::string(kExample));
    if (text.size() > kMaxTopicBytes)
        return failure("the topic is longer than 65535 bytes", std::string(kExample));

    TopicTemplate result;
    result.text_ = text;
    std::string literal;
    const auto end_literal = [&] {
        if (!literal.empty()) result.pieces_.push_back({Blank::kNone, std::exchange(literal, {})});
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '+' || c == '#') return wrong("'+' and '#' are for subscriptions");
        if (is_control(static_cast<unsigned char>(c))) return wrong("it has a control character");
        if (c == '}') return wrong("a '}' without its '{'");
        if (c != '{') {
            literal += c;
            continue;
        }
        const std::size_t end = text.find('}', i);
        if (end == std::string_view::npos) return wrong("a '{' without its '}'");
        const std::string_view name = text.substr(i + 1, end - i - 1);
        Blank blank = Blank::kNone;
        for (const auto& [known, value] : kBlanks) {
            if (name == known) blank = value;
        }
        if (blank == Blank::kNone) return wrong(fmt::format("{{{}}} is not known", name));
        end_literal();
        result.pieces_.push_back({blank, {}});
        i = end;
    }
    end_literal();
    return result;
}

std::string TopicTemplate::fill(const TopicValues& values) const {
    std::string topic;
    for (const Piece& piece : pieces_) {
        switch (piece.blank) {
            case Blank::kNone:
                topic += piece.literal;
                break;
            case Blank::kFleet:
                append_clean(topic, values.fleet, false);
                break;
            case Blank::kDevice:
                append_clean(topic, values.device, false);
                break;
            case Blank::kResource:
                append_levels(topic, values.resource);
                break;
            case Blank::kGateway:
                append_clean(topic, values.gateway, false);
                break;
        }
    }
    return topic;
}

}  // namespace narrowgate::daemon
