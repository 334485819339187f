// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/records.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "render.hpp"

namespace narrowgate::payload {
namespace {

class Collector final : public RecordForm {
public:
    explicit Collector(std::string_view device) : device_(device) {}

    // The pack puts in order what is appended here, not what is collected: that is take()'s.
    void append(const ResolvedRecord& resolved, std::string& out) override {
        out += '0';
        Record record;
        record.name = resolved.name;
        if (const auto at = record.name.find(device_); !device_.empty() && at != std::string::npos)
            record.name.replace(at, device_.size(), "{device}");
        record.unit = resolved.unit;
        if (resolved.value) {
            resolved.value->append_to(record.value);
        } else if (resolved.text) {
            record.kind = Record::Kind::kText;
            record.value = *resolved.text;
        } else if (resolved.data) {
            record.kind = Record::Kind::kData;
            record.value = *resolved.data;
        } else if (resolved.boolean) {
            record.kind = Record::Kind::kBoolean;
            record.value = *resolved.boolean ? "true" : "false";
        } else {
            record.kind = Record::Kind::kSum;
            resolved.sum->append_to(record.value);
        }
        timed_.emplace_back(resolved.time, std::move(record));
    }

    std::vector<Record> take() {
        std::ranges::stable_sort(
            timed_, [](const auto& left, const auto& right) { return left.first.less_than(right.first); });
        std::vector<Record> records;
        records.reserve(timed_.size());
        for (auto& [time, record] : timed_)
            records.push_back(std::move(record));
        return records;
    }

private:
    const std::string_view device_;
    std::vector<std::pair<Decimal, Record>> timed_;
};

}  // namespace

std::optional<std::vector<Record>> records_of(const Reading& reading) {
    if (!is_senml(reading.content_format)) return std::nullopt;
    Collector collector(reading.device);
    std::string unused;
    if (append_senml(*reading.content_format, reading.payload, kRenderLimits, reading.received, collector,
                     unused)) {
        return std::nullopt;
    }
    return collector.take();
}

}  // namespace narrowgate::payload
