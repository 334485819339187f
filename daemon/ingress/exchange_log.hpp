// SPDX-License-Identifier: Apache-2.0
//
// The last messages of a shard's nodes and what became of each, for `narrowgate device show`: in memory
// alone, gone with the process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "daemon/devices/device_exchange.hpp"
#include "narrowgate/coap/uri_path.hpp"
#include "narrowgate/dtls/session_record.hpp"

namespace narrowgate::daemon {

// One, of a fixed size: what a request costs here is one copy of it. Fields as in DeviceExchange.
struct Exchange {
    static constexpr std::size_t kPathBytes = 28;

    SteadyTime arrived{};
    store::CredentialId credential = 0;
    std::uint32_t session = 0;  // the low half: message IDs of one session are not those of the next
    std::uint32_t took_microseconds = 0;  // at most 71 minutes
    std::uint16_t request_bytes = 0;
    std::uint16_t response_bytes = 0;
    std::uint16_t mid = 0;  // with `session` tells which message a duplicate repeats (RFC 7252 section 4.4)
    coap::Code method = coap::Code::kEmpty;
    coap::Code code = coap::Code::kEmpty;
    coap::MessageFate message = coap::MessageFate::kRequest;
    ExchangeEnd end = ExchangeEnd::kSettled;
    std::uint8_t path_bytes = 0;
    bool path_cut = false;
    std::array<char, kPathBytes> path{};  // "a/b" as it came, so far as it fits

    // What is known of a message when it has come in a datagram of so many bytes.
    static Exchange begun(const dtls::Receipt& receipt, ByteView message, coap::MessageFate fate,
                          std::size_t datagram_bytes, SteadyTime now);
    void set_path(const coap::UriPath& its_path);
    // The gateway is done with it, and has sent `answer` in a datagram of so many bytes; none: 0.
    void finish(ExchangeEnd its_end, SteadyTime now, ByteView answer, std::size_t datagram_bytes);
};
static_assert(sizeof(Exchange) == 64);

// Thread: its shard's. Memory: at most kKept exchanges of 64 bytes, 256 KiB, taken as they come.
class ExchangeLog {
public:
    static constexpr std::size_t kKept = 4096;

    void add(const Exchange& exchange);

    // The last `count` of these credentials, newest first. Duplicates are counted with what they repeat, and
    // stand for it when that is kept no more. Goes through all that is kept.
    std::vector<DeviceExchange> last_of(std::span<const store::CredentialId> credentials,
                                        std::size_t count) const;

private:
    std::deque<Exchange> exchanges_;  // grows to kKept, and never moves what it has
    std::size_t next_ = 0;            // the place of the next one, when all are taken
};

}  // namespace narrowgate::daemon
