// SPDX-License-Identifier: Apache-2.0
#include "effects.hpp"

#include <algorithm>

#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint8_t kFormat = 1;      // first byte of each list
constexpr std::size_t kIpv4Offset = 12;  // of the address in its IPv4-mapped form

enum Kind : std::uint8_t { kOpen = 1, kClose = 2, kMark = 3 };

// Flags of an address and of a session.
constexpr std::uint8_t kIsV4 = 1;
constexpr std::uint8_t kHasScope = 2;
constexpr std::uint8_t kConfirmed = 1;

void put_address(Bytes& out, const Address& address) {
    const bool v4 = address.is_v4();
    ByteWriter writer(out);
    writer.u8(static_cast<std::uint8_t>((v4 ? kIsV4 : 0) | (address.scope != 0 ? kHasScope : 0)));
    writer.append(ByteView(address.ip).subspan(v4 ? kIpv4Offset : 0)).u16(address.port);
    if (address.scope != 0) writer.u32(address.scope);
}

Address take_address(ByteReader& reader) {
    Address address;
    const auto flags = reader.u8();
    const bool v4 = (flags & kIsV4) != 0;
    const auto ip = reader.take(v4 ? address.ip.size() - kIpv4Offset : address.ip.size());
    if (!reader.ok()) return {};
    if (v4) address.ip[10] = address.ip[11] = 0xff;  // RFC 4291 section 2.5.5.2
    std::ranges::copy(ip, address.ip.begin() + (v4 ? kIpv4Offset : 0));
    address.port = reader.u16();
    if ((flags & kHasScope) != 0) address.scope = reader.u32();
    return address;
}

void put_path(Bytes& out, const Path& path) {
    put_address(out, path.local);
    put_address(out, path.remote);
}

Path take_path(ByteReader& reader) {
    Path path;
    path.local = take_address(reader);
    path.remote = take_address(reader);
    return path;
}

void put_time(Bytes& out, WallTime time) {
    put_signed_varint(out, time.time_since_epoch().count());
}

WallTime take_time(ByteReader& reader) {
    return WallTime(std::chrono::microseconds(take_signed_varint(reader)));
}

void put(Bytes& out, const SealedSession& session) {
    const auto& row = session.row;
    ByteWriter(out).u8(kOpen).u64(row.id).u8(row.confirmed ? kConfirmed : 0);
    put_varint(out, row.credential);
    put_prefixed(out, row.cid);
    put_prefixed(out, session.sealed);
    put_path(out, row.path);
    put_varint(out, row.lease_end);
    put_varint(out, row.right_edge);
    ByteWriter(out).u64(row.window);
    put_time(out, row.established);
    put_time(out, row.last_seen);
}

void put(Bytes& out, const SessionClose& close) {
    ByteWriter(out).u8(kClose).u64(close.session);
}

void put(Bytes& out, const SessionMark& mark) {
    ByteWriter(out).u8(kMark).u64(mark.session).u8(mark.confirmed ? kConfirmed : 0);
    put_varint(out, mark.right_edge);
    ByteWriter(out).u64(mark.window);
    put_varint(out, mark.lease_end);
    put_path(out, mark.path);
    put_time(out, mark.last_seen);
}

Bytes copy(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

SealedSession take_open(ByteReader& reader) {
    SealedSession session;
    auto& row = session.row;
    row.id = reader.u64();
    row.confirmed = (reader.u8() & kConfirmed) != 0;
    row.credential = take_varint(reader);
    row.cid = copy(take_prefixed(reader));
    session.sealed = copy(take_prefixed(reader));
    row.path = take_path(reader);
    row.lease_end = take_varint(reader);
    row.right_edge = take_varint(reader);
    row.window = reader.u64();
    row.established = take_time(reader);
    row.last_seen = take_time(reader);
    return session;
}

SessionMark take_mark(ByteReader& reader) {
    SessionMark mark;
    mark.session = reader.u64();
    mark.confirmed = (reader.u8() & kConfirmed) != 0;
    mark.right_edge = take_varint(reader);
    mark.window = reader.u64();
    mark.lease_end = take_varint(reader);
    mark.path = take_path(reader);
    mark.last_seen = take_time(reader);
    return mark;
}

}  // namespace

Bytes encode_path(const Path& path) {
    Bytes out;
    put_path(out, path);
    return out;
}

std::optional<Path> decode_path(ByteView bytes) {
    ByteReader reader(bytes);
    const auto path = take_path(reader);
    if (!reader.finished()) return std::nullopt;
    return path;
}

Bytes encode_effects(std::span<const Effect> effects) {
    Bytes out;
    if (effects.empty()) return out;
    out.reserve(1 + effects.size() * 48);
    out.push_back(kFormat);
    for (const auto& effect : effects)
        std::visit([&](const auto& value) { put(out, value); }, effect);
    return out;
}

std::optional<std::vector<Effect>> decode_effects(ByteView bytes) {
    std::vector<Effect> effects;
    if (bytes.empty()) return effects;
    ByteReader reader(bytes);
    if (reader.u8() != kFormat) return std::nullopt;
    while (reader.ok() && reader.remaining() != 0) {
        switch (reader.u8()) {
            case kOpen:
                effects.emplace_back(take_open(reader));
                break;
            case kClose:
                effects.emplace_back(SessionClose{reader.u64()});
                break;
            case kMark:
                effects.emplace_back(take_mark(reader));
                break;
            default:
                return std::nullopt;
        }
    }
    if (!reader.finished()) return std::nullopt;
    return effects;
}

Bytes encode_replies(std::span<const StoredReply> replies) {
    Bytes out;
    out.push_back(kFormat);
    for (const auto& reply : replies) {
        ByteWriter(out).u64(reply.session).u16(reply.message_id);
        put_time(out, reply.expires);
        put_prefixed(out, reply.reply);
    }
    return out;
}

std::optional<std::vector<StoredReply>> decode_replies(ByteView bytes) {
    std::vector<StoredReply> replies;
    ByteReader reader(bytes);
    if (reader.u8() != kFormat) return std::nullopt;
    while (reader.ok() && reader.remaining() != 0) {
        StoredReply reply;
        reply.session = reader.u64();
        reply.message_id = reader.u16();
        reply.expires = take_time(reader);
        reply.reply = copy(take_prefixed(reader));
        replies.push_back(std::move(reply));
    }
    if (!reader.finished()) return std::nullopt;
    return replies;
}

}  // namespace narrowgate::store
