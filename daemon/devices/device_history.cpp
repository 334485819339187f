// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_history.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

constexpr std::uint8_t kHistoryVersion = 1;
constexpr std::uint8_t kHandshake = 1;
constexpr std::uint8_t kSessionEnd = 2;

void write(ByteWriter& out, const HandshakeEvent& event) {
    const auto milliseconds = std::clamp<std::int64_t>(event.duration.count(), 0, 0xFFFF'FFFF);
    out.u8(kHandshake).u64(event.session).u64(event.credential);
    out.append(event.remote.ip).u16(event.remote.port).u32(static_cast<std::uint32_t>(milliseconds));
    out.u32(event.bytes_in).u32(event.bytes_out).u16(event.flights_again).u16(event.suite);
    out.u8(event.with_cid ? 1 : 0);
}

void write(ByteWriter& out, const SessionEndEvent& event) {
    out.u8(kSessionEnd).u64(event.session).u64(event.credential).u8(static_cast<std::uint8_t>(event.how));
}

HandshakeEvent read_handshake(ByteReader& in) {
    HandshakeEvent event;
    event.session = in.u64();
    event.credential = in.u64();
    std::ranges::copy(in.take(event.remote.ip.size()), event.remote.ip.begin());
    event.remote.port = in.u16();
    event.duration = milliseconds(in.u32());
    event.bytes_in = in.u32();
    event.bytes_out = in.u32();
    event.flights_again = in.u16();
    event.suite = in.u16();
    event.with_cid = in.u8() != 0;
    return event;
}

bool is_known(SessionEnd how) {
    return how >= SessionEnd::kClosedByNode && how <= SessionEnd::kMoved;
}

}  // namespace

store::DeviceEvent device_event(std::string device, WallTime at, const HistoryEvent& event) {
    store::DeviceEvent written{.device = std::move(device), .at = at, .body = {}};
    ByteWriter out(written.body);
    out.u8(kHistoryVersion);
    std::visit([&](const auto& its) { write(out, its); }, event);
    return written;
}

std::optional<HistoryEvent> read_event(const store::DeviceEvent& event) {
    ByteReader in(event.body);
    if (in.u8() != kHistoryVersion) return std::nullopt;
    switch (in.u8()) {
        case kHandshake: {
            const HandshakeEvent handshake = read_handshake(in);
            if (!in.finished()) return std::nullopt;
            return handshake;
        }
        case kSessionEnd: {
            SessionEndEvent end;
            end.session = in.u64();
            end.credential = in.u64();
            end.how = static_cast<SessionEnd>(in.u8());
            if (!in.finished() || !is_known(end.how)) return std::nullopt;
            return end;
        }
        default:
            return std::nullopt;
    }
}

}  // namespace narrowgate::daemon
