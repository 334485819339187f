// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/message_layer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "narrowgate/coap/diagnostics.hpp"
#include "narrowgate/coap/node_clock.hpp"

namespace narrowgate::coap {
namespace {

// An option that a request may have, with the length of its value in bytes. Outside of these limits an
// option counts as not understood (RFC 7252 section 5.4.3), as does one that must not be repeated and is
// (section 5.4.5).
struct UnderstoodOption {
    std::uint16_t number;
    std::size_t min_bytes;
    std::size_t max_bytes;
    bool repeatable = false;
};

// If-Match, If-None-Match and the options of OSCORE and Q-Block are critical and not here: 4.02.
constexpr std::array kUnderstood = {
    UnderstoodOption{option::kUriHost, 1, 255},
    UnderstoodOption{option::kUriPort, 0, 2},
    UnderstoodOption{option::kUriPath, 0, 255, true},
    UnderstoodOption{option::kContentFormat, 0, 2},
    UnderstoodOption{option::kUriQuery, 0, 255, true},
    UnderstoodOption{option::kAccept, 0, 2},
    UnderstoodOption{option::kBlock2, 0, 3},
    UnderstoodOption{option::kBlock1, 0, 3},
    UnderstoodOption{option::kProxyUri, 1, kMaxOptionValueBytes},
    UnderstoodOption{option::kProxyScheme, 1, 255},
    UnderstoodOption{option::kSize1, 0, 4},
    UnderstoodOption{option::kNoResponse, 0, 1},
    UnderstoodOption{option::kRequestTag, 0, 8, true},
    UnderstoodOption{option::kTime, 0, 8},
};

bool is_understood(const OptionView& option, bool repeated) {
    const auto known = std::ranges::lower_bound(kUnderstood, option.number, {}, &UnderstoodOption::number);
    return known != kUnderstood.end() && known->number == option.number && (known->repeatable || !repeated) &&
           option.value.size() >= known->min_bytes && option.value.size() <= known->max_bytes;
}

// The first thing that is wrong with a request's options, and the option that is.
struct Complaint {
    MessageFate fate;
    std::uint16_t number;
};

// Takes an option of a length that was checked into the request; false for a block of the reserved size.
bool take(Request& request, const OptionView& option) {
    switch (option.number) {
        case option::kContentFormat:
            request.content_format = static_cast<std::uint16_t>(*uint_of(option.value));
            return true;
        case option::kAccept:
            request.accept = static_cast<std::uint16_t>(*uint_of(option.value));
            return true;
        case option::kBlock1:
            return (request.block1 = BlockOption::of(option.value)).has_value();
        case option::kBlock2:
            return (request.block2 = BlockOption::of(option.value)).has_value();
        case option::kSize1:
            request.size1 = uint_of(option.value);
            return true;
        case option::kNoResponse:
            request.asked.no_response = static_cast<std::uint8_t>(*uint_of(option.value));
            return true;
        case option::kTime:
            request.time = node_time(option.value);
            return true;
        default:
            return true;
    }
}

// Reads all options, also behind one that is wrong: No-Response comes late and governs the refusal too.
std::optional<Complaint> read_options(Request& request, const MessageOptions& options) {
    std::optional<Complaint> complaint;
    const auto complain = [&](MessageFate fate, std::uint16_t number) {
        if (!complaint) complaint = Complaint{fate, number};
    };
    std::optional<std::uint16_t> previous;
    for (const OptionView& option : request.message.options()) {
        const bool repeated = previous == option.number;
        previous = option.number;
        if (!is_understood(option, repeated)) {
            if (is_critical(option.number)) complain(MessageFate::kBadOption, option.number);
        } else if (option.number == option::kProxyUri || option.number == option::kProxyScheme) {
            complain(MessageFate::kProxyRequest, option.number);
        } else if (!take(request, option)) {
            complain(MessageFate::kBadBlock, option.number);
        }
    }
    if (auto path = UriPath::of(request.message, options.split_uri_path)) {
        request.path = *path;
    } else {
        complain(MessageFate::kBadOption, option::kUriPath);
    }
    return complaint;
}

// What the complaint is answered with; empty for silence.
Bytes answer_to(const Complaint& complaint, const Asked& asked) {
    std::string words;
    Response response;
    switch (complaint.fate) {
        case MessageFate::kBadOption:
            // RFC 7252 section 5.4.1: in a NON it rejects the message (section 4.3).
            if (asked.type == MessageType::kNonConfirmable) return {};
            words = fmt::format("option {} not understood", complaint.number);
            response.code = Code::kBadOption;
            break;
        case MessageFate::kBadBlock:
            words = fmt::format("option {} has the reserved block size", complaint.number);
            response.code = Code::kBadRequest;
            break;
        case MessageFate::kProxyRequest:
            return respond(asked, refusal(Code::kProxyingNotSupported));
        default:
            std::abort();
    }
    response.payload = bytes_of(words);
    return respond(asked, response);
}

Verdict reply_or_nothing(Bytes bytes) {
    if (bytes.empty()) return Nothing{};
    return Reply{std::move(bytes)};
}

// Rejection of a message (RFC 7252 sections 4.2 and 4.3): RST for a CON, silence for all else.
Verdict reject(MessageType type, std::uint16_t mid) {
    if (type != MessageType::kConfirmable) return Nothing{};
    return Reply{encode_empty(MessageType::kReset, mid)};
}

// RFC 7967 section 2.1: 2 for class 2.xx, 8 for 4.xx, 16 for 5.xx.
bool is_unwanted(const Asked& asked, Code code) {
    return code != Code::kContinue && (asked.no_response >> (class_of(code) - 1) & 1) != 0;
}

}  // namespace

std::string_view name_of(MessageFate fate) {
    switch (fate) {
        case MessageFate::kRequest:
            return "request";
        case MessageFate::kDuplicateAnswered:
            return "duplicate_answered";
        case MessageFate::kDuplicateInProgress:
            return "duplicate_in_progress";
        case MessageFate::kPing:
            return "ping";
        case MessageFate::kStray:
            return "stray";
        case MessageFate::kMalformed:
            return "malformed";
        case MessageFate::kUnexpectedResponse:
            return "unexpected_response";
        case MessageFate::kBadOption:
            return "bad_option";
        case MessageFate::kBadBlock:
            return "bad_block";
        case MessageFate::kProxyRequest:
            return "proxy_request";
    }
    std::abort();
}

Response refusal(Code code) {
    return Response{.code = code, .payload = bytes_of(diagnostic_of(code))};
}

Bytes respond(const Asked& asked, const Response& response) {
    const bool confirmable = asked.type == MessageType::kConfirmable;
    if (is_unwanted(asked, response.code)) {
        return confirmable ? encode_empty(MessageType::kAcknowledgement, asked.mid) : Bytes{};
    }
    Bytes out;
    out.reserve(kLongestResponseHeadBytes + response.payload.size());
    MessageWriter writer(out, confirmable ? MessageType::kAcknowledgement : MessageType::kNonConfirmable,
                         response.code, asked.mid, asked.token_view());
    const auto option_uint = [&](std::uint16_t number, const auto& value) {
        if (value) writer.option_uint(number, static_cast<std::uint32_t>(*value));
    };
    const auto option_block = [&](std::uint16_t number, const std::optional<BlockOption>& block) {
        if (block) writer.option_uint(number, block->value());
    };
    if (response.etag) writer.option(option::kETag, *response.etag);
    option_uint(option::kContentFormat, response.content_format);
    if (response.max_age) {
        const auto age = std::clamp<seconds::rep>(response.max_age->count(), 0, 0xffff'ffff);
        writer.option_uint(option::kMaxAge, static_cast<std::uint32_t>(age));
    }
    option_block(option::kBlock2, response.block2);
    option_block(option::kBlock1, response.block1);
    option_uint(option::kSize2, response.size2);
    option_uint(option::kSize1, response.size1);
    if (response.time) put_time(writer, *response.time);
    writer.payload(response.payload);
    return out;
}

Verdict MessageLayer::receive(SessionId session, ByteView datagram, const MessageOptions& options, Now now) {
    const auto message = decode(datagram);
    if (!message) return reject_malformed(datagram, message.error());
    const auto type = message->type();
    if (type == MessageType::kAcknowledgement || type == MessageType::kReset) {
        tally(MessageFate::kStray);
        return Nothing{};
    }
    if (message->code() == Code::kEmpty) {
        tally(type == MessageType::kConfirmable ? MessageFate::kPing : MessageFate::kStray);
        return reject(type, message->mid());
    }
    if (is_response(message->code())) {
        tally(MessageFate::kUnexpectedResponse);
        return reject(type, message->mid());
    }
    return receive_request(session, *message, options, now);
}

Verdict MessageLayer::reject_malformed(ByteView datagram, DecodeFault fault) {
    tally(MessageFate::kMalformed);
    ++faults_[static_cast<std::size_t>(fault)];
    const auto header = peek_header(datagram);
    if (!header) return Nothing{};
    return reject(header->type, header->mid);
}

Verdict MessageLayer::receive_request(SessionId session, const MessageView& message,
                                      const MessageOptions& options, Now now) {
    const auto lifetime = options.transmission.lifetime_of(message.type());
    Request request;
    request.message = message;
    request.method = message.code();
    request.payload = message.payload();
    Asked& asked = request.asked;
    asked.session = session;
    asked.type = message.type();
    asked.mid = message.mid();
    asked.token_bytes = static_cast<std::uint8_t>(message.token().size());
    std::ranges::copy(message.token(), asked.token.begin());
    asked.remembered_until = now.wall + lifetime;

    // Nothing is remembered of what is refused here: its retransmission is refused again, in the same words.
    if (const auto complaint = read_options(request, options)) {
        tally(complaint->fate);
        return reply_or_nothing(answer_to(*complaint, asked));
    }
    const auto [standing, reply] = exchanges_.begin(session, asked.mid, lifetime, now);
    switch (standing) {
        case Exchanges::Standing::kDuplicateAnswered:
            tally(MessageFate::kDuplicateAnswered);
            return reply_or_nothing(Bytes(reply.begin(), reply.end()));
        case Exchanges::Standing::kDuplicateInProgress:
            tally(MessageFate::kDuplicateInProgress);
            return Nothing{};
        case Exchanges::Standing::kNew:
            break;
    }
    tally(MessageFate::kRequest);
    return request;
}

void MessageLayer::complete(const Asked& asked, ByteView reply) {
    exchanges_.complete(asked.session, asked.mid, reply);
}

void MessageLayer::abandon(const Asked& asked) {
    exchanges_.abandon(asked.session, asked.mid);
}

void MessageLayer::restore(SessionId session, std::uint16_t mid, ByteView reply, WallTime remembered_until,
                           Now now) {
    exchanges_.restore(session, mid, reply, remembered_until, now);
}

void MessageLayer::forget(SessionId session) {
    exchanges_.forget(session);
}

}  // namespace narrowgate::coap
