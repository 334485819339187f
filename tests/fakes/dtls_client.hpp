// SPDX-License-Identifier: Apache-2.0
//
// A node's DTLS 1.2 end for tests of the dtls room: the simulators' live mbedTLS client, with datagrams and
// what it received collected in between.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "sim/dtls_session.hpp"

namespace narrowgate::fakes {

struct DtlsClientOptions {
    Bytes identity = {'n', 'o', 'd', 'e'};
    Bytes psk = Bytes(16, 0x5a);
    bool offer_cid = true;
    Bytes own_cid;                                 // what the gateway is to write; empty is usual
    std::vector<std::uint16_t> suites = {0xc0a8};  // IANA numbers; PSK_WITH_AES_128_CCM_8
    std::size_t max_fragment = 0;                  // 512, 1024, 2048 or 0: not asked for
    bool extended_master_secret = true;
    bool pack_datagrams = true;  // records of a flight in one datagram where they fit
    std::size_t mtu = 512;       // bytes of UDP payload
    milliseconds timeout_min = seconds(9);
    milliseconds timeout_max = seconds(60);
};

// Thread: the test's.
class DtlsClient {
public:
    enum class State : std::uint8_t { kShakingHands, kEstablished, kClosed, kFailed };

    explicit DtlsClient(const DtlsClientOptions& options);

    // Sends the first ClientHello; afterwards begins a new handshake, with nothing kept of the old session.
    void start(SteadyTime now);
    void receive(ByteView datagram, SteadyTime now);
    std::optional<SteadyTime> deadline() const { return session_.next_deadline(); }
    void advance(SteadyTime now);

    // What is to be sent, in order; empties it.
    std::vector<Bytes> take_datagrams();

    // One record of application data, as a datagram that is not put among take_datagrams(). The client must
    // be established.
    Bytes seal(ByteView application_data, SteadyTime now);
    // The datagram with a close_notify; the client is closed then.
    Bytes close(SteadyTime now);
    // Application data opened since the last call.
    std::vector<Bytes> take_received() { return std::exchange(received_, {}); }

    State state() const;
    bool established() const { return state() == State::kEstablished; }
    // mbedTLS's code of the failure; 0 when there is none.
    int error() const { return session_.error(); }

private:
    void collect();

    sim::DtlsSession session_;
    std::vector<Bytes> datagrams_;
    std::vector<Bytes> received_;
};

}  // namespace narrowgate::fakes
