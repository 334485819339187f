// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/shard_map.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "narrowgate/dtls/record_layer.hpp"
#include "record_header.hpp"

namespace narrowgate::dtls {

ShardMap::ShardMap(std::uint8_t shards, ByteView key) : shards_(shards), hash_(key) {
    if (shards == 0 || shards > kMaxShards) std::abort();
}

std::uint8_t ShardMap::owner_of(ByteView datagram, const Path& path) const {
    if (shards_ == 1) return 0;
    for (ByteView rest = datagram; rest.size() > kCidOffset;) {
        if (rest[0] == static_cast<std::uint8_t>(ContentType::kTls12Cid))
            return owner_of_cid(rest[kCidOffset]);
        if (rest.size() < kPlainHeaderBytes) break;
        // The last two bytes of the header.
        const std::size_t length =
            std::size_t{rest[kPlainHeaderBytes - 2]} << 8 | rest[kPlainHeaderBytes - 1];
        rest = rest.subspan(std::min(rest.size(), kPlainHeaderBytes + length));
    }
    return owner_of_path(path);
}

std::uint8_t ShardMap::owner_of_session(ByteView cid, const Path& path) const {
    return cid.empty() ? owner_of_path(path) : owner_of_cid(cid[0]);
}

std::uint8_t ShardMap::owner_of_cid(std::uint8_t first_byte) const {
    return static_cast<std::uint8_t>((first_byte & 0x0f) % shards_);
}

std::uint8_t ShardMap::owner_of_path(const Path& path) const {
    if (shards_ == 1) return 0;
    std::array<std::uint8_t, 2 * (16 + 2 + 4)> message{};
    std::size_t at = 0;
    const auto put = [&](std::uint32_t value, std::size_t width) {
        while (width-- > 0)
            message[at++] = static_cast<std::uint8_t>(value >> (8 * width));
    };
    for (const Address& end : {path.local, path.remote}) {
        std::ranges::copy(end.ip, message.begin() + static_cast<std::ptrdiff_t>(at));
        at += end.ip.size();
        put(end.port, 2);
        put(end.scope, 4);
    }
    return static_cast<std::uint8_t>(hash_(message) % shards_);
}

}  // namespace narrowgate::dtls
