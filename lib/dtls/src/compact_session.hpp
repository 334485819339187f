// SPDX-License-Identifier: Apache-2.0
//
// A session in memory. Most of a million of them sleep, so its size is planned, in bytes:
//
//   id                        8     session_table.hpp adds, for each:
//   receive window            8       three indexes (id; CID or path; credential)  28.3 to 30.9
//   keys, both ways          32       expiry wheel                                  4
//   implicit nonces           8
//   own CID                   8     so a sleeping session costs 168 to 171 bytes. What only some need is in
//   remote IP and port       18     SessionExtras, beside: a peer's CID, a limited fragment, all of an
//   local address, interned   2     unconfirmed session, a path that does not fit here.
//   heard, in seconds         4
//   order                     4
//   traffic                  12
//   credential                6
//   numbers: next, lease end,
//     right edge, path's     24
//   suite, sizes, flags       2
//                           ---
//                           136
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/options.hpp"
#include "narrowgate/dtls/record_state.hpp"
#include "narrowgate/dtls/session_record.hpp"
#include "session.hpp"

namespace narrowgate::dtls {

// An unsigned number of 48 bits, as record numbers are, without alignment. What is above becomes the highest.
class Uint48 {
public:
    static constexpr std::uint64_t kMax = (std::uint64_t{1} << 48) - 1;

    Uint48(std::uint64_t value = 0) {
        value = std::min(value, kMax);
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            bytes_[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    operator std::uint64_t() const {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            value |= std::uint64_t{bytes_[i]} << (8 * i);
        return value;
    }

private:
    std::array<std::uint8_t, 6> bytes_;
};

// A point of the steady clock in whole seconds, never early. Good for 68 years on either side of its zero.
class HeardAt {
public:
    HeardAt() = default;
    explicit HeardAt(SteadyTime time)
        : seconds_(static_cast<std::uint32_t>(std::chrono::ceil<seconds>(time.time_since_epoch()).count() +
                                              kZero)) {}

    SteadyTime time() const { return SteadyTime(seconds(std::int64_t{seconds_} - kZero)); }
    auto operator<=>(const HeardAt&) const = default;

private:
    static constexpr std::int64_t kZero = std::int64_t{1} << 31;

    std::uint32_t seconds_ = 0;
};

struct SessionExtras {
    ConnectionId<kMaxPeerCidBytes> peer_cid;
    std::uint16_t max_fragment = 0;  // see Session
    std::uint32_t confirming = 0;    // receipts under way of which the first to be committed confirms it
    std::unique_ptr<Unconfirmed> unconfirmed;
    std::unique_ptr<Path> path;  // instead of the session's

    bool empty() const {
        return peer_cid.empty() && max_fragment == 0 && confirming == 0 && !unconfirmed && !path;
    }
};

struct CompactSession {
    SessionId id = 0;  // 0: the slot is free
    std::uint64_t window = 0;
    WipedArray<kAes128KeyBytes> read_key;
    WipedArray<kAes128KeyBytes> write_key;
    WipedArray<kImplicitNonceBytes> read_iv;
    WipedArray<kImplicitNonceBytes> write_iv;
    std::array<std::uint8_t, kMaxCidBytes> cid{};
    std::array<std::uint8_t, 16> remote_ip{};
    HeardAt heard;
    std::uint32_t order = 0;
    Traffic traffic;
    Uint48 credential;
    Uint48 next_sequence;
    Uint48 lease_end;
    Uint48 right_edge;
    Uint48 path_sequence;
    std::uint16_t remote_port = 0;
    std::uint16_t local = 0;  // in SessionTable's list
    std::uint8_t cid_bytes : 4 = 0;
    std::uint8_t suite : 2 = 0;  // in SessionTable's list
    std::uint8_t confirmed : 1 = 0;
    std::uint8_t superseded : 1 = 0;  // the commit of another one ends it
    std::uint8_t durable : 1 = 0;
    std::uint8_t has_extras : 1 = 0;

    ByteView own_cid() const { return ByteView(cid).first(cid_bytes); }
    bool is_address_bound() const { return cid_bytes == 0; }
};
static_assert(sizeof(CompactSession) == 136);

}  // namespace narrowgate::dtls
