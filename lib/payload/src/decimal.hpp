// SPDX-License-Identifier: Apache-2.0
//
// A decimal number, mantissa * 10^exponent. SenML adds base values to values and base times to times; done in
// binary floating point, 1700000000.1 + 0.2 grows digits that no sensor sent. Every integer of CBOR, every
// shortest form of a double and every JSON number of up to 36 digits is held exactly.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::payload {

// ISO C++ has no name for these.
__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

class Decimal {
public:
    Decimal() = default;
    constexpr Decimal(std::int64_t value) : mantissa_(value) {}

    static Decimal from_unsigned(std::uint64_t value);
    // CBOR's negative integers: -1 - `argument` (RFC 8949 section 3.1).
    static Decimal from_cbor_negative(std::uint64_t argument);
    // Seconds since 1970, as SenML counts.
    static Decimal from_time(WallTime time);
    // The shortest decimal that reads back as `value`. Nothing for NaN and the infinities.
    static std::optional<Decimal> from_double(double value);
    // A number as JSON writes it. Nothing when it is not one, or when it is beyond a double's range.
    static std::optional<Decimal> from_text(std::string_view text);
    // A decimal fraction (RFC 8949 section 3.4.4). Nothing when it is beyond a double's range.
    static std::optional<Decimal> from_parts(Decimal mantissa, std::int64_t exponent);

    // Exact where the result has at most 36 digits, else rounded as doubles are. Nothing beyond their range.
    static std::optional<Decimal> sum(const Decimal& left, const Decimal& right);
    bool less_than(const Decimal& other) const;

    // The nearest double.
    double approximate() const;
    // Nothing when there is a fraction, or when it does not fit.
    std::optional<std::int64_t> integer() const;
    // Appends the number as JSON writes it, trailing zeros of a fraction left out.
    void append_to(std::string& out) const;

private:
    constexpr Decimal(Int128 mantissa, int exponent) : mantissa_(mantissa), exponent_(exponent) {}
    bool is_in_range() const;

    Int128 mantissa_ = 0;  // magnitude below 10^36
    int exponent_ = 0;
};

}  // namespace narrowgate::payload
