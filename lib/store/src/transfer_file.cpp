// SPDX-License-Identifier: Apache-2.0
#include "transfer_file.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "effects.hpp"
#include "narrowgate/base/crypto.hpp"
#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint32_t kMagic = 0x4e475358;  // "NGSX"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kFramePrefixBytes = 1 + 4;  // whether it is the last, and its length
constexpr std::uint8_t kSessionConfirmed = 1;

Secret file_key(const Secret& transfer_key, const TransferHeader& header) {
    return crypto::hkdf_sha256(transfer_key.view(), header.salt, bytes_of("narrowgate sessions file"),
                               crypto::kAes256KeyBytes);
}

// A key is used for one file alone, so that the frame's number is nonce enough.
Bytes frame_nonce(std::uint32_t number) {
    Bytes nonce;
    ByteWriter(nonce).u64(0).u32(number);
    return nonce;
}

Bytes frame_binding(ByteView header, std::uint32_t number, ByteView prefix) {
    Bytes bound(header.begin(), header.end());
    ByteWriter(bound).u32(number).append(prefix);
    return bound;
}

void put_time(Bytes& out, WallTime time) {
    put_signed_varint(out, time.time_since_epoch().count());
}

WallTime take_time(ByteReader& reader) {
    return WallTime(std::chrono::microseconds(take_signed_varint(reader)));
}

Bytes take_bytes(ByteReader& reader) {
    const auto bytes = take_prefixed(reader);
    return {bytes.begin(), bytes.end()};
}

void put_session(Bytes& out, const MovedSession& session) {
    const auto& row = session.row;
    ByteWriter(out).u64(row.id).u8(row.confirmed ? kSessionConfirmed : 0);
    put_prefixed(out, bytes_of(session.identity));
    put_prefixed(out, row.cid);
    put_prefixed(out, row.secret.view());
    put_path(out, row.path);
    put_varint(out, row.lease_end);
    put_varint(out, row.right_edge);
    ByteWriter(out).u64(row.window);
    put_time(out, row.established);
    put_time(out, row.last_seen);
    put_varint(out, session.silence);
    put_traffic(out, row.traffic);
    put_varint(out, session.replies.size());
    for (const auto& reply : session.replies) {
        ByteWriter(out).u16(reply.message_id);
        put_time(out, reply.expires);
        put_prefixed(out, reply.reply);
    }
}

MovedSession take_session(ByteReader& reader) {
    MovedSession session;
    auto& row = session.row;
    row.id = reader.u64();
    row.confirmed = (reader.u8() & kSessionConfirmed) != 0;
    session.identity = text_of(take_prefixed(reader));
    row.cid = take_bytes(reader);
    row.secret = Secret(take_prefixed(reader));
    row.path = take_path(reader);
    row.lease_end = take_varint(reader);
    row.right_edge = take_varint(reader);
    row.window = reader.u64();
    row.established = take_time(reader);
    row.last_seen = take_time(reader);
    session.silence = take_varint(reader);
    row.traffic = take_traffic(reader);
    for (auto count = take_varint(reader); reader.ok() && count != 0; --count) {
        StoredReply reply{.session = row.id,
                          .message_id = reader.u16(),
                          .expires = take_time(reader),
                          .reply = take_bytes(reader)};
        session.replies.push_back(std::move(reply));
    }
    return session;
}

bool is_session_within_bounds(const MovedSession& session) {
    return session.row.cid.size() <= kMaxCidBytes && session.row.secret.size() <= kMaxSessionSecret &&
           std::ranges::all_of(session.replies,
                               [](const auto& reply) { return reply.reply.size() <= kMaxReplyBytes; });
}

std::unexpected<Error> damaged(const char* how) {
    return failure(std::string("the file of sessions ") + how,
                   "copy it again from the gateway that exported them; if it was lost there too, "
                   "`narrowgate sessions export --again` writes it anew");
}

}  // namespace

