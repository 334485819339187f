// SPDX-License-Identifier: Apache-2.0
#include "senml_pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "json_text.hpp"

namespace narrowgate::payload {
namespace {

// RFC 8428 section 4.4: the version of that document. RFC 9100 section 4: the same with secondary units.
constexpr std::int64_t kVersion = 10;
constexpr std::int64_t kVersionWithSecondaryUnits = 26;

// RFC 8428 section 4.5.3: times below this many seconds count from now, forwards or backwards.
constexpr std::int64_t kRelativeTimeLimit = std::int64_t{1} << 28;

constexpr std::array<std::pair<std::string_view, SenmlLabel>, 15> kLabels = {{
    {"n", SenmlLabel::kName},
    {"v", SenmlLabel::kValue},
    {"u", SenmlLabel::kUnit},
    {"t", SenmlLabel::kTime},
    {"bn", SenmlLabel::kBaseName},
    {"bt", SenmlLabel::kBaseTime},
    {"bu", SenmlLabel::kBaseUnit},
    {"bv", SenmlLabel::kBaseValue},
    {"bs", SenmlLabel::kBaseSum},
    {"bver", SenmlLabel::kBaseVersion},
    {"vs", SenmlLabel::kStringValue},
    {"vb", SenmlLabel::kBooleanValue},
    {"vd", SenmlLabel::kDataValue},
    {"s", SenmlLabel::kSum},
    {"ut", SenmlLabel::kUpdateTime},
}};

bool is_alphanumeric(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// RFC 8428 section 4.5.1.
bool may_be_in_name(char c) {
    return is_alphanumeric(c) || c == '-' || c == ':' || c == '.' || c == '/' || c == '_';
}

}  // namespace

std::optional<SenmlLabel> senml_label(std::string_view name) {
    const auto* const found =
        std::ranges::find(kLabels, name, &std::pair<std::string_view, SenmlLabel>::first);
    if (found == kLabels.end()) return std::nullopt;
    return found->second;
}

std::optional<SenmlLabel> senml_label(std::int64_t number) {
    if (number < std::to_underlying(SenmlLabel::kBaseSum) ||
        number > std::to_underlying(SenmlLabel::kDataValue))
        return std::nullopt;
    return static_cast<SenmlLabel>(number);
}

std::string_view name_of(SenmlLabel label) {
    return std::ranges::find(kLabels, label, &std::pair<std::string_view, SenmlLabel>::second)->first;
}

SenmlPack::SenmlPack(const Limits& limits, WallTime received, RecordForm& form, std::string& out)
    : limits_(limits),
      received_(Decimal::from_time(received)),
      form_(form),
      out_(out),
      start_(out.size()),
      version_(kVersion) {
    records_.reserve(4);  // a typical pack
}

bool SenmlPack::refuse(std::string reason) {
    const bool says_where = in_record_ && !records_.empty();
    reason_ = says_where ? fmt::format("record {}: {}", records_.size() + 1, reason) : std::move(reason);
    return false;
}

bool SenmlPack::refuse_type(SenmlLabel label) {
    return refuse(fmt::format("{} has a value of the wrong type", name_of(label)));
}

std::uint16_t SenmlPack::bit(SenmlLabel label) {
    return static_cast<std::uint16_t>(
        1U << (std::to_underlying(label) - std::to_underlying(SenmlLabel::kBaseSum)));
}

bool SenmlPack::mark(SenmlLabel label) {
    if (has(label)) return refuse(fmt::format("{} is there twice", name_of(label)));
    record_.seen |= bit(label);
    return true;
}

bool SenmlPack::begin_record() {
    if (records_.size() == limits_.max_records)
        return refuse(fmt::format("more than {} records", limits_.max_records));
    in_record_ = true;
    record_.seen = 0;
    record_.name.clear();
    record_.unit.clear();
    record_.value.reset();
    record_.sum.reset();
    record_.time = Decimal{};
    record_.update_time.reset();
    return true;
}

bool SenmlPack::add_number(SenmlLabel label, const Decimal& number) {
    if (!mark(label)) return false;
    switch (label) {
        case SenmlLabel::kBaseVersion:
            return set_version(number);
        case SenmlLabel::kBaseTime:
            base_.time = number;
            return true;
        case SenmlLabel::kBaseValue:
            base_.value = number;
            return true;
        case SenmlLabel::kBaseSum:
            base_.sum = number;
            return true;
        case SenmlLabel::kValue:
            record_.value = number;
            return true;
        case SenmlLabel::kSum:
            record_.sum = number;
            return true;
        case SenmlLabel::kTime:
            record_.time = number;
            return true;
        case SenmlLabel::kUpdateTime:
            record_.update_time = number;
            return true;
        default:
            return refuse_type(label);
    }
}

bool SenmlPack::add_boolean(SenmlLabel label, bool value) {
    if (label != SenmlLabel::kBooleanValue) return refuse_type(label);
    record_.boolean = value;
    return mark(label);
}

bool SenmlPack::add_text(SenmlLabel label, std::string_view text) {
    if (!mark(label)) return false;
    switch (label) {
        case SenmlLabel::kBaseName:
            base_.name = text;
            return true;
        case SenmlLabel::kBaseUnit:
            base_.unit = text;
            return true;
        case SenmlLabel::kName:
            record_.name = text;
            return true;
        case SenmlLabel::kUnit:
            record_.unit = text;
            return true;
        case SenmlLabel::kStringValue:
            record_.text = text;
            return true;
        default:
            return refuse_type(label);
    }
}

bool SenmlPack::add_data(SenmlLabel label, ByteView data) {
    if (label != SenmlLabel::kDataValue) return refuse_type(label);
    record_.text = to_base64url(data);
    return mark(label);
}

bool SenmlPack::add_unknown(std::string_view label) {
    if (label.ends_with('_'))
        return refuse(fmt::format("unknown label '{}' must be understood", excerpt_of(label)));
    return true;
}

// Section 4.3: one version in a pack, and none that is newer than what we know.
bool SenmlPack::set_version(const Decimal& number) {
    const auto version = number.integer();
    if (!version || *version < 1) return refuse("bver is not a positive integer");
    if (*version > kVersion && *version != kVersionWithSecondaryUnits)
        return refuse("bver is a version that is not known");
    if (!records_.empty() && *version != version_) return refuse("bver differs from the first record's");
    version_ = *version;
    return true;
}

bool SenmlPack::end_record() {
    if (!resolve_name() || !resolve_value() || !resolve_time()) return false;
    write_record();
    in_record_ = false;
    if (out_.size() - start_ > limits_.max_rendered_bytes)
        return refuse(fmt::format("resolved records exceed {} bytes", limits_.max_rendered_bytes));
    return true;
}

bool SenmlPack::resolve_name() {
    if (base_.name.size() + record_.name.size() > limits_.max_name_bytes)
        return refuse(fmt::format("name of more than {} bytes", limits_.max_name_bytes));
    record_.name.insert(0, base_.name);
    if (record_.name.empty()) return refuse("no name");
    if (!is_alphanumeric(record_.name.front())) return refuse("name starts with no letter or digit");
    if (!std::ranges::all_of(record_.name, may_be_in_name))
        return refuse("name has a character that is not allowed");
    if (!has(SenmlLabel::kUnit)) record_.unit = base_.unit;
    return true;
}

// Sections 4.2 and 4.5.4: one value or none; none only beside a sum. A base value or base sum counts from
// zero where the record has none of its own.
bool SenmlPack::resolve_value() {
    const int others =
        has(SenmlLabel::kStringValue) + has(SenmlLabel::kBooleanValue) + has(SenmlLabel::kDataValue);
    if (others + (record_.value ? 1 : 0) > 1) return refuse("more than one of v, vs, vb and vd");
    if (base_.sum) {
        record_.sum = Decimal::sum(*base_.sum, record_.sum.value_or(Decimal{}));
        if (!record_.sum) return refuse("bs and s add up to more than a double holds");
    }
    if (others == 0 && !record_.value && !record_.sum && !base_.value) return refuse("no value and no sum");
    const bool is_number = record_.value || (others == 0 && !record_.sum);
    if (is_number && base_.value) {
        record_.value = Decimal::sum(*base_.value, record_.value.value_or(Decimal{}));
        if (!record_.value) return refuse("bv and v add up to more than a double holds");
    }
    return true;
}

bool SenmlPack::resolve_time() {
    auto time = Decimal::sum(base_.time, record_.time);
    if (time && time->less_than(kRelativeTimeLimit)) {
        if (time->less_than(-kRelativeTimeLimit)) return refuse("relative time of more than 2^28 seconds");
        time = Decimal::sum(received_, *time);
    }
    if (!time) return refuse("bt and t add up to more than a double holds");
    record_.time = *time;
    return true;
}

void SenmlPack::write_record() {
    const Resolved place{.time = record_.time.approximate(), .begin = out_.size() + 1, .end = 0};
    out_ += records_.empty() ? '[' : ',';
    ResolvedRecord record{.name = record_.name, .unit = record_.unit, .time = record_.time};
    if (record_.value) {
        record.value = record_.value;
    } else if (has(SenmlLabel::kStringValue)) {
        record.text = record_.text;
    } else if (has(SenmlLabel::kDataValue)) {
        record.data = record_.text;
    } else if (has(SenmlLabel::kBooleanValue)) {
        record.boolean = record_.boolean;
    }
    record.sum = record_.sum;
    record.update_time = record_.update_time;
    if (version_ != kVersion) record.version = version_;
    form_.append(record, out_);

    if (!records_.empty() && place.time < records_.back().time) in_order_ = false;
    records_.push_back(place);
    records_.back().end = out_.size();
}

bool SenmlPack::finish() {
    if (records_.empty()) return refuse("a pack without records");
    if (!in_order_) put_in_order();
    out_ += ']';
    return true;
}

// Section 4.6: resolved records are in chronological order. Records of one time keep the pack's order.
void SenmlPack::put_in_order() {
    std::ranges::sort(records_, {},
                      [](const Resolved& record) { return std::pair(record.time, record.begin); });
    std::string ordered;
    ordered.reserve(out_.size() - start_ + 1);
    for (const auto& record : records_) {
        ordered += ordered.empty() ? '[' : ',';
        ordered.append(out_, record.begin, record.end - record.begin);
    }
    out_.replace(start_, std::string::npos, ordered);
}

}  // namespace narrowgate::payload
