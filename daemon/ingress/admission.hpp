// SPDX-License-Identifier: Apache-2.0
//
// Who may begin a handshake. Established sessions are never asked: after a site comes back, nodes get in at
// the pace that the gateway can bear, while those with a session go on as ever.
//
// Three bounds, each O(1): a rate for all, which falls while the shard is behind; rooms of the pool for each
// source; and a falling rate for sources whose handshakes fail. Whether an identity exists plays no part: a
// failure is a failure. Sources have shown a cookie, so none of this can be brought on somebody else.
#pragma once

#include <cstdint>
#include <functional>

#include "daemon/ingress/source_table.hpp"
#include "narrowgate/base/token_bucket.hpp"
#include "narrowgate/dtls/handshake_trace.hpp"

namespace narrowgate::daemon {

// Of one shard.
struct AdmissionLimits {
    // A handshake takes about 0.1 to 0.16 ms of CPU, so the default is less than a tenth of a core.
    double handshakes_per_second = 500;
    std::size_t handshake_burst = 500;
    // Half of the pool: a carrier's NAT shows thousands of nodes as one address, but others must get in too.
    std::size_t max_handshakes_per_address = 512;
    std::size_t max_handshakes = 1024;  // the pool's: dtls::Options

    // Commits that wait, from which on readings are refused too: three quarters of the store's queue.
    std::size_t overloaded_at = 12'288;

    // The share of one of `shards` threads.
    AdmissionLimits divided_by(std::size_t shards) const;
};

// Handshakes of one penalised source that failed.
struct Offence {
    Address address;         // the last of them
    std::uint32_t failures;  // in `interval`
    seconds interval;
    WallTime at;
};

// Thread: its shard's.
class Admission {
public:
    // A source that nothing good is known of may have so many handshakes at one time, and two more for each
    // success: a NAT that nodes return through opens within a few round trips, an attacker holds a sixteenth
    // of the pool at most.
    static constexpr std::size_t kFirstRooms = 64;
    static constexpr float kRoomsForSuccess = 2;
    // A penalised source may begin one handshake in this time, twice that every kExcessToHalve failures,
    // down to one a second: so slow that it costs nothing, and still nobody is shut out.
    static constexpr milliseconds kFirstInterval{62};
    static constexpr milliseconds kLongestInterval{1000};
    static constexpr float kExcessToHalve = 8;
    // Of offences, for one source.
    static constexpr seconds kReportInterval{10};

    // `report` (or nothing) is told of sources that are penalised.
    Admission(const AdmissionLimits& limits, std::uint64_t seed, std::function<void(const Offence&)> report);

    // Whether a handshake may begin there now. When true, it has begun: on_handshake_ended() must follow.
    bool admits(const Path& path, Now now);
    void on_handshake_ended(const dtls::HandshakeTrace& trace, Now now);
    // How far the shard is behind, 0 to 1: at 1 a tenth of the rate is left.
    void set_load(double load) { load_ = load; }

    std::size_t penalised(Now now) const { return sources_.penalised(now.steady); }
    std::size_t in_progress() const { return in_progress_; }

private:
    std::size_t rooms_for(const Source* source) const;
    void report(Source& source, const Address& address, Now now);

    const AdmissionLimits limits_;
    const std::function<void(const Offence&)> report_;
    SourceTable sources_;
    std::size_t in_progress_ = 0;
    double load_ = 0;
    TokenBucket tokens_;
};

}  // namespace narrowgate::daemon
