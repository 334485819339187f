// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "json_text.hpp"
#include "render.hpp"

namespace narrowgate::payload {
namespace {

constexpr std::string_view kSources = ",\"sources\":[";
constexpr std::string_view kSeries = "],\"series\":[";
constexpr std::string_view kRows = "],\"rows\":[";
constexpr std::string_view kEnd = "]}";

// Bytes of rows that memory is set aside for.
constexpr std::size_t kMostReserved = std::size_t{128} * 1024;
// Packs are seldom larger; what is further on is looked up.
constexpr std::size_t kMostKnownSeries = 16;

using Indexes = std::map<std::string, std::size_t, std::less<>>;

// The index of `entry` in a JSON array, where it is put if it is not there yet.
std::size_t index_of(std::string_view entry, Indexes& indexes, std::string& array) {
    if (const auto found = indexes.find(entry); found != indexes.end()) return found->second;
    const std::size_t index = indexes.size();
    indexes.emplace(entry, index);
    if (index != 0) array += ',';
    array += entry;
    return index;
}

// Takes back what has been added since there were `count`.
void forget_after(std::size_t count, Indexes& indexes) {
    std::erase_if(indexes, [count](const auto& entry) { return entry.second >= count; });
}

void append_index(std::string& out, std::size_t index) {
    std::array<char, 20> digits;  // of 2^64
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), index).ptr;
    out.append(digits.data(), end);
}

struct SplitId {
    std::string_view store;
    std::string_view number;  // empty: the id is not "STORE-NUMBER"
};

SplitId split_id(std::string_view id) {
    const auto dash = id.rfind('-');
    if (dash == std::string_view::npos) return {id, {}};
    const auto number = id.substr(dash + 1);
    // JSON knows no leading zeros, and readers hold whole numbers exactly up to 2^53, 15 digits and more.
    const bool is_number = !number.empty() && number.size() <= 15 && number.front() != '0' &&
                           std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
    return {id.substr(0, dash), is_number ? number : std::string_view()};
}

Decimal since(Decimal time, std::int64_t from) {
    return Decimal::sum(time, Decimal(-from)).value_or(time);
}

}  // namespace

// [series, value, time, {rare}], with what is not needed left off the end.
class Batch::RowForm final : public RecordForm {
public:
    RowForm(Batch& batch, const Reading& reading)
        : batch_(batch), device_(reading.device), received_(Decimal::from_time(reading.received)) {}

    void append(const ResolvedRecord& record, std::string& out) override {
        out += '[';
        append_index(out, series_of(record));
        out += ',';
        append_value(record, out);
        const bool has_more = record.update_time || record.version || (record.sum && has_value(record));
        const bool has_time = record.time.less_than(received_) || received_.less_than(record.time);
        if (has_time || has_more) {
            out += ',';
            since(record.time, batch_.from_).append_to(out);
        }
        if (has_more) append_more(record, out);
        out += ']';
    }

private:
    // The letters behind "k":"v", and those of no value and of a number.
    static constexpr char kSumAlone = 'S';
    static constexpr char kNumber = 'n';

    static bool has_value(const ResolvedRecord& record) {
        return record.value || record.text || record.data || record.boolean;
    }
    static char kind_of(const ResolvedRecord& record) {
        if (record.text) return 's';
        if (record.data) return 'd';
        if (record.boolean) return 'b';
        return record.value ? kNumber : kSumAlone;
    }

    std::size_t series_of(const ResolvedRecord& record) {
        const std::size_t place = place_++;
        const auto at = device_.empty() ? std::string_view::npos : record.name.find(device_);
        const bool has_device = at != std::string_view::npos;
        const auto before = record.name.substr(0, at);
        const auto after = has_device ? record.name.substr(at + device_.size()) : std::string_view();
        const char kind = kind_of(record);
        if (place >= kMostKnownSeries)
            return index_of(entry_of(before, after, has_device, record.unit, kind));
        if (place >= batch_.known_series_.size()) batch_.known_series_.resize(place + 1);
        KnownSeries& known = batch_.known_series_[place];
        if (known.kind == kind && known.has_device == has_device && known.before == before &&
            known.after == after && known.unit == record.unit) {
            return known.index;
        }
        const std::size_t index = index_of(entry_of(before, after, has_device, record.unit, kind));
        known.before = before;
        known.after = after;
        known.unit = record.unit;
        known.has_device = has_device;
        known.kind = kind;
        known.index = index;
        return index;
    }

    std::size_t index_of(const std::string& entry) {
        return payload::index_of(entry, batch_.series_indexes_, batch_.series_);
    }

    // Valid until the next call.
    const std::string& entry_of(std::string_view before, std::string_view after, bool has_device,
                                std::string_view unit, char kind) const {
        std::string& entry = batch_.series_entry_;
        entry = "{\"n\":";
        if (!has_device) {
            append_json_string(entry, before);
        } else {
            // Of characters that JSON writes as they are (RFC 8428 section 4.5.1).
            entry += '"';
            entry += before;
            entry += "{device}";
            entry += after;
            entry += '"';
        }
        if (!unit.empty()) {
            entry += ",\"u\":";
            append_json_string(entry, unit);
        }
        if (kind == kSumAlone) {
            entry += ",\"k\":\"s\"";
        } else if (kind != kNumber) {
            entry += ",\"k\":\"v";
            entry += kind;
            entry += '"';
        }
        entry += '}';
        return entry;
    }

