// SPDX-License-Identifier: Apache-2.0
#include "decimal.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace narrowgate::payload {
namespace {

constexpr int kMaxDigits = 36;  // two such numbers still add up within 127 bits

// A double ends at 1.8e308 and 4.9e-324; beyond that a reader of JSON gets infinity or zero.
constexpr int kMaxMagnitude = 309;
constexpr int kMinMagnitude = -330;

// Plain notation up to here, as ECMAScript writes numbers; exponents outside.
constexpr int kMaxPlainMagnitude = 21;
constexpr int kMinPlainMagnitude = -6;

constexpr auto kPowersOfTen = [] {
    std::array<Int128, kMaxDigits + 1> powers{1};
    for (std::size_t i = 1; i < powers.size(); ++i)
        powers[i] = powers[i - 1] * 10;
    return powers;
}();

constexpr Int128 power_of_ten(int exponent) {
    return kPowersOfTen[static_cast<std::size_t>(exponent)];
}

constexpr Int128 kMantissaLimit = power_of_ten(kMaxDigits);

// Measured values and times are small: what holds for all such needs no digits counted.
constexpr int kSmallDigits = 17;
constexpr bool is_small(Int128 value) {
    return value < power_of_ten(kSmallDigits) && value > -power_of_ten(kSmallDigits);
}

// Doubles hold whole numbers up to here exactly, and powers of ten up to 10^22.
constexpr Int128 kExactInteger = Int128{1} << 53;
constexpr int kExactExponent = 22;
constexpr auto kExactPowers = [] {
    std::array<double, kExactExponent + 1> powers{1};
    for (std::size_t i = 1; i < powers.size(); ++i)
        powers[i] = powers[i - 1] * 10;
    return powers;
}();

// Decimal digits of a magnitude, without leading zeros.
class Digits {
public:
    explicit Digits(Int128 value) {
        auto rest = static_cast<Uint128>(value < 0 ? -value : value);
        constexpr std::uint64_t kChunk = 1'000'000'000'000'000'000;  // 18 digits at a time: one wide division
        while (rest > UINT64_MAX) {
            put(static_cast<std::uint64_t>(rest % kChunk), 18);
            rest /= kChunk;
        }
        put(static_cast<std::uint64_t>(rest), 0);
    }
    std::string_view view() const { return {buffer_.data() + begin_, buffer_.size() - begin_}; }

private:
    void put(std::uint64_t part, int width) {
        for (; part != 0 || width > 0; part /= 10, --width)
            buffer_[--begin_] = static_cast<char>('0' + part % 10);
    }

    std::array<char, 40> buffer_{};
    std::size_t begin_ = buffer_.size();
};

int count_digits(Int128 value) {
    return static_cast<int>(Digits(value).view().size());
}

}  // namespace

Decimal Decimal::from_unsigned(std::uint64_t value) {
    return {Int128{value}, 0};
}

Decimal Decimal::from_cbor_negative(std::uint64_t argument) {
    return {-1 - Int128{argument}, 0};
}

Decimal Decimal::from_time(WallTime time) {
    return {Int128{time.time_since_epoch().count()}, -6};
}

std::optional<Decimal> Decimal::from_double(double value) {
    if (!std::isfinite(value)) return std::nullopt;
    if (std::abs(value) < static_cast<double>(kExactInteger) && std::trunc(value) == value)
        return Decimal(static_cast<std::int64_t>(value));
    std::array<char, 32> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    if (error != std::errc{}) std::abort();
    return from_text({buffer.data(), end});
}

std::optional<Decimal> Decimal::from_text(std::string_view text) {
    Decimal number;
    std::size_t at = 0;
    const bool is_negative = at < text.size() && text[at] == '-';
    if (is_negative) ++at;
    bool in_fraction = false;
    bool any_digit = false;
    for (; at < text.size(); ++at) {
        if (text[at] == '.' && !in_fraction) {
            in_fraction = true;
            continue;
        }
        if (text[at] < '0' || text[at] > '9') break;
        any_digit = true;
        // More digits than anybody measures: what a double keeps of them is enough.
        if (number.mantissa_ >= kMantissaLimit / 10) {
            double rounded = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rounded);
            if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
            return from_double(rounded);
        }
        number.mantissa_ = number.mantissa_ * 10 + (text[at] - '0');
        if (in_fraction) --number.exponent_;
    }
    if (!any_digit) return std::nullopt;
    if (is_negative) number.mantissa_ = -number.mantissa_;
    if (at == text.size()) return from_parts(number, 0);

    if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
    ++at;
    if (text.substr(at).starts_with('+') && !text.substr(at).starts_with("+-")) ++at;
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), exponent);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return from_parts(number, exponent);
}

