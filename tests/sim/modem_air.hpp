// SPDX-License-Identifier: Apache-2.0
//
// What lies between a module and the internet, in virtual time: the way through the air and the carrier's
// NAT (nat.hpp), for datagrams to any address.
#pragma once

#include <cstdint>
#include <optional>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "sim/modem_options.hpp"
#include "sim/nat.hpp"

namespace narrowgate::sim {

// Thread: its owner's.
class ModemAir {
public:
    static constexpr std::uint16_t kOutsidePorts = 64;

    struct Passage {
        bool up;
        std::uint16_t port;  // up: outside, a small number; down: of the module's socket
        bool opens_mapping;  // up: the outside port is a new one
        Address remote;      // up: for whom; down: from whom
        Bytes datagram;
    };

    ModemAir(const ModemNetwork& network, std::uint64_t seed);

    void send(std::uint16_t port, const Address& to, ByteView datagram, SteadyTime now);
    void arrive(std::uint16_t outside_port, const Address& from, ByteView datagram, SteadyTime now);
    std::optional<Passage> take(SteadyTime now);
    std::optional<SteadyTime> deadline() const { return nat_.next_deadline(); }

    // A socket is closed: its mapping goes, and with it what comes for it.
    void forget(std::uint16_t port, SteadyTime now);
    // All mappings are forgotten: what goes up leaves from other ports.
    void rebind(SteadyTime now) { nat_.rebind_all(now); }

    std::uint64_t mappings() const { return nat_.counts().mappings; }  // made
    std::uint64_t rebound() const { return nat_.counts().rebound - closed_mappings_; }
    std::uint64_t timed_out() const { return nat_.counts().timed_out; }
    LinkCounts link_counts(Direction direction) const { return nat_.link_counts(direction); }

private:
    Nat nat_;
    std::uint64_t closed_mappings_ = 0;
};

}  // namespace narrowgate::sim
