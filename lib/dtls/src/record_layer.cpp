// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/record_layer.hpp"

#include <algorithm>
#include <cstring>

#include "record_header.hpp"
#include "record_protection.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::size_t kWindowBits = 64;

bool seen_before(const RecordState& state, std::uint64_t sequence) {
    if (state.window == 0 || sequence > state.right_edge) return false;
    const std::uint64_t age = state.right_edge - sequence;
    return age >= kWindowBits || ((state.window >> age) & 1) != 0;
}

// Returns whether `sequence` is a new right edge.
bool mark_seen(RecordState& state, std::uint64_t sequence) {
    if (state.window != 0 && sequence <= state.right_edge) {
        state.window |= std::uint64_t{1} << (state.right_edge - sequence);
        return false;
    }
    const std::uint64_t shift = sequence - state.right_edge;
    state.window = (shift < kWindowBits ? state.window << shift : 0) | 1;
    state.right_edge = sequence;
    return true;
}

}  // namespace

std::expected<OpenedRecord, RecordFault> open_record(RecordState& state, ByteView record,
                                                     MutableBytes scratch) {
    ByteView rest = record;
    const auto header = take_record(rest, state.own_cid.size);
    if (!header || !rest.empty() || header->version != kDtls12 || scratch.size() < record.size() ||
        (header->type == ContentType::kTls12Cid) == state.own_cid.empty() ||
        !std::ranges::equal(header->cid, state.own_cid.view())) {
        return std::unexpected(RecordFault::kMalformed);
    }
    const auto text_bytes = text_bytes_of(state.suite, header->fragment.size());
    if (!text_bytes) return std::unexpected(RecordFault::kMalformed);
    if (header->epoch != kProtectedEpoch) return std::unexpected(RecordFault::kWrongEpoch);
    if (seen_before(state, header->sequence)) return std::unexpected(RecordFault::kReplayed);
    if (!open_fragment(state.suite, state.read_key, state.read_iv, *header, scratch)) {
        return std::unexpected(RecordFault::kBadMac);
    }
    // Authentic: its number is spent even if nothing is found inside.
    const bool newer = mark_seen(state, header->sequence);

    auto type = header->type;
    ByteView payload = scratch.first(*text_bytes);
    if (type == ContentType::kTls12Cid) {  // RFC 9146 section 4: content, its type, then zeros of any number
        while (!payload.empty() && payload.back() == 0)
            payload = payload.first(payload.size() - 1);
        if (payload.empty()) return std::unexpected(RecordFault::kEmptyInner);
        type = static_cast<ContentType>(payload.back());
        payload = payload.first(payload.size() - 1);
    }
    return OpenedRecord{type, payload, header->sequence, newer};
}

std::expected<std::size_t, SealFault> seal_record(RecordState& state, ContentType content_type,
                                                  ByteView payload, MutableBytes out) {
    const std::size_t total = payload.size() + record_expansion(state);
    if (total > out.size() || total > std::size_t{UINT16_MAX}) return std::unexpected(SealFault::kDoesNotFit);
    if (state.next_sequence >= std::min(state.lease_end, kSequenceEnd)) {
        return std::unexpected(SealFault::kLeaseExhausted);
    }
    const std::uint64_t number = std::uint64_t{kProtectedEpoch} << 48 | state.next_sequence++;
    const ByteView cid = state.peer_cid.view();
    const auto outer_type = cid.empty() ? content_type : ContentType::kTls12Cid;

    const std::size_t header_bytes = kPlainHeaderBytes + cid.size();
    const auto fragment = out.first(total).subspan(header_bytes);
    const auto text = fragment.subspan(kExplicitNonceBytes);
    if (!payload.empty()) std::memmove(text.data(), payload.data(), payload.size());
    if (!cid.empty()) text[payload.size()] = static_cast<std::uint8_t>(content_type);

    std::size_t at = 0;
    const auto put = [&](std::uint64_t value, std::size_t width) {
        while (width-- > 0)
            out[at++] = static_cast<std::uint8_t>(value >> (8 * width));
    };
    put(static_cast<std::uint8_t>(outer_type), 1);
    put(kDtls12, 2);
    put(number, 8);
    for (const auto byte : cid)
        put(byte, 1);
    put(fragment.size(), 2);
    seal_fragment(state.suite, state.write_key, state.write_iv, outer_type, number, cid, fragment);
    return total;
}

std::size_t record_expansion(const RecordState& state) {
    return kPlainHeaderBytes + (state.peer_cid.empty() ? 0 : state.peer_cid.size + std::size_t{1}) +
           kExplicitNonceBytes + tag_bytes(state.suite);
}

}  // namespace narrowgate::dtls
