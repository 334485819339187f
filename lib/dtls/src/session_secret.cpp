// SPDX-License-Identifier: Apache-2.0
#include "session_secret.hpp"

#include <algorithm>

namespace narrowgate::dtls {
namespace {

constexpr std::uint8_t kVersion = 1;

void read_into(ByteReader& reader, MutableBytes out) {
    const ByteView bytes = reader.take(out.size());
    if (bytes.size() == out.size()) std::ranges::copy(bytes, out.begin());
}

bool is_known(CipherSuite suite) {
    return suite == CipherSuite::kPskAes128Ccm8 || suite == CipherSuite::kPskAes128Ccm ||
           suite == CipherSuite::kPskAes128GcmSha256;
}

}  // namespace

Secret encode_secret(const Session& session) {
    const RecordState& records = session.records;
    Bytes bytes;
    bytes.reserve(128);  // all of it: growing would leave copies of keys behind
    ByteWriter(bytes)
        .u8(kVersion)
        .u16(static_cast<std::uint16_t>(records.suite))
        .append(records.read_key)
        .append(records.write_key)
        .append(records.read_iv)
        .append(records.write_iv)
        .u16(session.max_fragment)
        .append_prefixed(records.peer_cid.view(), 1)
        .append(session.unconfirmed->finished)
        .unsigned_integer(session.unconfirmed->next_plain_sequence, 6);
    return Secret(std::move(bytes));
}

bool decode_secret(const Secret& secret, Session& session) {
    RecordState& records = session.records;
    ByteReader reader(secret.view());
    if (reader.u8() != kVersion) return false;
    records.suite = static_cast<CipherSuite>(reader.u16());
    read_into(reader, records.read_key);
    read_into(reader, records.write_key);
    read_into(reader, records.read_iv);
    read_into(reader, records.write_iv);
    session.max_fragment = reader.u16();
    const ByteView peer_cid = reader.take_prefixed(1);
    records.peer_cid.assign(peer_cid);
    session.unconfirmed = std::make_unique<Unconfirmed>();
    read_into(reader, session.unconfirmed->finished);
    session.unconfirmed->next_plain_sequence = reader.unsigned_integer(6);
    return reader.finished() && is_known(records.suite) && peer_cid.size() <= kMaxPeerCidBytes;
}

}  // namespace narrowgate::dtls