std::optional<Decimal> Decimal::from_parts(Decimal mantissa, std::int64_t exponent) {
    if (mantissa.mantissa_ == 0) return Decimal{};
    if (exponent > 1000 || exponent < -1000) return std::nullopt;
    const Decimal scaled{mantissa.mantissa_, mantissa.exponent_ + static_cast<int>(exponent)};
    if (!scaled.is_in_range()) return std::nullopt;
    return scaled;
}

std::optional<Decimal> Decimal::sum(const Decimal& left, const Decimal& right) {
    if (left.mantissa_ == 0) return right;
    if (right.mantissa_ == 0) return left;
    const Decimal& coarse = left.exponent_ >= right.exponent_ ? left : right;
    const Decimal& fine = left.exponent_ >= right.exponent_ ? right : left;
    const int shift = coarse.exponent_ - fine.exponent_;
    if (shift == 0 || (is_small(coarse.mantissa_) && kSmallDigits + shift < kMaxDigits) ||
        count_digits(coarse.mantissa_) + shift < kMaxDigits) {
        const Decimal exact{coarse.mantissa_ * power_of_ten(shift) + fine.mantissa_, fine.exponent_};
        if (exact.mantissa_ < kMantissaLimit && exact.mantissa_ > -kMantissaLimit) {
            if (!exact.is_in_range()) return std::nullopt;
            return exact;
        }
    }
    return from_double(left.approximate() + right.approximate());
}

bool Decimal::less_than(const Decimal& other) const {
    if (exponent_ == other.exponent_) return mantissa_ < other.mantissa_;
    const auto difference = sum(*this, {-other.mantissa_, other.exponent_});
    return difference ? difference->mantissa_ < 0 : approximate() < other.approximate();
}

std::optional<std::int64_t> Decimal::integer() const {
    Int128 value = mantissa_;
    int exponent = exponent_;
    for (; exponent < 0 && value % 10 == 0 && value != 0; ++exponent)
        value /= 10;
    if (value == 0) return 0;
    if (exponent < 0 || exponent > 18) return std::nullopt;
    for (; exponent > 0 && value < INT64_MAX && value > INT64_MIN; --exponent)
        value *= 10;
    if (value > INT64_MAX || value < INT64_MIN) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

void Decimal::append_to(std::string& out) const {
    if (mantissa_ == 0) {
        out += '0';
        return;
    }
    const Digits all(mantissa_);
    std::string_view digits = all.view();
    const int magnitude = static_cast<int>(digits.size()) + exponent_;  // position of the decimal point
    digits.remove_suffix(digits.size() - 1 - digits.find_last_not_of('0'));

    if (mantissa_ < 0) out += '-';
    const auto size = static_cast<int>(digits.size());
    if (magnitude > kMaxPlainMagnitude || magnitude < kMinPlainMagnitude) {
        out += digits.front();
        if (size > 1) {
            out += '.';
            out += digits.substr(1);
        }
        out += 'e';
        out += std::to_string(magnitude - 1);
    } else if (magnitude >= size) {
        out += digits;
        out.append(static_cast<std::size_t>(magnitude - size), '0');
    } else if (magnitude > 0) {
        out += digits.substr(0, static_cast<std::size_t>(magnitude));
        out += '.';
        out += digits.substr(static_cast<std::size_t>(magnitude));
    } else {
        out += "0.";
        out.append(static_cast<std::size_t>(-magnitude), '0');
        out += digits;
    }
}

bool Decimal::is_in_range() const {
    if (mantissa_ == 0) return true;
    if (exponent_ > kMinMagnitude && exponent_ < kMaxMagnitude - kMaxDigits) return true;
    const int magnitude = count_digits(mantissa_) + exponent_;
    if (magnitude > kMaxMagnitude || magnitude < kMinMagnitude) return false;
    return magnitude < kMaxMagnitude || std::isfinite(approximate());
}

double Decimal::approximate() const {
    if (mantissa_ < kExactInteger && mantissa_ > -kExactInteger && exponent_ <= kExactExponent &&
        exponent_ >= -kExactExponent) {
        // One operation on two exact numbers is rounded once, as reading the text would be.
        const auto whole = static_cast<double>(static_cast<std::int64_t>(mantissa_));
        const double power = kExactPowers[static_cast<std::size_t>(std::abs(exponent_))];
        return exponent_ < 0 ? whole / power : whole * power;
    }
    std::string text;
    append_to(text);
    double value = 0;
    // Out of range leaves `value` alone: far too large is told from far too small by the exponent.
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range && exponent_ > 0) return mantissa_ < 0 ? -HUGE_VAL : HUGE_VAL;
    return value;
}

}  // namespace narrowgate::payload
