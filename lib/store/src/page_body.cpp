// SPDX-License-Identifier: Apache-2.0
#include "page_body.hpp"

#include <algorithm>

#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint8_t kPageBodyFormat = 1;

}  // namespace

std::uint64_t PageBody::name(const std::string& text) {
    const auto [entry, fresh] = indices_.try_emplace(text, indices_.size());
    if (fresh) put_prefixed(names_, bytes_of(text));
    return entry->second;
}

void PageBody::add(const NewReading& reading) {
    if (count_++ == 0) first_received_ = reading.received;
    put_varint(rows_, name(reading.device));
    put_varint(rows_, name(reading.fleet));
    put_varint(rows_, name(reading.resource));
    put_varint(rows_, reading.content_format ? *reading.content_format + 1U : 0U);
    put_signed_varint(rows_, (reading.received - first_received_).count());
    put_varint(rows_, reading.upstreams);
    put_prefixed(rows_, reading.payload);
}

Bytes PageBody::finish() const {
    Bytes out;
    if (count_ == 0) return out;
    out.reserve(32 + names_.size() + rows_.size());
    out.push_back(kPageBodyFormat);
    put_signed_varint(out, first_received_.time_since_epoch().count());
    put_varint(out, indices_.size());
    out.insert(out.end(), names_.begin(), names_.end());
    put_varint(out, count_);
    out.insert(out.end(), rows_.begin(), rows_.end());
    return out;
}

std::optional<std::vector<StoredReading>> decode_readings(ByteView body, ReadingNumber first,
                                                          const WantedReadings& wanted) {
    std::vector<StoredReading> readings;
    if (body.empty()) return readings;
    ByteReader reader(body);
    if (reader.u8() != kPageBodyFormat) return std::nullopt;
    const WallTime base{std::chrono::microseconds(take_signed_varint(reader))};
    const auto name_count = take_varint(reader);
    if (name_count > reader.remaining()) return std::nullopt;
    std::vector<ByteView> names(static_cast<std::size_t>(name_count));
    for (auto& name : names)
        name = take_prefixed(reader);
    const auto count = take_varint(reader);
    if (!reader.ok() || count > reader.remaining()) return std::nullopt;

    bool known = true;
    const auto take_name = [&] {
        const auto index = take_varint(reader);
        if (index < names.size()) return text_of(names[static_cast<std::size_t>(index)]);
        known = false;
        return std::string_view();
    };
    readings.reserve(std::min(static_cast<std::size_t>(count), wanted.count));
    for (std::uint64_t i = 0; i < count && reader.ok() && known; ++i) {
        const auto device = take_name();
        const auto fleet = take_name();
        const auto resource = take_name();
        const auto format = take_varint(reader);
        const auto since_base = take_signed_varint(reader);
        const UpstreamMask upstreams = take_varint(reader);
        const auto payload = take_prefixed(reader);
        const bool is_wanted = wanted.upstreams == ~UpstreamMask{0} || (upstreams & wanted.upstreams) != 0;
        if (first + i < wanted.from || readings.size() >= wanted.count || !is_wanted) continue;
        StoredReading& reading = readings.emplace_back();
        reading.number = first + i;
        reading.device = device;
        reading.fleet = fleet;
        reading.resource = resource;
        if (format > 0) reading.content_format = static_cast<std::uint16_t>(format - 1);
        reading.received = base + std::chrono::microseconds(since_base);
        reading.upstreams = upstreams;
        reading.payload.assign(payload.begin(), payload.end());
    }
    if (!known || !reader.finished()) return std::nullopt;
    return readings;
}

}  // namespace narrowgate::store