Bytes encode_header(const TransferHeader& header) {
    Bytes out;
    ByteWriter(out)
        .u32(kMagic)
        .u16(kVersion)
        .append(header.id.bytes)
        .append(header.source.bytes)
        .append(header.destination.bytes)
        .u64(header.generation)
        .u64(static_cast<std::uint64_t>(header.made.time_since_epoch().count()))
        .append(header.salt);
    return out;
}

std::optional<TransferHeader> decode_header(ByteView bytes, std::uint16_t& version) {
    version = 0;
    ByteReader reader(bytes);
    if (reader.u32() != kMagic) return std::nullopt;
    version = reader.u16();
    if (version != kVersion) return std::nullopt;
    TransferHeader header;
    for (auto* uuid : {&header.id, &header.source, &header.destination}) {
        const auto field = reader.take(uuid->bytes.size());
        if (reader.ok()) std::ranges::copy(field, uuid->bytes.begin());
    }
    header.generation = reader.u64();
    header.made = WallTime(std::chrono::microseconds(static_cast<std::int64_t>(reader.u64())));
    const auto salt = reader.take(header.salt.size());
    if (!reader.finished()) return std::nullopt;
    std::ranges::copy(salt, header.salt.begin());
    return header;
}

FrameSealer::FrameSealer(const TransferHeader& header, const Secret& transfer_key)
    : header_(encode_header(header)), key_(file_key(transfer_key, header)) {
    plain_.reserve(kMaxFrameBytes);
}

void FrameSealer::add(const MovedSession& session) {
    put_session(plain_, session);
    ++waiting_;
}

Bytes FrameSealer::finish(bool last) {
    Bytes frame;
    ByteWriter(frame).u8(last ? 1 : 0).u32(static_cast<std::uint32_t>(plain_.size() + crypto::kGcmTagBytes));
    const auto sealed = crypto::aes256_gcm_seal(key_.view(), frame_nonce(number_),
                                                frame_binding(header_, number_, frame), plain_);
    frame.insert(frame.end(), sealed.begin(), sealed.end());
    wipe(plain_);
    plain_.clear();
    waiting_ = 0;
    ++number_;
    return frame;
}

FrameOpener::FrameOpener(std::istream& in, const TransferHeader& header, const Secret& transfer_key)
    : in_(in), header_(encode_header(header)), key_(file_key(transfer_key, header)) {}

Expected<std::optional<std::vector<MovedSession>>> FrameOpener::next() {
    const auto read = [&](Bytes& out) {
        in_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
        return in_.gcount() == static_cast<std::streamsize>(out.size());
    };
    if (last_) {
        if (in_.peek() != std::istream::traits_type::eof()) return damaged("goes on behind its end");
        return std::nullopt;
    }
    Bytes prefix(kFramePrefixBytes);
    if (!read(prefix)) return damaged("is cut short");
    ByteReader fields(prefix);
    const bool last = fields.u8() != 0;
    const std::size_t size = fields.u32();
    if (size > kMaxFrameBytes) return damaged("is damaged");
    Bytes sealed(size);
    if (!read(sealed)) return damaged("is cut short");
    const auto plain = crypto::aes256_gcm_open(key_.view(), frame_nonce(number_),
                                               frame_binding(header_, number_, prefix), sealed);
    if (!plain && number_ == 0) {
        return failure("the file of sessions does not open: another transfer key, or a damaged file",
                       "give the key file that the export was made with, and copy the file again");
    }
    if (!plain) return damaged("is damaged");
    ++number_;
    last_ = last;
    std::vector<MovedSession> sessions;
    ByteReader reader(plain->view());
    while (reader.ok() && reader.remaining() != 0)
        sessions.push_back(take_session(reader));
    if (!reader.finished() || !std::ranges::all_of(sessions, is_session_within_bounds))
        return damaged("is damaged");
    return sessions;
}

}  // namespace narrowgate::store
