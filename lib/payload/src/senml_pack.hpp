// SPDX-License-Identifier: Apache-2.0
//
// The rules of a SenML pack (RFC 8428), the same for JSON and CBOR: the parsers hand in fields, resolved
// records come out as a JSON array (section 4.6), each in the form that is asked for. Checking and converting
// are one walk, so that they cannot disagree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decimal.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/payload/validate.hpp"
#include "record_form.hpp"

namespace narrowgate::payload {

// Labels by their CBOR numbers (RFC 8428 section 6, table 4).
enum class SenmlLabel : std::int8_t {
    kBaseVersion = -1,
    kBaseName = -2,
    kBaseTime = -3,
    kBaseUnit = -4,
    kBaseValue = -5,
    kBaseSum = -6,
    kName = 0,
    kUnit = 1,
    kValue = 2,
    kStringValue = 3,
    kBooleanValue = 4,
    kSum = 5,
    kTime = 6,
    kUpdateTime = 7,
    kDataValue = 8,
};

// By the names of the JSON form (section 5, table 3); nothing for one that is not in the table.
std::optional<SenmlLabel> senml_label(std::string_view name);
std::optional<SenmlLabel> senml_label(std::int64_t number);
std::string_view name_of(SenmlLabel label);

// Fed in the pack's order: begin_record, its fields, end_record, ...; finish. Each call returns false when a
// rule is broken; then reason() says which, and no further call is allowed.
class SenmlPack {
public:
    // Relative times count from `received`. Resolved records are appended to `out`, which must outlive this,
    // as must `form`.
    SenmlPack(const Limits& limits, WallTime received, RecordForm& form, std::string& out);

    bool begin_record();
    bool add_number(SenmlLabel label, const Decimal& number);
    bool add_boolean(SenmlLabel label, bool value);
    bool add_text(SenmlLabel label, std::string_view text);
    // The data value, decoded.
    bool add_data(SenmlLabel label, ByteView data);
    // A label that is not in the table: ignored, unless it says that it must be understood (section 4.4).
    bool add_unknown(std::string_view label);
    bool end_record();
    bool finish();

    // For what only a parser sees.
    bool refuse(std::string reason);
    bool refuse_type(SenmlLabel label);
    const std::string& reason() const { return reason_; }

private:
    struct Base {
        std::string name;
        std::string unit;
        Decimal time;
        std::optional<Decimal> value;
        std::optional<Decimal> sum;
    };
    struct Record {
        std::uint16_t seen = 0;  // a bit a label
        std::string name;
        std::string unit;
        std::string text;  // of vs; of vd as base64url
        std::optional<Decimal> value;
        std::optional<Decimal> sum;
        Decimal time;  // zero when there is none (section 4.5.3), then absolute
        std::optional<Decimal> update_time;
        bool boolean = false;
    };
    struct Resolved {
        double time;        // precise to a quarter of a microsecond
        std::size_t begin;  // in out_
        std::size_t end;
    };

    static std::uint16_t bit(SenmlLabel label);
    bool has(SenmlLabel label) const { return (record_.seen & bit(label)) != 0; }
    bool mark(SenmlLabel label);
    bool set_version(const Decimal& number);
    bool resolve_name();
    bool resolve_value();
    bool resolve_time();
    void write_record();
    void put_in_order();

    const Limits& limits_;
    const Decimal received_;
    RecordForm& form_;
    std::string& out_;
    const std::size_t start_;

    Base base_;
    Record record_;
    std::int64_t version_;
    bool in_record_ = false;
    bool in_order_ = true;
    std::vector<Resolved> records_;
    std::string reason_;
};

}  // namespace narrowgate::payload
