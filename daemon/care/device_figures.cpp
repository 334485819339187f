// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/device_figures.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

constexpr std::uint8_t kFiguresVersion = 1;
constexpr unsigned kBitsABytes = 7;
constexpr std::uint8_t kMore = 0x80;

void put(Bytes& out, std::uint64_t value) {
    for (; value >= kMore; value >>= kBitsABytes)
        out.push_back(static_cast<std::uint8_t>(value | kMore));
    out.push_back(static_cast<std::uint8_t>(value));
}

// Leaves the reader failed when the number has more than 64 bits.
std::uint64_t take(ByteReader& reader) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += kBitsABytes) {
        const std::uint8_t byte = reader.u8();
        const std::uint64_t bits = byte & (kMore - 1U);
        if (shift == 63 && bits > 1) break;
        value |= bits << shift;
        if ((byte & kMore) == 0) return value;
    }
    reader.skip(reader.remaining() + 1);
    return 0;
}

void put(Bytes& out, const Volume& volume) {
    put(out, volume.readings);
    put(out, volume.datagrams);
    put(out, volume.bytes_up);
    put(out, volume.bytes_down);
}

Volume take_volume(ByteReader& reader) {
    Volume volume;
    volume.readings = take(reader);
    volume.datagrams = take(reader);
    volume.bytes_up = take(reader);
    volume.bytes_down = take(reader);
    return volume;
}

std::uint64_t unix_seconds_of(std::optional<WallTime> time) {
    if (!time) return 0;
    const auto since = std::chrono::duration_cast<seconds>(time->time_since_epoch());
    return static_cast<std::uint64_t>(std::max<std::int64_t>(1, since.count()));
}

// What a time of this program can say: beyond it lies damage.
constexpr std::uint64_t kLastSecond = 253'402'300'799;  // of year 9999
constexpr Month kLastMonth = 12 * 10'000;
constexpr std::uint64_t kLongestHandshake = 0xFFFF'FFFF;

}  // namespace

void Volume::add(const Volume& more) {
    readings += more.readings;
    datagrams += more.datagrams;
    bytes_up += more.bytes_up;
    bytes_down += more.bytes_down;
}

Volume volume_of(const DeviceActivity& activity) {
    return {.readings = activity.readings,
            .datagrams = activity.datagrams,
            .bytes_up = activity.bytes_up,
            .bytes_down = activity.bytes_down};
}

Volume DeviceFigures::in(Month month) const {
    if (newest.month == month) return newest.volume;
    return before.month == month ? before.volume : Volume{};
}

double DeviceFigures::repeat_ratio() const {
    const std::uint64_t all = requests + repeats;
    return all == 0 ? 0 : static_cast<double>(repeats) / static_cast<double>(all);
}

void DeviceFigures::add(Month month, const Volume& volume) {
    if (month == before.month && month != 0) {
        before.volume.add(volume);
        return;
    }
    if (month > newest.month) {
        before = month == newest.month + 1 ? newest : MonthFigures{};
        newest = {month, {}};
    } else if (month < newest.month) {
        before = {};
        newest.month = month;
    }
    newest.volume.add(volume);
}

void DeviceFigures::add(Month month, const DeviceActivity& activity) {
    const Volume volume = volume_of(activity);
    total.add(volume);
    add(month, volume);
    handshakes += activity.handshakes;
    address_moves += activity.address_moves;
    requests += activity.requests;
    repeats += activity.repeats;
    if (activity.handshakes != 0) handshake = activity.handshake;
}

void DeviceFigures::add(const DeviceFigures& later) {
    if (later.heard) heard = later.heard;
    heard_service = std::max(heard_service, later.heard_service);
    total.add(later.total);
    for (const MonthFigures& month : {later.before, later.newest})
        if (month.month != 0) add(month.month, month.volume);
    handshakes += later.handshakes;
    address_moves += later.address_moves;
    requests += later.requests;
    repeats += later.repeats;
    missed += later.missed;
    if (later.handshakes != 0) handshake = later.handshake;
}

Bytes encode(const DeviceFigures& figures) {
    Bytes out{kFiguresVersion};
    put(out, unix_seconds_of(figures.heard));
    put(out, figures.heard_service);
    put(out, figures.total);
    for (const MonthFigures& month : {figures.newest, figures.before}) {
        put(out, month.month);
        put(out, month.volume);
    }
    for (const std::uint64_t value :
         {figures.handshakes, figures.address_moves, figures.requests, figures.repeats, figures.missed,
          static_cast<std::uint64_t>(figures.handshake.count())})
        put(out, value);
    return out;
}

std::optional<DeviceFigures> decode_figures(ByteView body) {
    ByteReader reader(body);
    if (reader.u8() != kFiguresVersion) return std::nullopt;
    DeviceFigures figures;
    const std::uint64_t heard = take(reader);
    if (heard > kLastSecond) return std::nullopt;
    if (heard != 0) figures.heard = WallTime(seconds(heard));
    figures.heard_service = take(reader);
    figures.total = take_volume(reader);
    for (MonthFigures* month : {&figures.newest, &figures.before}) {
        const std::uint64_t number = take(reader);
        if (number > kLastMonth) return std::nullopt;
        *month = {static_cast<Month>(number), take_volume(reader)};
    }
    figures.handshakes = take(reader);
    figures.address_moves = take(reader);
    figures.requests = take(reader);
    figures.repeats = take(reader);
    figures.missed = take(reader);
    const std::uint64_t handshake = take(reader);
    if (!reader.finished() || handshake > kLongestHandshake) return std::nullopt;
    figures.handshake = milliseconds(handshake);
    return figures;
}

}  // namespace narrowgate::daemon
