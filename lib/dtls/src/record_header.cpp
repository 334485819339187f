// SPDX-License-Identifier: Apache-2.0
#include "record_header.hpp"

namespace narrowgate::dtls {
namespace {

bool is_known(ContentType type) {
    switch (type) {
        case ContentType::kChangeCipherSpec:
        case ContentType::kAlert:
        case ContentType::kHandshake:
        case ContentType::kApplicationData:
        case ContentType::kTls12Cid:
            return true;
    }
    return false;
}

}  // namespace

std::optional<RecordHeader> take_record(ByteView& rest, std::size_t cid_bytes) {
    ByteReader reader(rest);
    RecordHeader header;
    header.type = static_cast<ContentType>(reader.u8());
    header.version = reader.u16();
    header.epoch = reader.u16();
    header.sequence = reader.unsigned_integer(6);
    if (header.type == ContentType::kTls12Cid) header.cid = reader.take(cid_bytes);
    header.fragment = reader.take_prefixed(2);
    if (!reader.ok() || !is_known(header.type) || (header.version != kDtls12 && header.version != kDtls10)) {
        rest = {};
        return std::nullopt;
    }
    header.whole = rest.first(rest.size() - reader.remaining());
    rest = reader.rest();
    return header;
}

void append_header(Bytes& out, ContentType type, std::uint16_t version, std::uint16_t epoch,
                   std::uint64_t sequence, std::size_t fragment_bytes) {
    ByteWriter(out)
        .u8(static_cast<std::uint8_t>(type))
        .u16(version)
        .u16(epoch)
        .unsigned_integer(sequence, 6)
        .u16(static_cast<std::uint16_t>(fragment_bytes));
}

}  // namespace narrowgate::dtls
