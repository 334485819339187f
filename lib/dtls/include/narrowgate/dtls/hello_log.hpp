// SPDX-License-Identifier: Apache-2.0
//
// The last addresses whose ClientHellos did not begin a handshake: what never got as far as that leaves no
// other trace, and is just what an operator asks about.
//
// Why this is no lasting cost of strangers (P5): all of its memory is taken when the endpoint is made, and
// never a byte more; a ClientHello costs one look into a set of four places, whoever sends it; a newcomer
// takes the place of whoever of these has been silent for longest. Nothing is written or logged, nothing is
// decided by it, and it says nothing to the network. What a flood can do is make it forget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/counters.hpp"
#include "narrowgate/dtls/offered_suites.hpp"

namespace narrowgate::dtls {

// The ClientHellos of one address since it last began a handshake, or was silent for HelloLog::kForgetAfter.
// Nothing in it is authenticated: whoever can forge a source address can write this.
struct SeenHellos {
    Address remote;
    bool used = false;
    SteadyTime first;
    SteadyTime last;
    Fate last_fate = Fate::kHelloVerify;
    std::uint32_t without_cookie = 0;  // answered by HelloVerifyRequest
    std::uint32_t wrong_cookie = 0;    // likewise, but they had one: of another address, or too old
    std::uint32_t fragmented = 0;
    std::uint32_t malformed = 0;
    std::uint32_t not_admitted = 0;    // with a good cookie, like the next
    std::uint32_t shed = 0;            // as many handshakes were in progress as may be
    std::uint16_t datagram_bytes = 0;  // of the last one
    std::uint32_t message_bytes = 0;   // of the last ClientHello, as its header claims: of all fragments
    std::uint32_t fragment_bytes = 0;  // of it that were in the datagram
    OfferedSuites offered{};           // of the last whole one

    std::uint32_t unanswered_cookies() const { return without_cookie + wrong_cookie; }
};

// What a ClientHello showed.
struct HelloNote {
    Fate fate = Fate::kHelloVerify;
    bool had_cookie = false;
    std::size_t datagram_bytes = 0;
    std::uint32_t message_bytes = 0;
    std::uint32_t fragment_bytes = 0;
    OfferedSuites offered{};
};

// Thread: its shard's. Memory: kPlaces of about 130 bytes.
class HelloLog {
public:
    static constexpr std::size_t kSets = 64;
    static constexpr std::size_t kWays = 4;
    static constexpr std::size_t kPlaces = kSets * kWays;
    // Longer than a node waits between two ClientHellos, and than a cookie lives.
    static constexpr std::chrono::minutes kForgetAfter{10};

    // `seed` keys the places, so that nobody can aim at another's.
    explicit HelloLog(std::uint64_t seed);

    void note(const Address& remote, const HelloNote& hello, SteadyTime now);
    // A handshake begins there: what came before belongs to it, and its place is free. Nothing: not seen.
    std::optional<SeenHellos> take(const Address& remote, SteadyTime now);

    template <class Visit>
    void for_each(Visit visit) const {
        for (const SeenHellos& seen : places_) {
            if (seen.used) visit(seen);
        }
    }

private:
    SeenHellos* set_of(const Address& remote);
    SeenHellos* find(const Address& remote);

    const std::uint64_t seed_;
    std::vector<SeenHellos> places_;  // kPlaces, always
};

}  // namespace narrowgate::dtls
