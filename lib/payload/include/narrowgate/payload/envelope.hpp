// SPDX-License-Identifier: Apache-2.0
//
// What an upstream gets for one reading: a JSON object that says whose it is and holds the payload in the
// most readable form its Content-Format allows.
//
//   {"id":"…","device":"wm-0001","fleet":"water-meters","resource":"telemetry",
//    "received":"2026-03-01T12:00:00.123Z","content_format":112,
//    "senml":[{"n":"urn:dev:wm-0001:volume","u":"m3","v":17.25,"t":1772366400.123}]}
//
//   senml    of 110 and 112: RFC 8428 JSON, resolved (section 4.6): no base fields, absolute times, in
//            chronological order; labels that are not known are left out, as section 4.4 says
//   value    of 50 the JSON as it came, without white space; of 60 its JSON form (RFC 8949 section 6.1)
//   text     of 0
//   base64   of 42, of no Content-Format, and of whatever does not pass reject_reason(); RFC 4648 section 4
//
// Numbers keep their digits: integers and decimal fractions exactly, floats as doubles do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/payload/content_format.hpp"

namespace narrowgate::payload {

// Views into what the caller owns, for the length of one call.
struct Reading {
    std::string_view id;      // the same on every redelivery
    std::string_view device;  // identity the node authenticated with
    std::string_view fleet;
    std::string_view resource;  // Uri-Path, segments joined with '/'
    WallTime received;          // when the gateway had it; SenML's relative times count from here
    std::optional<ContentFormat>
        content_format;  // as declared by the node or its fleet; null when neither did
    ByteView payload;
};

// One JSON object, UTF-8, no trailing newline; the same bytes for the same reading. Never fails: what
// cannot be converted goes as base64. Text that is not UTF-8 has its bad bytes replaced by U+FFFD.
// Thread: any.
std::string render_envelope(const Reading& reading);

}  // namespace narrowgate::payload
