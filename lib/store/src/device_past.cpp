// SPDX-License-Identifier: Apache-2.0
#include "device_past.hpp"

#include <algorithm>
#include <utility>

#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint8_t kPastFormat = 1;
constexpr std::size_t kSliceDevices = 256;
constexpr std::string_view kEveryDevice;  // no device has this name

// A crash in the middle of a fold has us meet events again that are in their row.
void append(std::vector<DeviceEvent>& events, const DeviceEvent& event) {
    if (std::ranges::find(events, event) == events.end()) events.push_back(event);
}

}  // namespace

Bytes encode_events(std::span<const DeviceEvent> events) {
    Bytes out{kPastFormat};
    std::int64_t before = 0;
    for (const auto& event : events) {
        const auto at = event.at.time_since_epoch().count();
        put_signed_varint(out, at - before);
        put_prefixed(out, event.body);
        before = at;
    }
    return out;
}

std::optional<std::vector<DeviceEvent>> decode_events(ByteView bytes, std::string_view device) {
    std::vector<DeviceEvent> events;
    ByteReader reader(bytes);
    if (reader.u8() != kPastFormat) return std::nullopt;
    std::int64_t at = 0;
    while (reader.ok() && reader.remaining() != 0) {
        at = add_wrapping(at, take_signed_varint(reader));
        const auto body = take_prefixed(reader);
        events.push_back(
            {std::string(device), WallTime(std::chrono::microseconds(at)), Bytes(body.begin(), body.end())});
    }
    if (!reader.finished()) return std::nullopt;
    return events;
}

DevicePast::DevicePast(Database& database)
    : get_(database, "SELECT events FROM device_past WHERE device = ?1"),
      put_(database,
           "INSERT INTO device_past(device, events) VALUES(?1, ?2) ON CONFLICT(device) DO UPDATE SET events ="
           " ?2"),
      added_(database, "SELECT added FROM device WHERE name = ?1") {}

void DevicePast::add(const DeviceEvent& event) {
    auto events = read(event.device);
    append(events, event);
    const std::size_t extra = events.size() - std::min(events.size(), kDeviceEventsKept);
    put_.run(event.device, encode_events(std::span(events).subspan(extra)));
}

void DevicePast::add_to_all(const DeviceEvent& event) {
    add({std::string(kEveryDevice), event.at, event.body});
}

void DevicePast::begin_fold() {
    folding_ = std::exchange(unfolded_, {});
    std::ranges::stable_sort(folding_, {}, &DeviceEvent::device);
    next_ = 0;
}

bool DevicePast::fold_slice() {
    std::size_t at = next_;
    for (std::size_t devices = 0; at < folding_.size() && devices < kSliceDevices; ++devices) {
        const std::string& device = folding_[at].device;
        auto events = read(device);
        for (; at < folding_.size() && folding_[at].device == device; ++at)
            append(events, folding_[at]);
        const std::size_t extra = events.size() - std::min(events.size(), kDeviceEventsKept);
        put_.run(device, encode_events(std::span(events).subspan(extra)));
    }
    after_slice_ = at;
    return at == folding_.size();
}

void DevicePast::fold_done() {
    folding_.clear();
    next_ = 0;
}

std::vector<DeviceEvent> DevicePast::newest(std::string_view device, std::size_t count) {
    auto events = read(device);
    for (const auto* list : {&folding_, &unfolded_}) {
        for (const auto& event : *list) {
            if (event.device == device) append(events, event);
        }
    }
    for (auto& event : of_all(device))
        events.push_back(std::move(event));
    std::ranges::stable_sort(events, {}, &DeviceEvent::at);
    std::ranges::reverse(events);
    events.resize(std::min({events.size(), count, kDeviceEventsKept}));
    return events;
}

// A device that was added later had no part in it.
std::vector<DeviceEvent> DevicePast::of_all(std::string_view device) {
    Query query(added_, device);
    if (!query.next()) return {};
    const auto added = query.time(0);
    auto events = read(kEveryDevice);
    std::erase_if(events, [&](const DeviceEvent& event) { return event.at < added; });
    for (auto& event : events)
        event.device = device;
    return events;
}

// A row that cannot be read counts as none: it is history, and nothing hangs on it.
std::vector<DeviceEvent> DevicePast::read(std::string_view device) {
    Query query(get_, device);
    if (!query.next()) return {};
    return decode_events(query.blob(0), device).value_or(std::vector<DeviceEvent>{});
}

}  // namespace narrowgate::store
