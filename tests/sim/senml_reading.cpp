// SPDX-License-Identifier: Apache-2.0
#include "sim/senml_reading.hpp"

#include <bit>

namespace narrowgate::sim {
namespace {

// Labels of RFC 8428 table 4.
constexpr std::int64_t kBaseName = -2;
constexpr std::int64_t kName = 0;
constexpr std::int64_t kUnit = 1;
constexpr std::int64_t kValue = 2;
constexpr std::int64_t kTime = 6;

// Major types of RFC 8949 section 3.1.
enum Major : std::uint8_t { kUnsigned = 0, kNegative = 1, kTextString = 3, kArray = 4, kMap = 5 };
constexpr std::uint8_t kFloat32 = 0xfa;

class CborWriter {
public:
    explicit CborWriter(Bytes& out) : writer_(out) {}

    CborWriter& head(Major major, std::uint64_t argument) {
        const auto top = static_cast<std::uint8_t>(major << 5);
        if (argument < 24) {
            writer_.u8(static_cast<std::uint8_t>(top | argument));
        } else if (argument < 0x100) {
            writer_.u8(top | 24).unsigned_integer(argument, 1);
        } else if (argument < 0x1'0000) {
            writer_.u8(top | 25).unsigned_integer(argument, 2);
        } else if (argument < 0x1'0000'0000) {
            writer_.u8(top | 26).unsigned_integer(argument, 4);
        } else {
            writer_.u8(top | 27).unsigned_integer(argument, 8);
        }
        return *this;
    }
    CborWriter& integer(std::int64_t value) {
        return value < 0 ? head(kNegative, static_cast<std::uint64_t>(-1 - value))
                         : head(kUnsigned, static_cast<std::uint64_t>(value));
    }
    CborWriter& text(std::string_view value) {
        head(kTextString, value.size());
        writer_.append(bytes_of(value));
        return *this;
    }
    CborWriter& real(float value) {
        writer_.u8(kFloat32).u32(std::bit_cast<std::uint32_t>(value));
        return *this;
    }

private:
    ByteWriter writer_;
};

}  // namespace

Bytes encode(const SenmlReading& reading) {
    Bytes bytes;
    CborWriter cbor(bytes);
    cbor.head(kArray, 3);
    // A record's own time is relative to its arrival when it is small (RFC 8428 section 4.5.3).
    cbor.head(kMap, reading.age_seconds == 0 ? 3 : 4);
    cbor.integer(kBaseName).text(reading.base_name);
    if (reading.age_seconds != 0) cbor.integer(kTime).integer(-reading.age_seconds);
    cbor.integer(kName).text("seq").integer(kValue).head(kUnsigned, reading.sequence);
    cbor.head(kMap, 3).integer(kName).text("t").integer(kUnit).text("Cel");
    cbor.integer(kValue).real(static_cast<float>(reading.temperature_celsius));
    cbor.head(kMap, 3).integer(kName).text("v").integer(kUnit).text("l");
    cbor.integer(kValue).head(kUnsigned, reading.volume_litres);
    return bytes;
}

}  // namespace narrowgate::sim
