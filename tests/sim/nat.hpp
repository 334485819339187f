// SPDX-License-Identifier: Apache-2.0
//
// A carrier's NAT with nodes behind it, in virtual time. Between each node and the NAT is a Link; behind the
// NAT, where every datagram can be seen, sits an attacker who sends some of them again.
//
//   node = "inside" ---- Link ---- [ mapping: inside <-> port ] ---- gateway
//                                              attacker --------------^
//
// One mapping a node, to one gateway: what others send to its port is filtered (RFC 4787 section 5, address
// and port-dependent). Ports are small numbers; who runs the engine gives them sockets or addresses.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "sim/link.hpp"

namespace narrowgate::sim {

struct NatOptions {
    Address gateway;
    LinkOptions link;  // of every inside that attach() has given no other

    // Mappings. An uplink keeps its mapping; a downlink does not (RFC 4787 section 4.3).
    milliseconds timeout{0};                   // of a mapping without uplinks; 0: never
    std::optional<milliseconds> rebind_every;  // mean time between the rebindings of one node; none: never
    std::uint16_t ports = 1'024;               // the NAT has ports 0 to `ports` - 1
    milliseconds rest{0};                      // how long a port is free before another node may have it
    double reuse = 0.5;  // probability that a new mapping gets the port that was freed last, not first

    // The attacker.
    double replay = 0;                      // probability that an uplink is captured
    unsigned replay_copies = 3;             // how often it is then sent again
    milliseconds replay_after_min{100};     // each copy so long after the capture, evenly drawn
    milliseconds replay_after_max{20'000};  //
    double spoofed = 0.3;                   // fraction of the copies that come from the original's own port
    std::uint16_t foreign_ports = 256;      // of the attacker: `ports` and up, one a captured datagram
    milliseconds foreign_rest{10'000};      // how long answers to the last copy are waited for
};

struct NatCounts {
    std::uint64_t mappings = 0;  // made
    std::uint64_t timed_out = 0;
    std::uint64_t rebound = 0;
    std::uint64_t reused = 0;      // mappings made on a port that was another node's
    std::uint64_t no_port = 0;     // uplinks lost because every port was taken or at rest
    std::uint64_t unroutable = 0;  // downlinks to a port that nobody has
    std::uint64_t filtered = 0;    // datagrams to a port from somebody else than the gateway
    std::uint64_t captured = 0;    // uplinks that the attacker took a copy of
    std::uint64_t replayed = 0;    // copies sent from the attacker's own ports
    std::uint64_t spoofed = 0;     // copies sent from the original's port
    // Captured uplinks whose copies got a protected answer (epoch 1). A record that the gateway lost in a
    // crash may be answered when the attacker delivers it late: once. Twice is a replay that was accepted.
    std::uint64_t replays_answered = 0;
    std::uint64_t replays_answered_again = 0;
};

// Thread: its owner's.
class Nat {
public:
    // What comes out of the engine.
    struct Passage {
        enum class Kind : std::uint8_t { kUp, kReplay, kDown };
        Kind kind;
        Address inside;              // kUp, kReplay: whose datagram it is or was; kDown: for whom
        std::uint16_t port = 0;      // kUp, kReplay: where it leaves from
        bool opens_mapping = false;  // kUp: the first datagram of `inside` from this port
        Bytes datagram;
    };

    Nat(const NatOptions& options, std::uint64_t seed);
    ~Nat();

    // Gives an inside a link of its own. Others get one at their first datagram.
    void attach(const Address& inside, const LinkOptions& link);

    // A datagram from a node, at the near end of its link.
    void from_inside(const Address& inside, ByteView datagram, SteadyTime now);
    // A datagram that came to `port` from `remote`.
    void from_outside(std::uint16_t port, const Address& remote, ByteView datagram, SteadyTime now);

    // The next datagram that has come through by `now`; nothing when none has.
    std::optional<Passage> take(SteadyTime now);
    std::optional<SteadyTime> next_deadline() const;

    // The NAT forgets one node, or all: their next uplinks come from other ports.
    void rebind(const Address& inside, SteadyTime now);
    void rebind_all(SteadyTime now);

    // The port of an inside's mapping. The inside that has `port` or had it last; of the attacker's ports,
    // the one whose datagram is sent again from there.
    std::optional<std::uint16_t> port_of(const Address& inside) const;
    std::optional<Address> holder_of(std::uint16_t port) const;

    const NatCounts& counts() const { return counts_; }
    LinkCounts link_counts(Direction direction) const;

private:
    struct Inside;
    struct Port {
        std::optional<Address> holder;  // the last one, also when the port is free
        bool mapped = false;
        SteadyTime freed = SteadyTime::min();
    };
    struct Capture {
        Address inside;
        std::uint16_t port;          // that the original left from
        std::uint16_t foreign_port;  // that its copies leave from
        Bytes datagram;
    };
    struct ForeignPort {
        std::optional<Address> holder;  // of the original
        SteadyTime free_from = SteadyTime::min();
        bool answered = false;
    };
    using Copy = std::pair<std::shared_ptr<const Capture>, bool /* spoofed */>;

    Inside& inside_of(const Address& address);
    Inside& insert(const Address& address, const LinkOptions& link);
    void draw_rebinding(Inside& inside, SteadyTime now);
    void schedule(Inside& inside);
    void unmap(Inside& inside, SteadyTime now);
    bool map(Inside& inside, SteadyTime now);
    std::optional<Passage> pass(Inside& inside, SteadyTime now);
    void capture(const Inside& inside, ByteView datagram, SteadyTime now);
    Passage replay();
    bool happens(double probability) { return std::bernoulli_distribution(probability)(random_); }
    milliseconds between(milliseconds least, milliseconds most);

    const NatOptions options_;
    std::mt19937_64 random_;
    std::map<Address, std::size_t> index_;
    std::vector<std::unique_ptr<Inside>> insides_;
    std::set<std::pair<SteadyTime, std::size_t>> due_;  // one place an inside, none without a deadline
    std::vector<Port> ports_;
    std::deque<std::uint16_t> free_;  // in the order they were freed
    std::vector<ForeignPort> foreign_;
    std::uint16_t next_foreign_ = 0;
    std::multimap<SteadyTime, Copy> copies_;
    NatCounts counts_;
};

}  // namespace narrowgate::sim
