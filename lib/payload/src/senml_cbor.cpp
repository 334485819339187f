// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "cbor_reader.hpp"
#include "cbor_value.hpp"
#include "senml.hpp"
#include "senml_pack.hpp"

namespace narrowgate::payload {
namespace {

using Kind = CborItem::Kind;
using Step = CborCounter::Step;

class CborWalk {
public:
    CborWalk(ByteView payload, const Limits& limits, WallTime received, RecordForm& form, std::string& out)
        : reader_(payload), limits_(limits), pack_(limits, received, form, out) {}

    std::optional<std::string> run() {
        if (read_pack()) return std::nullopt;
        return pack_.reason();
    }

private:
    bool read_pack() {
        CborItem item;
        if (!reader_.next_value(item)) return fail();
        if (item.kind != Kind::kArray) return pack_.refuse("a pack is an array of records");
        CborCounter records(item);
        Step step;
        while ((step = records.next(reader_, item)) == Step::kItem)
            if (!read_record(item)) return false;
        if (step == Step::kFault) return fail();
        if (!reader_.at_end()) return pack_.refuse("bytes after the pack");
        return pack_.finish();
    }

    bool read_record(const CborItem& head) {
        if (head.kind != Kind::kMap) return pack_.refuse("a record is a map");
        if (!pack_.begin_record()) return false;
        CborCounter pairs(head);
        CborItem key;
        Step step;
        while ((step = pairs.next(reader_, key)) == Step::kItem)
            if (!read_field(key)) return false;
        if (step == Step::kFault) return fail();
        return pack_.end_record();
    }

    bool read_field(const CborItem& key) {
        CborItem value;
        if (key.kind == Kind::kText && !key.is_indefinite) {
            const auto name = text_of(key.bytes);
            // The table of numbers is complete (section 6): a sender that spells a known label out would
            // have its field ignored, and a time ignored is a wrong time.
            if (const auto known = senml_label(name))
                return pack_.refuse("CBOR labels are numbers: '" + std::string(name) + "' is spelled out");
            return pack_.add_unknown(name) && skip_value();
        }
        if (key.kind != Kind::kUnsigned && key.kind != Kind::kNegative)
            return pack_.refuse("a label is neither a number nor text");
        const auto number = integer_of(key);
        const auto label = number ? senml_label(*number) : std::nullopt;
        if (!label) return skip_value();
        if (!reader_.next_value(value)) return fail();
        return read_value(*label, value);
    }

    static std::optional<std::int64_t> integer_of(const CborItem& item) {
        if (!std::in_range<std::int64_t>(item.argument)) return std::nullopt;
        const auto argument = static_cast<std::int64_t>(item.argument);
        return item.kind == Kind::kUnsigned ? argument : -1 - argument;
    }

    bool read_value(SenmlLabel label, const CborItem& value) {
        switch (value.kind) {
            case Kind::kText:
                if (value.is_indefinite) return pack_.refuse("string of indefinite length");
                if (!is_utf8(value.bytes)) return pack_.refuse("text that is not UTF-8");
                return pack_.add_text(label, text_of(value.bytes));
            case Kind::kBytes:
                if (value.is_indefinite) return pack_.refuse("string of indefinite length");
                return pack_.add_data(label, value.bytes);
            case Kind::kBoolean:
                return pack_.add_boolean(label, value.argument != 0);
            case Kind::kUnsigned:
                return pack_.add_number(label, Decimal::from_unsigned(value.argument));
            case Kind::kNegative:
                return pack_.add_number(label, Decimal::from_cbor_negative(value.argument));
            case Kind::kFloat: {
                const auto number = Decimal::from_double(value.number);
                if (!number) return pack_.refuse("a number is infinite or not a number");
                return pack_.add_number(label, *number);
            }
            case Kind::kTag: {
                if (value.argument != kDecimalFractionTag) return pack_.refuse_type(label);
                const auto number = read_decimal_fraction(reader_);
                if (!number) return pack_.refuse("decimal fraction that is malformed or out of range");
                return pack_.add_number(label, *number);
            }
            default:
                return pack_.refuse_type(label);
        }
    }

    bool skip_value() {
        std::string ignored;
        if (const auto reason = convert_cbor(reader_, limits_, ignored)) return pack_.refuse(*reason);
        return true;
    }

    bool fail() { return pack_.refuse(reader_.fault()); }

    CborReader reader_;
    const Limits& limits_;
    SenmlPack pack_;
};

}  // namespace

std::optional<std::string> resolve_senml_cbor(ByteView payload, const Limits& limits, WallTime received,
                                              RecordForm& form, std::string& out) {
    return CborWalk(payload, limits, received, form, out).run();
}

}  // namespace narrowgate::payload
