// SPDX-License-Identifier: Apache-2.0
#include "effects.hpp"

#include <algorithm>
#include <limits>

#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint8_t kEffectsFormat = 2;                // first byte of the list
constexpr std::uint8_t kEffectsFormatWithoutTraffic = 1;  // of stores of version 2 and before
constexpr std::size_t kIpv4Offset = 12;                   // of the address in its IPv4-mapped form

enum EffectKind : std::uint8_t {
    kOpenEffect = 1,
    kCloseEffect = 2,
    kMarkEffect = 3,
    kReplyEffect = 4,
    kSessionsEndEffect = 5,
    kEventEffect = 6
};

// Flags of an address, of an opened session, of a mark and of a reply.
constexpr std::uint8_t kIsV4 = 1;
constexpr std::uint8_t kHasScope = 2;
constexpr std::uint8_t kIsConfirmed = 1;
constexpr std::uint8_t kSameLocal = 2;
constexpr std::uint8_t kOtherSession = 1;

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

Bytes copy(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

template <class T>
T saturated(std::uint64_t value) {
    return static_cast<T>(std::min<std::uint64_t>(value, std::numeric_limits<T>::max()));
}

// A commit's effects have much in common: times are written as what passed since the one before, a mark's
// local address only where it changes, a reply's session only when it is not that of the effect before.
struct Common {
    std::int64_t time = 0;
    std::uint64_t heard = 0;
    std::optional<Address> local;
    SessionId session = 0;
};

class EffectWriter {
public:
    explicit EffectWriter(Bytes& out) : out_(out) {}

    void operator()(const SealedSession& session) {
        const auto& row = session.row;
        ByteWriter(out_).u8(kOpenEffect).u64(row.id).u8(row.confirmed ? kIsConfirmed : 0);
        put_varint(out_, row.credential);
        put_prefixed(out_, row.cid);
        put_prefixed(out_, session.sealed);
        put_path(out_, row.path);
        put_varint(out_, row.lease_end);
        put_varint(out_, row.right_edge);
        ByteWriter(out_).u64(row.window);
        put_time(row.established);
        put_time(row.last_seen);
        put_heard(row.heard);
        put_traffic(out_, row.traffic);
        before_.session = row.id;
    }
    void operator()(const SessionClose& close) {
        ByteWriter(out_).u8(kCloseEffect).u64(close.session);
        before_.session = close.session;
    }
    void operator()(const SessionMark& mark) {
        const bool same_local = before_.local == mark.path.local;
        ByteWriter(out_)
            .u8(kMarkEffect)
            .u64(mark.session)
            .u8(static_cast<std::uint8_t>((mark.confirmed ? kIsConfirmed : 0) |
                                          (same_local ? kSameLocal : 0)));
        put_varint(out_, mark.right_edge);
        put_varint(out_, ~mark.window);  // of an old session mostly all ones
        put_varint(out_, mark.lease_end);
        if (!same_local) put_address(out_, mark.path.local);
        put_address(out_, mark.path.remote);
        put_time(mark.last_seen);
        put_heard(mark.heard);
        put_traffic(out_, mark.traffic);
        before_.local = mark.path.local;
        before_.session = mark.session;
    }
    void operator()(const StoredReply& reply) {
        const bool other = reply.session != before_.session;
        ByteWriter(out_).u8(kReplyEffect).u8(other ? kOtherSession : 0);
        if (other) ByteWriter(out_).u64(reply.session);
        ByteWriter(out_).u16(reply.message_id);
        // After the time before, but not itself a time that the next is measured from: it lies ahead.
        put_signed_varint(out_, reply.expires.time_since_epoch().count() - before_.time);
        put_prefixed(out_, reply.reply);
        before_.session = reply.session;
    }
    void operator()(const SessionsEnd& end) {
        ByteWriter(out_).u8(kSessionsEndEffect);
        put_varint(out_, end.credential);
    }
    void operator()(const DeviceEvent& event) {
        ByteWriter(out_).u8(kEventEffect);
        put_prefixed(out_, bytes_of(event.device));
        put_time(event.at);
        put_prefixed(out_, event.body);
    }

private:
    void put_time(WallTime time) {
        put_signed_varint(out_, time.time_since_epoch().count() - before_.time);
        before_.time = time.time_since_epoch().count();
    }
    void put_heard(std::uint64_t heard) {
        put_signed_varint(out_, static_cast<std::int64_t>(heard - before_.heard));
        before_.heard = heard;
    }

    Bytes& out_;
    Common before_;
};

class EffectReader {
public:
    EffectReader(ByteReader& reader, bool with_traffic) : reader_(reader), with_traffic_(with_traffic) {}

    SealedSession open() {
        SealedSession session;
        auto& row = session.row;
        row.id = reader_.u64();
        row.confirmed = (reader_.u8() & kIsConfirmed) != 0;
        row.credential = take_varint(reader_);
        row.cid = copy(take_prefixed(reader_));
        session.sealed = copy(take_prefixed(reader_));
        row.path = take_path(reader_);
        row.lease_end = take_varint(reader_);
        row.right_edge = take_varint(reader_);
        row.window = reader_.u64();
        row.established = take_time();
        row.last_seen = take_time();
        take_use(row);
        before_.session = row.id;
        return session;
    }
    SessionClose close() {
        before_.session = reader_.u64();
        return {before_.session};
    }
    SessionMark mark() {
        SessionMark mark;
        mark.session = reader_.u64();
        const auto flags = reader_.u8();
        mark.confirmed = (flags & kIsConfirmed) != 0;
        mark.right_edge = take_varint(reader_);
        mark.window = ~take_varint(reader_);
        mark.lease_end = take_varint(reader_);
        if ((flags & kSameLocal) == 0) before_.local = take_address(reader_);
        if (!before_.local) reader_.skip(reader_.remaining() + 1);  // the same as none: not ours
        mark.path.local = before_.local.value_or(Address{});
        mark.path.remote = take_address(reader_);
        mark.last_seen = take_time();
        take_use(mark);
        before_.session = mark.session;
        return mark;
    }
    StoredReply reply() {
        StoredReply reply;
        const auto flags = reader_.u8();
        if ((flags & kOtherSession) != 0) before_.session = reader_.u64();
        reply.session = before_.session;
        reply.message_id = reader_.u16();
        reply.expires =
            WallTime(std::chrono::microseconds(add_wrapping(before_.time, take_signed_varint(reader_))));
        reply.reply = copy(take_prefixed(reader_));
        return reply;
    }
    SessionsEnd sessions_end() { return {take_varint(reader_)}; }
    DeviceEvent event() {
        DeviceEvent event;
        event.device = text_of(take_prefixed(reader_));
        event.at = take_time();
        event.body = copy(take_prefixed(reader_));
        return event;
    }

private:
    WallTime take_time() {
        before_.time = add_wrapping(before_.time, take_signed_varint(reader_));
        return WallTime(std::chrono::microseconds(before_.time));
    }
    template <class T>
    void take_use(T& out) {
        if (!with_traffic_) return;
        before_.heard += static_cast<std::uint64_t>(take_signed_varint(reader_));
        out.heard = before_.heard;
        out.traffic = take_traffic(reader_);
    }

    ByteReader& reader_;
    bool with_traffic_;
    Common before_;
};

}  // namespace

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

