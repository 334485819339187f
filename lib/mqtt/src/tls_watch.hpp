// SPDX-License-Identifier: Apache-2.0
//
// What happens inside the MQTT library's TLS: handshake messages that are encrypted on the wire, the broker's
// certificates, what came of their verification, alerts. The library shows none of it (its error handler for
// TLS is broken in this version: a pointer into a dead copy of the options), so its OpenSSL is asked.
#pragma once

#include <cstdint>

#include "trace_log.hpp"

namespace narrowgate::mqtt {

// Sees every TLS connection of this process through the tunnel at `port`, one after another; only looks on,
// and decides nothing: verification stays with the library.
//
// Thread: any. Sights come in the library's threads and with its locks held; nothing of the library is
// called.
class TlsWatch {
public:
    // `trace` outlives this.
    TlsWatch(std::uint16_t port, TraceLog& trace);
    ~TlsWatch();
    TlsWatch(const TlsWatch&) = delete;
    TlsWatch& operator=(const TlsWatch&) = delete;

    // Another attempt begins.
    void begin();

private:
    const std::uint16_t port_;
};

}  // namespace narrowgate::mqtt
