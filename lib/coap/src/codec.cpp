// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/codec.hpp"

#include <coap3/coap.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace narrowgate::coap {
namespace {

constexpr std::uint8_t kVersion = 1;           // RFC 7252 section 3
constexpr std::uint8_t kPayloadMarker = 0xff;  // RFC 7252 section 3
constexpr std::uint32_t kMaxOptionNumber = 0xffff;

bool is_reserved_class(Code code) {
    return class_of(code) == 1 || class_of(code) > 5;
}

void require(bool held) {
    if (!held) std::abort();
}

}  // namespace

std::string text_of(Code code) {
    return fmt::format("{}.{:02}", class_of(code), detail_of(code));
}

std::string_view name_of(DecodeFault fault) {
    switch (fault) {
        case DecodeFault::kTruncatedHeader:
            return "truncated_header";
        case DecodeFault::kUnknownVersion:
            return "unknown_version";
        case DecodeFault::kReservedCodeClass:
            return "reserved_code_class";
        case DecodeFault::kReservedTokenLength:
            return "reserved_token_length";
        case DecodeFault::kTruncatedToken:
            return "truncated_token";
        case DecodeFault::kEmptyWithContent:
            return "empty_with_content";
        case DecodeFault::kMalformedOption:
            return "malformed_option";
        case DecodeFault::kTooManyOptions:
            return "too_many_options";
        case DecodeFault::kOptionTooLong:
            return "option_too_long";
        case DecodeFault::kMissingPayload:
            return "missing_payload";
    }
    std::abort();
}

std::optional<Header> peek_header(ByteView datagram) {
    if (datagram.size() < kHeaderBytes || datagram[0] >> 6 != kVersion) return std::nullopt;
    return Header{.type = static_cast<MessageType>(datagram[0] >> 4 & 3),
                  .code = static_cast<Code>(datagram[1]),
                  .mid = static_cast<std::uint16_t>(datagram[2] << 8 | datagram[3]),
                  .token_bytes = static_cast<std::uint8_t>(datagram[0] & 0xf)};
}

std::optional<ByteView> MessageView::first(std::uint16_t number) const {
    const auto found = std::ranges::lower_bound(options(), number, {}, &OptionView::number);
    if (found == options().end() || found->number != number) return std::nullopt;
    return found->value;
}

std::expected<MessageView, DecodeFault> decode(ByteView datagram) {
    if (datagram.size() < kHeaderBytes) return std::unexpected(DecodeFault::kTruncatedHeader);
    const auto header = peek_header(datagram);
    if (!header) return std::unexpected(DecodeFault::kUnknownVersion);

    MessageView message;
    message.header_ = *header;
    auto rest = datagram.subspan(kHeaderBytes);
    if (is_reserved_class(header->code)) return std::unexpected(DecodeFault::kReservedCodeClass);
    if (header->token_bytes > kMaxTokenBytes) return std::unexpected(DecodeFault::kReservedTokenLength);
    if (header->code == Code::kEmpty && (header->token_bytes > 0 || !rest.empty())) {
        return std::unexpected(DecodeFault::kEmptyWithContent);
    }
    if (header->token_bytes > rest.size()) return std::unexpected(DecodeFault::kTruncatedToken);
    message.token_ = rest.first(header->token_bytes);
    rest = rest.subspan(header->token_bytes);

    std::uint32_t number = 0;
    while (!rest.empty() && rest.front() != kPayloadMarker) {
        coap_option_t parsed{};
        const std::size_t used = coap_opt_parse(rest.data(), rest.size(), &parsed);
        if (used == 0) return std::unexpected(DecodeFault::kMalformedOption);
        number += parsed.delta;
        if (number > kMaxOptionNumber) return std::unexpected(DecodeFault::kMalformedOption);
        if (parsed.length > kMaxOptionValueBytes) return std::unexpected(DecodeFault::kOptionTooLong);
        if (message.option_count_ == kMaxOptions) return std::unexpected(DecodeFault::kTooManyOptions);
        message.options_[message.option_count_++] = {static_cast<std::uint16_t>(number),
                                                     ByteView(parsed.value, parsed.length)};
        rest = rest.subspan(used);
    }
    if (!rest.empty()) {
        message.payload_ = rest.subspan(1);
        if (message.payload_.empty()) return std::unexpected(DecodeFault::kMissingPayload);
    }
    return message;
}

std::optional<std::uint32_t> uint_of(ByteView option_value) {
    if (option_value.size() > sizeof(std::uint32_t)) return std::nullopt;
    std::uint32_t value = 0;
    for (const std::uint8_t byte : option_value)
        value = value << 8 | byte;
    return value;
}

MessageWriter::MessageWriter(Bytes& out, MessageType type, Code code, std::uint16_t mid, ByteView token)
    : out_(out) {
    require(token.size() <= kMaxTokenBytes);
    const auto type_bits = static_cast<unsigned>(type) << 4;
    ByteWriter(out_)
        .u8(static_cast<std::uint8_t>(kVersion << 6 | type_bits | token.size()))
        .u8(static_cast<std::uint8_t>(code))
        .u16(mid)
        .append(token);
}

MessageWriter& MessageWriter::option(std::uint16_t number, ByteView value) {
    require(!finished_ && number >= last_number_ && value.size() <= kMaxOptionValueBytes);
    const auto delta = static_cast<std::uint16_t>(number - last_number_);
    const std::size_t start = out_.size();
    out_.resize(start + coap_opt_encode_size(delta, value.size()));
    const std::size_t room = out_.size() - start;
    require(coap_opt_encode(out_.data() + start, room, delta, value.data(), value.size()) == room);
    last_number_ = number;
    return *this;
}

MessageWriter& MessageWriter::option_uint(std::uint16_t number, std::uint32_t value) {
    std::array<std::uint8_t, sizeof value> bytes{};
    const std::size_t used = coap_encode_var_safe(bytes.data(), bytes.size(), value);
    return option(number, ByteView(bytes).first(used));
}

MessageWriter& MessageWriter::payload(ByteView payload) {
    require(!finished_);
    finished_ = true;
    if (!payload.empty()) ByteWriter(out_).u8(kPayloadMarker).append(payload);
    return *this;
}

Bytes encode_empty(MessageType type, std::uint16_t mid) {
    Bytes out;
    MessageWriter(out, type, Code::kEmpty, mid);
    return out;
}

}  // namespace narrowgate::coap
