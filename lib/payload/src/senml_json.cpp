// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "json_value.hpp"
#include "senml.hpp"
#include "senml_pack.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;

// Depth 0 is outside the pack, 1 in it, 2 in a record; deeper is the value of a label that is not known.
class JsonWalk final : public json::json_sax_t {
public:
    JsonWalk(const Limits& limits, WallTime received, RecordForm& form, std::string& out)
        : limits_(limits), pack_(limits, received, form, out) {}

    bool null() override {
        return take([](auto& pack, auto label) { return pack.refuse_type(label); });
    }
    bool boolean(bool value) override {
        return take([&](auto& pack, auto label) { return pack.add_boolean(label, value); });
    }
    bool number_integer(json::number_integer_t value) override {
        return take([&](auto& pack, auto label) { return pack.add_number(label, Decimal(value)); });
    }
    bool number_unsigned(json::number_unsigned_t value) override {
        return take(
            [&](auto& pack, auto label) { return pack.add_number(label, Decimal::from_unsigned(value)); });
    }
    bool number_float(json::number_float_t, const json::string_t& text) override {
        return take([&](auto& pack, auto label) {
            const auto number = Decimal::from_text(text);
            return number ? pack.add_number(label, *number) : pack.refuse("number out of range");
        });
    }
    bool string(json::string_t& text) override {
        return take([&](auto& pack, auto label) {
            if (label != SenmlLabel::kDataValue) return pack.add_text(label, text);
            const auto data = from_base64url(text);
            return data ? pack.add_data(label, *data) : pack.refuse("vd is not base64url");
        });
    }
    bool binary(json::binary_t&) override { return pack_.refuse("binary"); }

    bool key(json::string_t& name) override {
        if (++items_ > limits_.max_items)
            return pack_.refuse(fmt::format("more than {} items", limits_.max_items));
        if (depth_ != 2) return true;
        label_ = senml_label(name);
        return label_ || pack_.add_unknown(name);
    }
    bool start_object(std::size_t) override {
        if (depth_ == 0) return pack_.refuse("a pack is an array of records");
        return open() && (depth_ != 2 || pack_.begin_record());
    }
    bool end_object() override {
        --depth_;
        return depth_ != 1 || pack_.end_record();
    }
    bool start_array(std::size_t) override {
        if (depth_ == 1) return pack_.refuse("a record is an object");
        return open();
    }
    bool end_array() override {
        --depth_;
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
        return pack_.refuse(json_fault(position));
    }

    bool finish() { return pack_.finish(); }
    const std::string& reason() const { return pack_.reason(); }

private:
    // A value that is no container: a field of the record, or part of what is ignored.
    template <class Field>
    bool take(Field&& field) {
        if (++items_ > limits_.max_items)
            return pack_.refuse(fmt::format("more than {} items", limits_.max_items));
        if (depth_ == 0) return pack_.refuse("a pack is an array of records");
        if (depth_ == 1) return pack_.refuse("a record is an object");
        if (depth_ > 2 || !label_) return true;
        return field(pack_, *label_);
    }

    bool open() {
        if (depth_ == 2 && label_) return pack_.refuse_type(*label_);
        if (++depth_ > limits_.max_depth)
            return pack_.refuse(fmt::format("nested deeper than {}", limits_.max_depth));
        return true;
    }

    const Limits& limits_;
    SenmlPack pack_;
    std::optional<SenmlLabel> label_;
    std::size_t depth_ = 0;
    std::size_t items_ = 0;
};

}  // namespace

std::optional<std::string> resolve_senml_json(ByteView payload, const Limits& limits, WallTime received,
                                              RecordForm& form, std::string& out) {
    if (auto reason = refuse_json_bytes(payload)) return reason;
    JsonWalk walk(limits, received, form, out);
    if (!json::sax_parse(payload.begin(), payload.end(), &walk) || !walk.finish()) return walk.reason();
    return std::nullopt;
}

}  // namespace narrowgate::payload
