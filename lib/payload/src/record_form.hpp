// SPDX-License-Identifier: Apache-2.0
//
// How a resolved SenML record is written: the pack's rules are one thing, the form that an upstream wants is
// another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "decimal.hpp"

namespace narrowgate::payload {

// A record with its base fields put into it (RFC 8428 section 4.6). Views live as long as the call that gets
// it. At most one of value, text, data and boolean; none only beside a sum.
struct ResolvedRecord {
    std::string_view name;
    std::string_view unit;  // empty: none
    std::optional<Decimal> value{};
    std::optional<std::string_view> text{};
    std::optional<std::string_view> data{};  // base64url
    std::optional<bool> boolean{};
    std::optional<Decimal> sum{};
    Decimal time;  // absolute, seconds since 1970
    std::optional<Decimal> update_time{};
    std::optional<std::int64_t> version{};  // nothing: the default
};

class RecordForm {
public:
    virtual ~RecordForm() = default;
    // Appends the record as one JSON value.
    virtual void append(const ResolvedRecord& record, std::string& out) = 0;
};

// The JSON of RFC 8428 section 5.
class SenmlJsonForm final : public RecordForm {
public:
    void append(const ResolvedRecord& record, std::string& out) override;
};

}  // namespace narrowgate::payload
