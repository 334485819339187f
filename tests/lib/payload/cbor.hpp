// SPDX-License-Identifier: Apache-2.0
//
// CBOR for tests, written by hand and so by other code than what reads it in the room.
#pragma once

#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::payload::tests {

// The bytes of "82 01 f6"; white space is for the reader.
inline Bytes hex(std::string_view text) {
    std::string digits;
    for (const char c : text)
        if (c != ' ') digits += c;
    auto bytes = from_hex(digits);
    if (!bytes) throw std::invalid_argument("not hex");
    return *bytes;
}

// Appends items; the caller keeps the counts right, or wrong.
class Cbor {
public:
    Cbor& array(std::uint64_t count) { return head(4, count); }
    Cbor& map(std::uint64_t pairs) { return head(5, pairs); }
    Cbor& tag(std::uint64_t number) { return head(6, number); }
    Cbor& integer(std::int64_t value) {
        return value >= 0 ? head(0, static_cast<std::uint64_t>(value))
                          : head(1, static_cast<std::uint64_t>(-1 - value));
    }
    Cbor& text(std::string_view value) { return head(3, value.size()).raw(bytes_of(value)); }
    Cbor& bytes(ByteView value) { return head(2, value.size()).raw(value); }
    Cbor& number(double value) {
        ByteWriter(out_).u8(0xFB).u64(std::bit_cast<std::uint64_t>(value));
        return *this;
    }
    Cbor& boolean(bool value) { return byte(value ? 0xF5 : 0xF4); }
    Cbor& byte(std::uint8_t value) {
        out_.push_back(value);
        return *this;
    }
    Cbor& raw(ByteView value) {
        ByteWriter(out_).append(value);
        return *this;
    }
    operator ByteView() const { return out_; }
    const Bytes& get() const { return out_; }

private:
    Cbor& head(std::uint8_t major, std::uint64_t argument) {
        const auto type = static_cast<std::uint8_t>(major << 5);
        ByteWriter writer(out_);
        if (argument < 24) {
            writer.u8(static_cast<std::uint8_t>(type | argument));
        } else if (argument <= 0xFF) {
            writer.u8(type | 24).u8(static_cast<std::uint8_t>(argument));
        } else if (argument <= 0xFFFF) {
            writer.u8(type | 25).u16(static_cast<std::uint16_t>(argument));
        } else {
            writer.u8(type | 27).u64(argument);
        }
        return *this;
    }

    Bytes out_;
};

// The CBOR form of a SenML pack (RFC 8428 section 6) that is given as JSON.
inline Bytes senml_cbor_of(std::string_view pack) {
    static constexpr std::pair<std::string_view, int> kNumbers[] = {
        {"bver", -1}, {"bn", -2}, {"bt", -3}, {"bu", -4}, {"bv", -5}, {"bs", -6}, {"n", 0}, {"u", 1},
        {"v", 2},     {"vs", 3},  {"vb", 4},  {"s", 5},   {"t", 6},   {"ut", 7},  {"vd", 8}};
    const auto records = nlohmann::json::parse(pack);
    Cbor out;
    out.array(records.size());
    for (const auto& record : records) {
        out.map(record.size());
        for (const auto& [label, value] : record.items()) {
            const auto* number = std::ranges::find(kNumbers, label, &std::pair<std::string_view, int>::first);
            if (number == std::end(kNumbers)) {
                out.text(label);
            } else {
                out.integer(number->second);
            }
            if (label == "vd") {
                out.bytes(*from_base64url(value.get<std::string>()));
            } else if (value.is_string()) {
                out.text(value.get<std::string>());
            } else if (value.is_boolean()) {
                out.boolean(value.get<bool>());
            } else if (value.is_number_integer()) {
                out.integer(value.get<std::int64_t>());
            } else {
                out.number(value.get<double>());
            }
        }
    }
    return out.get();
}

// RFC 8428's own packs, and one of each kind of field: the seeds of what is truncated and mutated.
inline constexpr std::string_view kPacks[] = {
    // Section 5.1.1: a single datapoint.
    R"([{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}])",
    // Section 5.1.2: multiple datapoints, now and with times.
    R"([{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}])",
    R"([{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V",
         "v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","t":-3,"v":1.4},
        {"n":"current","t":-2,"v":1.5},{"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}])",
    // Section 5.1.3: multiple measurements.
    R"([{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},{"u":"lon","v":24.30621},
        {"u":"lat","v":60.07965},{"t":60,"v":20.3},{"u":"lon","t":60,"v":24.30622},{"u":"lat","t":60,"v":60.07965},
        {"t":120,"v":20.7},{"u":"lon","t":120,"v":24.30623},{"u":"lat","t":120,"v":60.07966},
        {"u":"%EL","t":150,"v":98},{"t":180,"v":21.2},{"u":"lon","t":180,"v":24.30628},
        {"u":"lat","t":180,"v":60.07967}])",
    // Section 5.1.5: multiple data types.
    R"([{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},{"n":"label","vs":"Machine Room"},
        {"n":"open","vb":false},{"n":"nfc-reader","vd":"aGkgCg"}])",
    // Section 5.1.6: collection of resources.
    R"([{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":25.2},
        {"n":"humidity","u":"%RH","v":30},{"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},
        {"n":"humidity","u":"%RH","v":67}])",
    // Not of the RFC: base value, base sum, sum, update time, a label to ignore.
    R"([{"bn":"wm-1:","bt":1700000000,"bv":20.1,"bs":100,"n":"a","v":0.2,"s":5,"ut":3600,"ct":"60"},
        {"n":"b","vs":"\u00e9\"\n","t":1},{"n":"c","s":-0.5}])",
};

}  // namespace narrowgate::payload::tests
