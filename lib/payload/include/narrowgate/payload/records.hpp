// SPDX-License-Identifier: Apache-2.0
//
// The records of a SenML reading one by one, for clouds that want values in a form that is not SenML's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/payload/envelope.hpp"

namespace narrowgate::payload {

// A resolved record (RFC 8428 section 4.6) that has a value.
struct Record {
    enum class Kind : std::uint8_t {
        kNumber,   // value: as JSON writes numbers, its digits kept
        kText,     // value: UTF-8, anything in it
        kData,     // value: base64url without padding (section 4.3)
        kBoolean,  // value: "true" or "false"
        kSum,      // value: as kNumber; the record has a sum and nothing else
    };

    // Base name and name, with the reading's device as "{device}" where it first occurs:
    // "urn:dev:{device}:volume".
    std::string name;
    std::string unit;  // empty: none
    Kind kind = Kind::kNumber;
    std::string value;
};

// In chronological order, those of one time in the pack's. Nothing when the reading is not SenML, or not in
// order (reject_reason() at ingest refuses such). Thread: any.
std::optional<std::vector<Record>> records_of(const Reading& reading);

}  // namespace narrowgate::payload
