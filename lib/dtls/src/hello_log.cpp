// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/hello_log.hpp"

#include <algorithm>
#include <limits>

namespace narrowgate::dtls {
namespace {

void count(SeenHellos& seen, const HelloNote& hello) {
    switch (hello.fate) {
        case Fate::kHelloVerify:
            ++(hello.had_cookie ? seen.wrong_cookie : seen.without_cookie);
            return;
        case Fate::kFragmentedHello:
            ++seen.fragmented;
            return;
        case Fate::kHandshakeNotAdmitted:
            ++seen.not_admitted;
            return;
        case Fate::kHandshakeShed:
            ++seen.shed;
            return;
        default:
            ++seen.malformed;
            return;
    }
}

}  // namespace

HelloLog::HelloLog(std::uint64_t seed) : seed_(seed), places_(kPlaces) {}

SeenHellos* HelloLog::set_of(const Address& remote) {
    return &places_[hash_of(Path{{}, remote}, seed_) % kSets * kWays];
}

SeenHellos* HelloLog::find(const Address& remote) {
    SeenHellos* const set = set_of(remote);
    SeenHellos* const found = std::find_if(
        set, set + kWays, [&](const SeenHellos& seen) { return seen.used && seen.remote == remote; });
    return found == set + kWays ? nullptr : found;
}

void HelloLog::note(const Address& remote, const HelloNote& hello, SteadyTime now) {
    SeenHellos* seen = find(remote);
    const bool known = seen != nullptr && now - seen->last <= kForgetAfter;
    if (seen == nullptr) {
        SeenHellos* const set = set_of(remote);
        seen = std::min_element(set, set + kWays, [](const SeenHellos& a, const SeenHellos& b) {
            return a.used != b.used ? b.used : a.last < b.last;
        });
    }
    if (!known) *seen = SeenHellos{.remote = remote, .used = true, .first = now, .last = now};
    seen->last = now;
    seen->last_fate = hello.fate;
    seen->datagram_bytes = static_cast<std::uint16_t>(
        std::min<std::size_t>(hello.datagram_bytes, std::numeric_limits<std::uint16_t>::max()));
    seen->message_bytes = hello.message_bytes;
    seen->fragment_bytes = hello.fragment_bytes;
    if (hello.offered.offered > 0) seen->offered = hello.offered;
    count(*seen, hello);
}

std::optional<SeenHellos> HelloLog::take(const Address& remote, SteadyTime now) {
    SeenHellos* const seen = find(remote);
    if (seen == nullptr) return std::nullopt;
    const SeenHellos taken = *seen;
    *seen = SeenHellos();
    if (now - taken.last > kForgetAfter) return std::nullopt;
    return taken;
}

}  // namespace narrowgate::dtls
