// SPDX-License-Identifier: Apache-2.0
//
// A node's side of DTLS 1.2 with a pre-shared key, on mbedTLS alone: handshake and records. It shares no
// code with the gateway's `dtls` room, which makes it an independent peer of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim {

struct DtlsOptions {
    std::string identity;                          // 1 to 128 bytes (RFC 4279 section 5.3)
    Bytes psk;                                     // 1 to 64 bytes
    std::vector<std::uint16_t> suites = {0xc0a8};  // IANA numbers; PSK_WITH_AES_128_CCM_8
    bool connection_id = true;                     // offer RFC 9146
    Bytes own_cid;                                 // what the gateway is to write; empty is usual
    std::size_t max_fragment = 0;                  // 512, 1024, 2048 or 0: not asked for (RFC 6066)
    bool extended_master_secret = true;
    bool pack_datagrams = true;  // records of a flight in one datagram where they fit
    std::size_t mtu = 512;       // bytes of UDP payload that a datagram may have
    // First and longest wait before a flight is sent again (RFC 7925 section 11).
    milliseconds handshake_timeout_min{9'000};
    milliseconds handshake_timeout_max{60'000};
};

// Sans-I/O: datagrams and time in, datagrams and the next deadline out. Thread: its owner's.
class DtlsSession {
public:
    enum class State : std::uint8_t { kIdle, kHandshaking, kEstablished, kClosed, kFailed };

    explicit DtlsSession(const DtlsOptions& options);
    ~DtlsSession();
    DtlsSession(DtlsSession&&) noexcept;
    DtlsSession& operator=(DtlsSession&&) = delete;

    // Begins a new handshake; an older session on this side is forgotten.
    void connect(Now now);
    // Takes one datagram from the gateway. Returns the application data of its records, in order.
    std::vector<Bytes> receive(ByteView datagram, Now now);
    void advance(Now now);
    std::optional<SteadyTime> next_deadline() const;

    // Seals one record. `application_data` must fit one datagram; false when no session is established.
    bool send(ByteView application_data, Now now);
    // Queues close_notify; the session is closed, as by the gateway's.
    void close(Now now);

    // The next datagram to put on the air, in order; nothing when all are taken.
    std::optional<Bytes> next_datagram();

    State state() const;
    // Whether the gateway gave us a connection ID.
    bool has_connection_id() const;
    // What mbedTLS said when the state became kFailed, in words and by its number ("" and 0 before).
    std::string failure() const;
    int error() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate::sim