void put_traffic(Bytes& out, const Traffic& traffic) {
    put_varint(out, traffic.bytes_up);
    put_varint(out, traffic.bytes_down);
    put_varint(out, traffic.address_moves);
    put_varint(out, traffic.repeats);
}

Traffic take_traffic(ByteReader& reader) {
    Traffic traffic;
    traffic.bytes_up = saturated<std::uint32_t>(take_varint(reader));
    traffic.bytes_down = saturated<std::uint32_t>(take_varint(reader));
    traffic.address_moves = saturated<std::uint16_t>(take_varint(reader));
    traffic.repeats = saturated<std::uint16_t>(take_varint(reader));
    return traffic;
}

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
    out.push_back(kEffectsFormat);
    EffectWriter writer(out);
    for (const auto& effect : effects)
        std::visit(writer, effect);
    return out;
}

std::optional<std::vector<Effect>> decode_effects(ByteView bytes) {
    std::vector<Effect> effects;
    if (bytes.empty()) return effects;
    ByteReader reader(bytes);
    const auto format = reader.u8();
    if (format != kEffectsFormat && format != kEffectsFormatWithoutTraffic) return std::nullopt;
    EffectReader effect(reader, format == kEffectsFormat);
    while (reader.ok() && reader.remaining() != 0) {
        switch (reader.u8()) {
            case kOpenEffect:
                effects.emplace_back(effect.open());
                break;
            case kCloseEffect:
                effects.emplace_back(effect.close());
                break;
            case kMarkEffect:
                effects.emplace_back(effect.mark());
                break;
            case kReplyEffect:
                effects.emplace_back(effect.reply());
                break;
            case kSessionsEndEffect:
                effects.emplace_back(effect.sessions_end());
                break;
            case kEventEffect:
                effects.emplace_back(effect.event());
                break;
            default:
                return std::nullopt;
        }
    }
    if (!reader.finished()) return std::nullopt;
    return effects;
}

}  // namespace narrowgate::store
