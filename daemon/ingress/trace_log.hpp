// SPDX-License-Identifier: Apache-2.0
//
// The last handshakes of a shard that have ended, for `narrowgate diagnose device`. Those that succeeded and
// those that did not have places of their own, so that neither a site that comes back nor strangers wash away
// what the other left.
#pragma once

#include <cstddef>
#include <vector>

#include "narrowgate/dtls/handshake_trace.hpp"

namespace narrowgate::daemon {

// Thread: its shard's. Memory: at most 2 * kKept traces of about 700 bytes, with identities of at most 128.
// All of them have returned a cookie; nothing is written to disk.
class TraceLog {
public:
    static constexpr std::size_t kKept = 512;

    void add(const dtls::HandshakeTrace& trace);

    template <class Visit>
    void for_each(Visit visit) const {
        for (const Ring* ring : {&succeeded_, &failed_}) {
            for (const dtls::HandshakeTrace& trace : ring->traces)
                visit(trace);
        }
    }

private:
    struct Ring {
        std::vector<dtls::HandshakeTrace> traces;  // grows to kKept
        std::size_t next = 0;                      // the place of the next one, when all are taken

        void add(const dtls::HandshakeTrace& trace);
    };

    Ring succeeded_;
    Ring failed_;
};

}  // namespace narrowgate::daemon
