// SPDX-License-Identifier: Apache-2.0
//
// One CoAP message as bytes (RFC 7252 section 3): reading one as views into the datagram, writing one in
// option order. Options are walked and written by libcoap; header and token are read and written here.
// Nothing here knows what an option means beyond its type; message_layer.hpp does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/coap/numbers.hpp"

namespace narrowgate::coap {

inline constexpr std::size_t kHeaderBytes = 4;
inline constexpr std::size_t kMaxTokenBytes = 8;           // RFC 7252 section 3: lengths 9 to 15 are reserved
inline constexpr std::size_t kMaxOptions = 32;             // ours; a telemetry request has about six
inline constexpr std::size_t kMaxOptionValueBytes = 1034;  // the longest defined, Proxy-Uri's

// Why bytes are no message. Each value has a counter of the same name in MessageLayer.
enum class DecodeFault : std::uint8_t {
    kTruncatedHeader,      // shorter than 4 bytes
    kUnknownVersion,       // to be ignored without an answer (RFC 7252 section 3)
    kReservedCodeClass,    // class 1, 6 or 7 (RFC 7252 section 12.1; 7 is for TCP)
    kReservedTokenLength,  // 9 to 15
    kTruncatedToken,
    kEmptyWithContent,  // code 0.00 and anything behind the message ID (RFC 7252 section 4.1)
    kMalformedOption,   // a reserved nibble, a value that runs past the end, a number above 65535
    kTooManyOptions,    // more than kMaxOptions
    kOptionTooLong,     // a value longer than kMaxOptionValueBytes
    kMissingPayload,    // a payload marker with nothing behind it
};
inline constexpr std::size_t kDecodeFaults = 10;

std::string_view name_of(DecodeFault fault);

// The first four bytes, which say whom an answer to a malformed message would be for.
struct Header {
    MessageType type = MessageType::kConfirmable;
    Code code = Code::kEmpty;
    std::uint16_t mid = 0;  // message ID
    std::uint8_t token_bytes = 0;
};

// Nothing when there are fewer than four bytes or the version is not 1.
std::optional<Header> peek_header(ByteView datagram);

struct OptionView {
    std::uint16_t number = 0;
    ByteView value;
};

// A decoded message. Everything in it points into the datagram and lives as long.
class MessageView {
public:
    MessageType type() const { return header_.type; }
    Code code() const { return header_.code; }
    std::uint16_t mid() const { return header_.mid; }
    ByteView token() const { return token_; }
    ByteView payload() const { return payload_; }

    // In ascending order of number; equal numbers in the order of the message.
    std::span<const OptionView> options() const { return std::span(options_).first(option_count_); }
    // The first option of that number.
    std::optional<ByteView> first(std::uint16_t number) const;

private:
    friend std::expected<MessageView, DecodeFault> decode(ByteView datagram);

    Header header_;
    ByteView token_;
    ByteView payload_;
    std::array<OptionView, kMaxOptions> options_{};
    std::size_t option_count_ = 0;
};

// Reads one message, which must fill `datagram`. Allocates nothing. Thread: any.
std::expected<MessageView, DecodeFault> decode(ByteView datagram);

// An option value of the type uint (RFC 7252 section 3.2): at most four bytes, leading zeros allowed.
std::optional<std::uint32_t> uint_of(ByteView option_value);

// Writes one message to the end of bytes that the caller owns and that must outlive the writer. Options
// must come in ascending order, then the payload: anything else is a defect of the caller and aborts.
class MessageWriter {
public:
    // `token` is at most kMaxTokenBytes.
    MessageWriter(Bytes& out, MessageType type, Code code, std::uint16_t mid, ByteView token = {});

    // `value` is at most kMaxOptionValueBytes.
    MessageWriter& option(std::uint16_t number, ByteView value);
    // In the fewest bytes, 0 in none (RFC 7252 section 3.2).
    MessageWriter& option_uint(std::uint16_t number, std::uint32_t value);
    // An empty payload writes nothing, not even the marker.
    MessageWriter& payload(ByteView payload);

private:
    Bytes& out_;
    std::uint16_t last_number_ = 0;
    bool finished_ = false;
};

// An empty message: ACK or RST for the message ID (RFC 7252 section 4.1). 4 bytes.
Bytes encode_empty(MessageType type, std::uint16_t mid);

}  // namespace narrowgate::coap
