// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/admission.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace narrowgate::daemon {
namespace {

// Of the rate, while the shard is entirely behind.
constexpr double kLeastShare = 0.1;

}  // namespace

AdmissionLimits AdmissionLimits::divided_by(std::size_t shards) const {
    // Of the pool each shard has its own; a source's handshakes are spread over the shards by its ports.
    const auto part = [shards](std::size_t whole) { return std::max<std::size_t>(1, whole / shards); };
    AdmissionLimits limits = *this;
    limits.handshakes_per_second /= static_cast<double>(shards);
    limits.handshake_burst = part(handshake_burst);
    limits.overloaded_at = part(overloaded_at);
    return limits;
}

Admission::Admission(const AdmissionLimits& limits, std::uint64_t seed,
                     std::function<void(const Offence&)> report)
    : limits_(limits),
      report_(std::move(report)),
      sources_(seed),
      tokens_(limits.handshakes_per_second, static_cast<double>(limits.handshake_burst)) {}

bool Admission::admits(const Path& path, Now now) {
    const SourcePrefix prefix = prefix_of(path.remote);
    Source* source = sources_.find(prefix, now.steady);
    const std::size_t used = source == nullptr ? 0 : source->in_progress;
    const bool penalised = source != nullptr && SourceTable::excess(*source) > 0;
    if (penalised && now.steady < source->not_before) return false;
    if (used >= rooms_for(source)) return false;
    const double share = 1 - (1 - kLeastShare) * std::clamp(load_, 0.0, 1.0);
    if (!tokens_.take(now.steady, share)) return false;

    ++in_progress_;
    if (source == nullptr) source = sources_.obtain(prefix, now.steady);
    if (source == nullptr) return true;  // its place is taken by handshakes: bounded by the pool and the rate
    ++source->in_progress;
    if (penalised) {
        const float halvings = SourceTable::excess(*source) / kExcessToHalve;
        const auto interval =
            std::chrono::duration<float, std::milli>(kFirstInterval) * std::exp2(std::min(halvings, 16.0F));
        source->not_before = now.steady + std::min(std::chrono::duration_cast<milliseconds>(interval),
                                                   milliseconds(kLongestInterval));
    }
    return true;
}

// Nobody may have more than is left free. So one source can fill half of the pool, two a third each, and
// there is always room for one more.
std::size_t Admission::rooms_for(const Source* source) const {
    const std::size_t free =
        limits_.max_handshakes > in_progress_ ? limits_.max_handshakes - in_progress_ : 0;
    const float successes = source == nullptr ? 0 : source->successes;
    const auto earned = kFirstRooms + static_cast<std::size_t>(kRoomsForSuccess * successes);
    return std::min({limits_.max_handshakes_per_address, free, earned});
}

void Admission::on_handshake_ended(const dtls::HandshakeTrace& trace, Now now) {
    if (in_progress_ > 0) --in_progress_;
    Source* const source = sources_.find(prefix_of(trace.path.remote), now.steady);
    if (source == nullptr) return;
    if (source->in_progress > 0) --source->in_progress;
    switch (trace.outcome) {
        case dtls::HandshakeOutcome::kEstablished:
            source->successes += 1;
            return;
        case dtls::HandshakeOutcome::kRevoked:
            return;  // our doing
        case dtls::HandshakeOutcome::kTimedOut:
        case dtls::HandshakeOutcome::kRefused:
        case dtls::HandshakeOutcome::kDisplaced:  // else an attacker would displace its own
            break;
    }
    source->failures += 1;
    report(*source, trace.path.remote, now);
}

void Admission::report(Source& source, const Address& address, Now now) {
    if (!report_) return;
    if (source.unreported++ == 0) source.unreported_since = now.steady;
    if (SourceTable::excess(source) <= 0 || now.steady - source.unreported_since < kReportInterval) return;
    const auto interval = std::chrono::ceil<seconds>(now.steady - source.unreported_since);
    report_({address, std::exchange(source.unreported, 0), interval, now.wall});
}

}  // namespace narrowgate::daemon
