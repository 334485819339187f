// SPDX-License-Identifier: Apache-2.0
//
// The check at ingest: what is stored and acknowledged can later be turned into an envelope and fits an
// upstream message. Input is hostile: work and memory are linear in the payload and bounded by Limits.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/payload/content_format.hpp"

namespace narrowgate::payload {

struct Limits {
    // Records of one SenML pack. 16 KiB of payload, the default of a fleet, holds no more in practice.
    std::size_t max_records = 1024;
    // Arrays, maps and tags inside each other, 64 at most. Telemetry is flat; consumers recurse.
    std::size_t max_depth = 16;
    // Items of a CBOR or JSON value: numbers, strings, containers, keys.
    std::size_t max_items = 16'384;
    // Bytes of a SenML name after its base name was put before it (RFC 8428 section 4.5.1).
    std::size_t max_name_bytes = 256;
    // Bytes of the payload's JSON form. Resolving repeats base values in each record, so a small pack can
    // grow; AWS IoT Core takes messages of 128 KiB, and the rest of the envelope wants its share.
    std::size_t max_rendered_bytes = std::size_t{120} * 1024;
};

// The diagnostic payload is one line in one datagram (RFC 7252 section 5.5.2).
inline constexpr std::size_t kMaxReasonBytes = 120;

// Nothing when `payload` is a well-formed message of `format`; else the reason in words, for the diagnostic
// payload of a 4.00 answer: printable ASCII, at most kMaxReasonBytes, quoting at most a few characters of
// the input. No format means opaque bytes: a caller whose fleet says otherwise passes what the fleet says.
// Thread: any. Allocates a few buffers; 60 bytes of SenML-CBOR take a few microseconds.
std::optional<std::string> reject_reason(std::optional<ContentFormat> format, ByteView payload,
                                         const Limits& limits = {});

}  // namespace narrowgate::payload
