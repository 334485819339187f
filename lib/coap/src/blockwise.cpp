// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/blockwise.hpp"

#include <algorithm>

#include "narrowgate/base/crypto.hpp"
#include "narrowgate/coap/codec.hpp"

namespace narrowgate::coap {
namespace {

constexpr std::size_t kMaxBlockOptionBytes = 3;  // RFC 7959 section 2.2

}  // namespace

std::optional<BlockOption> BlockOption::of(ByteView option_value) {
    if (option_value.size() > kMaxBlockOptionBytes) return std::nullopt;
    const std::uint32_t value = *uint_of(option_value);
    const auto szx = static_cast<std::uint8_t>(value & 7);
    if (szx > kMaxSzx) return std::nullopt;
    return BlockOption{.number = value >> 4, .more = (value & 8) != 0, .szx = szx};
}

std::size_t max_response_payload(std::size_t max_application_bytes) {
    return max_application_bytes - std::min(max_application_bytes, kLongestResponseHeadBytes);
}

std::uint8_t largest_szx(std::size_t max_application_bytes) {
    const std::size_t room = max_response_payload(max_application_bytes);
    std::uint8_t szx = kMaxSzx;
    while (szx > 0 && BlockOption{.szx = szx}.block_bytes() > room)
        --szx;
    return szx;
}

std::expected<Slice, Code> slice(ByteView body, std::optional<BlockOption> asked,
                                 std::size_t max_application_bytes) {
    if (!asked && body.size() <= max_response_payload(max_application_bytes)) return Slice{.payload = body};

    const BlockOption wanted = asked.value_or(BlockOption{.szx = kMaxSzx});
    const std::size_t offset = wanted.offset();
    if (offset > 0 && offset >= body.size()) return std::unexpected(Code::kBadRequest);

    BlockOption block{.szx = std::min(wanted.szx, largest_szx(max_application_bytes))};
    // Sizes are powers of two: a smaller block begins wherever a larger one does.
    const std::size_t number = offset / block.block_bytes();
    if (number > kMaxBlockNumber) return std::unexpected(Code::kBadRequest);
    block.number = static_cast<std::uint32_t>(number);
    const auto rest = body.subspan(offset);
    const auto payload = rest.first(std::min(rest.size(), block.block_bytes()));
    block.more = payload.size() < rest.size();

    Slice piece{.payload = payload, .block2 = block};
    if (number == 0) piece.size2 = static_cast<std::uint32_t>(body.size());
    return piece;
}

ETag etag_of(ByteView body) {
    ETag etag{};
    std::ranges::copy_n(crypto::sha256(body).begin(), etag.size(), etag.begin());
    return etag;
}

}  // namespace narrowgate::coap
