// SPDX-License-Identifier: Apache-2.0
//
// The numbers of CoAP that Narrowgate speaks, named. Source: the IANA registry "Constrained RESTful
// Environments (CoRE) Parameters" and the RFC beside each group.
#pragma once

#include <cstdint>
#include <string>

namespace narrowgate::coap {

// RFC 7252 section 3.
enum class MessageType : std::uint8_t {
    kConfirmable = 0,      // CON
    kNonConfirmable = 1,   // NON
    kAcknowledgement = 2,  // ACK
    kReset = 3,            // RST
};

// Class in the upper three bits, detail in the lower five (RFC 7252 section 3). Any byte can arrive, so a
// value need not be one of those named here.
enum class Code : std::uint8_t {
    kEmpty = 0x00,

    kGet = 0x01,  // RFC 7252 section 12.1.1
    kPost = 0x02,
    kPut = 0x03,
    kDelete = 0x04,
    kFetch = 0x05,  // RFC 8132 section 6
    kPatch = 0x06,
    kIPatch = 0x07,

    kCreated = 0x41,  // 2.01, RFC 7252 section 12.1.2 from here on unless another is named
    kDeleted = 0x42,
    kValid = 0x43,
    kChanged = 0x44,
    kContent = 0x45,
    kContinue = 0x5f,  // 2.31, RFC 7959 section 2.9.1

    kBadRequest = 0x80,  // 4.00
    kUnauthorized = 0x81,
    kBadOption = 0x82,
    kForbidden = 0x83,
    kNotFound = 0x84,
    kMethodNotAllowed = 0x85,
    kNotAcceptable = 0x86,
    kRequestEntityIncomplete = 0x88,  // 4.08, RFC 7959 section 2.9.2
    kRequestEntityTooLarge = 0x8d,    // 4.13, RFC 7959 section 2.9.3
    kUnsupportedContentFormat = 0x8f,
    kTooManyRequests = 0x9d,  // 4.29, RFC 8516

    kInternalServerError = 0xa0,  // 5.00
    kNotImplemented = 0xa1,
    kServiceUnavailable = 0xa3,
    kProxyingNotSupported = 0xa5,
};

constexpr unsigned class_of(Code code) {
    return static_cast<unsigned>(code) >> 5;
}
constexpr unsigned detail_of(Code code) {
    return static_cast<unsigned>(code) & 0x1f;
}
// A method (0.01 to 0.31), known or not.
constexpr bool is_request(Code code) {
    return class_of(code) == 0 && code != Code::kEmpty;
}
constexpr bool is_response(Code code) {
    return class_of(code) >= 2 && class_of(code) <= 5;
}
// "4.04".
std::string text_of(Code code);

// RFC 7252 section 5.10 unless another is named. Odd numbers are critical (section 5.4.6).
namespace option {
inline constexpr std::uint16_t kIfMatch = 1;
inline constexpr std::uint16_t kUriHost = 3;
inline constexpr std::uint16_t kETag = 4;
inline constexpr std::uint16_t kIfNoneMatch = 5;
inline constexpr std::uint16_t kObserve = 6;  // RFC 7641 section 2
inline constexpr std::uint16_t kUriPort = 7;
inline constexpr std::uint16_t kUriPath = 11;
inline constexpr std::uint16_t kContentFormat = 12;
inline constexpr std::uint16_t kMaxAge = 14;
inline constexpr std::uint16_t kUriQuery = 15;
inline constexpr std::uint16_t kAccept = 17;
inline constexpr std::uint16_t kBlock2 = 23;  // RFC 7959 section 2.1
inline constexpr std::uint16_t kBlock1 = 27;
inline constexpr std::uint16_t kSize2 = 28;  // RFC 7959 section 4
inline constexpr std::uint16_t kProxyUri = 35;
inline constexpr std::uint16_t kProxyScheme = 39;
inline constexpr std::uint16_t kSize1 = 60;
inline constexpr std::uint16_t kEcho = 252;        // RFC 9175 section 2.2.1
inline constexpr std::uint16_t kNoResponse = 258;  // RFC 7967 section 2
inline constexpr std::uint16_t kRequestTag = 292;  // RFC 9175 section 3.2.1
// The sender's clock: milliseconds since 1970, 0 for "none". In the range for experiments (RFC 7252 section
// 12.2) and elective; this is the number that Eclipse Californium's and Hono's nodes use for it.
inline constexpr std::uint16_t kTime = 65000;
}  // namespace option

constexpr bool is_critical(std::uint16_t option_number) {
    return (option_number & 1) != 0;
}

// RFC 7252 section 12.3 unless another is named.
namespace content_format {
inline constexpr std::uint16_t kText = 0;  // text/plain; charset=utf-8
inline constexpr std::uint16_t kLinkFormat = 40;
inline constexpr std::uint16_t kOctetStream = 42;
inline constexpr std::uint16_t kJson = 50;
inline constexpr std::uint16_t kCbor = 60;        // RFC 8949 section 9.4
inline constexpr std::uint16_t kSenmlJson = 110;  // RFC 8428 section 12.3
inline constexpr std::uint16_t kSenmlCbor = 112;
}  // namespace content_format

}  // namespace narrowgate::coap