    static void append_value(const ResolvedRecord& record, std::string& out) {
        if (record.value) {
            record.value->append_to(out);
        } else if (record.text) {
            append_json_string(out, *record.text);
        } else if (record.data) {
            append_json_string(out, *record.data);
        } else if (record.boolean) {
            out += *record.boolean ? "true" : "false";
        } else {
            record.sum->append_to(out);
        }
    }

    void append_more(const ResolvedRecord& record, std::string& out) const {
        char separator = '{';
        const auto append_number = [&](std::string_view label, const Decimal& number) {
            fmt::format_to(std::back_inserter(out), "{}\"{}\":", std::exchange(separator, ','), label);
            number.append_to(out);
        };
        out += ',';
        if (record.sum && has_value(record)) append_number("s", *record.sum);
        if (record.update_time) append_number("ut", *record.update_time);
        if (record.version) append_number("bver", Decimal(*record.version));
        out += '}';
    }

    Batch& batch_;
    const std::string_view device_;
    const Decimal received_;
    std::size_t place_ = 0;  // of the next record
};

Batch::Batch(std::string_view gateway, std::size_t max_bytes) : max_bytes_(max_bytes) {
    head_ = "{\"batch\":1,\"gateway\":";
    append_json_string(head_, gateway);
    row_texts_.reserve(std::min(max_bytes, kMostReserved));
}

bool Batch::add(const Reading& reading) {
    const auto [store, number] = split_id(reading.id);
    if (rows_ == 0) {
        store_ = store;
        from_ = std::chrono::floor<std::chrono::seconds>(reading.received).time_since_epoch().count();
        head_ += ",\"store\":";
        append_json_string(head_, store_);
        fmt::format_to(std::back_inserter(head_), ",\"from\":{}", from_);
    }
    const std::size_t sources_before = sources_.size();
    const std::size_t series_before = series_.size();
    const std::size_t rows_before = row_texts_.size();
    const std::size_t source_count = source_indexes_.size();
    const std::size_t series_count = series_indexes_.size();

    row_texts_ += rows_ == 0 ? "[" : ",[";
    if (store == store_ && !number.empty()) {
        row_texts_ += number;
    } else {
        append_json_string(row_texts_, reading.id);
    }
    row_texts_ += ',';
    append_json_string(row_texts_, reading.device);
    row_texts_ += ',';
    since(Decimal::from_time(reading.received), from_).append_to(row_texts_);
    row_texts_ += ',';
    append_index(row_texts_, source_of(reading));
    row_texts_ += ',';
    append_content(reading);
    row_texts_ += ']';
    ++rows_;
    if (rows_ == 1 || bytes() <= max_bytes_) return true;

    --rows_;
    last_source_.reset();
    known_series_.clear();
    sources_.resize(sources_before);
    series_.resize(series_before);
    row_texts_.resize(rows_before);
    forget_after(source_count, source_indexes_);
    forget_after(series_count, series_indexes_);
    return false;
}

std::size_t Batch::source_of(const Reading& reading) {
    if (last_source_ && last_source_->fleet == reading.fleet && last_source_->resource == reading.resource &&
        last_source_->content_format == reading.content_format) {
        return last_source_->index;
    }
    std::string entry = "{\"fleet\":";
    append_json_string(entry, reading.fleet);
    entry += ",\"resource\":";
    append_json_string(entry, reading.resource);
    entry += ",\"content_format\":";
    entry += reading.content_format ? std::to_string(*reading.content_format) : "null";
    entry += '}';
    const std::size_t index = index_of(entry, source_indexes_, sources_);
    last_source_ = {std::string(reading.fleet), std::string(reading.resource), reading.content_format, index};
    return index;
}

void Batch::append_content(const Reading& reading) {
    const std::size_t begin = row_texts_.size();
    const std::size_t series_before = series_.size();
    const std::size_t series_count = series_indexes_.size();
    std::optional<std::string> reason;
    if (is_senml(reading.content_format)) {
        RowForm form(*this, reading);
        reason = append_senml(*reading.content_format, reading.payload, kRenderLimits, reading.received, form,
                              row_texts_);
        if (!reason) return;
        series_.resize(series_before);
        forget_after(series_count, series_indexes_);
        known_series_.clear();
    } else {
        row_texts_ += '{';
        reason = payload::append_content(reading.content_format, reading.payload, kRenderLimits,
                                         reading.received, row_texts_);
    }
    if (reason) {
        row_texts_.resize(begin);
        row_texts_ += '{';
        append_base64(reading.payload, row_texts_);
    }
    row_texts_ += '}';
}

std::size_t Batch::bytes() const {
    return head_.size() + kSources.size() + sources_.size() + kSeries.size() + series_.size() + kRows.size() +
           row_texts_.size() + kEnd.size();
}

std::string Batch::finish() {
    const std::size_t size = bytes();
    std::string out = std::move(head_);
    out.reserve(size);
    out += kSources;
    out += sources_;
    out += kSeries;
    out += series_;
    out += kRows;
    out += row_texts_;
    out += kEnd;
    return out;
}

}  // namespace narrowgate::payload
