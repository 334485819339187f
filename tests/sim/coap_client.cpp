// SPDX-License-Identifier: Apache-2.0
#include "sim/coap_client.hpp"

#include <cstdlib>
#include <utility>

namespace narrowgate::sim {
namespace {

// RFC 7252 section 3: version 1 in the first two bits, then type and token length.
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kTypeConfirmable = 0;
constexpr std::uint8_t kTypeAcknowledgement = 2;
constexpr std::uint8_t kTypeReset = 3;
constexpr std::uint8_t kCodeEmpty = 0;
constexpr std::uint8_t kCodePost = 2;
constexpr std::uint8_t kPayloadMarker = 0xff;
constexpr unsigned kOptionUriPath = 11;
constexpr unsigned kOptionContentFormat = 12;
constexpr unsigned kOptionMaxAge = 14;
constexpr std::size_t kTokenBytes = 2;
constexpr std::size_t kLongestSegment = 12;  // what an option header says without an extended length

constexpr std::uint8_t first_byte(std::uint8_t type, std::size_t token_bytes) {
    return static_cast<std::uint8_t>(kVersion << 6 | type << 4 | token_bytes);
}

struct Message {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint16_t message_id = 0;
    ByteView token;
    std::optional<seconds> max_age;
    ByteView payload;
};

// An option's delta or length: 13 and 14 announce one and two more bytes (RFC 7252 section 3.1).
std::optional<unsigned> extended(unsigned nibble, ByteReader& reader) {
    switch (nibble) {
        case 13:
            return reader.u8() + 13U;
        case 14:
            return reader.u16() + 269U;
        case 15:
            return std::nullopt;
        default:
            return nibble;
    }
}

std::optional<Message> decode(ByteView bytes) {
    ByteReader reader(bytes);
    Message message;
    const std::uint8_t first = reader.u8();
    message.code = reader.u8();
    message.message_id = reader.u16();
    message.type = first >> 4 & 3;
    message.token = reader.take(first & 15);
    if (!reader.ok() || first >> 6 != kVersion || message.token.size() > 8) return std::nullopt;
    unsigned number = 0;
    while (reader.remaining() > 0) {
        const std::uint8_t head = reader.u8();
        if (head == kPayloadMarker) break;
        const auto delta = extended(head >> 4, reader);
        const auto length = extended(head & 15, reader);
        if (!delta || !length) return std::nullopt;
        number += *delta;
        const ByteView value = reader.take(*length);
        if (!reader.ok()) return std::nullopt;
        if (number == kOptionMaxAge && value.size() <= 4) {
            message.max_age = seconds(ByteReader(value).unsigned_integer(value.size()));
        }
    }
    message.payload = reader.rest();
    return message;
}

Bytes empty_message(std::uint8_t type, std::uint16_t message_id) {
    Bytes bytes;
    ByteWriter(bytes).u8(first_byte(type, 0)).u8(kCodeEmpty).u16(message_id);
    return bytes;
}

}  // namespace

CoapClient::CoapClient(const CoapOptions& options, std::uint64_t seed)
    : options_(options),
      random_(seed),
      next_message_id_(static_cast<std::uint16_t>(random_())),
      next_token_(static_cast<std::uint32_t>(random_())) {}

Bytes CoapClient::post(std::string_view segment, std::uint16_t content_format, ByteView payload, Now now) {
    if (!idle() || segment.size() > kLongestSegment) std::abort();
    message_id_ = next_message_id_++;
    token_ = next_token_++ & 0xffff;
    ByteWriter writer(request_);
    writer.u8(first_byte(kTypeConfirmable, kTokenBytes)).u8(kCodePost).u16(message_id_);
    writer.unsigned_integer(token_, kTokenBytes);
    writer.u8(static_cast<std::uint8_t>(kOptionUriPath << 4 | segment.size())).append(bytes_of(segment));
    const std::size_t width = content_format < 256 ? 1 : 2;
    writer.u8(static_cast<std::uint8_t>((kOptionContentFormat - kOptionUriPath) << 4 | width));
    writer.unsigned_integer(content_format, width).u8(kPayloadMarker).append(payload);

    acknowledged_ = gave_up_ = false;
    retransmissions_ = 0;
    // Drawn between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR (RFC 7252 section 4.2).
    const auto spread = static_cast<double>(options_.ack_timeout.count()) * (options_.ack_random_factor - 1);
    const double drawn = std::uniform_real_distribution(0.0, spread)(random_);
    wait_ = options_.ack_timeout + milliseconds(static_cast<milliseconds::rep>(drawn));
    deadline_ = now.steady + wait_;
    return request_;
}

void CoapClient::finish() {
    request_.clear();
    deadline_.reset();
}

std::optional<CoapResponse> CoapClient::receive(ByteView bytes, Now now) {
    const std::optional<Message> message = decode(bytes);
    if (!message) return std::nullopt;
    if (message->type == kTypeAcknowledgement || message->type == kTypeReset) {
        if (idle() || message->message_id != message_id_) return std::nullopt;
        if (message->type == kTypeAcknowledgement && message->code == kCodeEmpty) {
            // The separate response is waited for as long as the retransmissions would have lasted.
            if (!acknowledged_) deadline_ = now.steady + wait_ * (1 << (options_.max_retransmit + 1));
            acknowledged_ = true;
            return std::nullopt;
        }
    } else if (message->type == kTypeConfirmable) {
        reply_ = empty_message(message->code == kCodeEmpty ? kTypeReset : kTypeAcknowledgement,
                               message->message_id);
    }
    if (message->type != kTypeReset) {
        const bool ours = message->token.size() == kTokenBytes && ByteReader(message->token).u16() == token_;
        if (idle() || message->code == kCodeEmpty || !ours) return std::nullopt;
    }
    finish();
    return CoapResponse{message->code, message->max_age, {message->payload.begin(), message->payload.end()}};
}

Bytes CoapClient::take_reply() {
    return std::exchange(reply_, {});
}

Bytes CoapClient::advance(Now now) {
    if (!deadline_ || now.steady < *deadline_) return {};
    if (acknowledged_ || retransmissions_ == options_.max_retransmit) {
        gave_up_ = true;
        finish();
        return {};
    }
    ++retransmissions_;
    wait_ *= 2;
    deadline_ = now.steady + wait_;
    return request_;
}

}  // namespace narrowgate::sim
