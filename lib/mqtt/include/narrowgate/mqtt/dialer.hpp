// SPDX-License-Identifier: Apache-2.0
//
// The way to one broker: name look-up, address racing and TCP, under our control instead of the MQTT
// library's, which looks names up under a lock that all its clients share (one that hangs stalls them all).
//
// A dial ends in a *tunnel*: an open TCP connection to the broker, offered to this process as an HTTP CONNECT
// proxy (RFC 9110 section 9.3.6) on a loopback port. The MQTT library speaks TLS through it end to end: SNI
// and verification stay with it, and nothing of the tunnel can read more than record headers and what a
// handshake shows in the clear. Those make the trace, with what the library's TLS shows of the handshake.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/mqtt/options.hpp"
#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

struct DialerOptions {
    // A resolver that has not answered by then will not.
    milliseconds resolve_timeout{10'000};
    // Five SYNs (1, 3, 7, 15 s apart) on a link that loses most of them.
    milliseconds connect_timeout{30'000};
    // Head start of an address over the next (RFC 8305 section 5).
    milliseconds attempt_delay{250};
    // Unacknowledged data older than this ends the connection (TCP_USER_TIMEOUT, RFC 5482).
    milliseconds user_timeout{60'000};
};

// Where the library finds an open tunnel. The password is fresh for each dial and good for one connection:
// no other process of this machine gets through.
struct Tunnel {
    std::uint16_t port = 0;  // on 127.0.0.1
    std::string user;
    std::string password;

    // "https://user:password@127.0.0.1:port", the form paho takes.
    std::string proxy_url() const;
};

// One dialer a connection; it has a thread of its own, and another for each look-up, which is left behind if
// it hangs (at most one: a dial that finds it still hanging waits for that one).
// Thread: any; calls are handed to its thread.
class Dialer {
public:
    using Done = std::function<void(Expected<Tunnel>)>;

    // Opens the loopback port. `name` is the upstream's, for messages.
    static Expected<std::unique_ptr<Dialer>> open(std::string name, const DialerOptions& options);
    // Takes 100 ms at most, whatever the resolver does. No callback runs afterwards.
    ~Dialer();
    Dialer(const Dialer&) = delete;
    Dialer& operator=(const Dialer&) = delete;

    // Starts over: an earlier dial is given up without a word and its tunnel closed. `done` is called once,
    // on the dialer's thread, and must not wait. The tunnel stands until the library or the broker closes it,
    // the next dial, or close(); not taken up within 5 s it is closed.
    // `limit` is for name and TCP together, where the limits of the options do not end them before.
    void dial(Endpoint endpoint, milliseconds limit, Done done);
    void close();

    // A copy of the present attempt's trace, or the last one's.
    ConnectionTrace trace() const;
    // Adds what someone else saw of the present attempt (the library, about TLS) to the trace. The step's
    // time is filled in.
    void note(TraceStep step);

private:
    class Loop;
    explicit Dialer(std::unique_ptr<Loop> loop);
    std::unique_ptr<Loop> loop_;
};

}  // namespace narrowgate::mqtt
