// SPDX-License-Identifier: Apache-2.0
//
// The CoAP Content-Formats that a node may send (RFC 7252 section 12.3 and the registry it opens).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace narrowgate::payload {

// As the Content-Format option holds it: 0 to 2 bytes on the wire.
using ContentFormat = std::uint16_t;

inline constexpr ContentFormat kTextPlain = 0;     // text/plain;charset=utf-8, RFC 7252 section 12.3
inline constexpr ContentFormat kOctetStream = 42;  // application/octet-stream, RFC 7252 section 12.3
inline constexpr ContentFormat kJson = 50;         // application/json, RFC 7252 section 12.3
inline constexpr ContentFormat kCbor = 60;         // application/cbor, RFC 8949 section 9.4
inline constexpr ContentFormat kSenmlJson = 110;   // application/senml+json, RFC 8428 section 12.3
inline constexpr ContentFormat kSenmlCbor = 112;   // application/senml+cbor, RFC 8428 section 12.3

inline constexpr std::array kKnownContentFormats = {kTextPlain, kOctetStream, kJson,
                                                    kCbor,      kSenmlJson,   kSenmlCbor};

// Whether telemetry of this format is understood; any other is answered with 4.15 (RFC 7252
// section 5.9.2.11).
bool is_known(ContentFormat format);

// The media type, "application/senml+cbor" for 112; empty for a format that is not known.
std::string_view media_type(ContentFormat format);

}  // namespace narrowgate::payload
