// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_air.hpp"

#include <algorithm>

namespace narrowgate::sim {
namespace {

// The NAT's engine knows one gateway; here the datagrams say themselves whom they are for or from, in
// front, as packets do.
constexpr std::size_t kPacketHeaderBytes = 16 + 2;

Bytes packet(const Address& remote, ByteView datagram) {
    Bytes bytes;
    bytes.reserve(kPacketHeaderBytes + datagram.size());
    ByteWriter(bytes).append(remote.ip).u16(remote.port).append(datagram);
    return bytes;
}

// One module is behind this NAT: its sockets differ by their ports.
Address inside(std::uint16_t port) {
    Address address;
    address.port = port;
    return address;
}

NatOptions nat_options(const ModemNetwork& network) {
    NatOptions options;
    options.link = network.link;
    options.link.max_bytes += kPacketHeaderBytes;
    options.timeout = network.nat_timeout;
    options.rebind_every = network.rebind_every;
    options.ports = ModemAir::kOutsidePorts;
    options.reuse = 0;
    options.foreign_ports = 0;
    return options;
}

}  // namespace

ModemAir::ModemAir(const ModemNetwork& network, std::uint64_t seed) : nat_(nat_options(network), seed) {}

void ModemAir::send(std::uint16_t port, const Address& to, ByteView datagram, SteadyTime now) {
    nat_.from_inside(inside(port), packet(to, datagram), now);
}

void ModemAir::forget(std::uint16_t port, SteadyTime now) {
    if (!nat_.port_of(inside(port))) return;
    ++closed_mappings_;
    nat_.rebind(inside(port), now);
}

void ModemAir::arrive(std::uint16_t outside_port, const Address& from, ByteView datagram, SteadyTime now) {
    nat_.from_outside(outside_port, Address{}, packet(from, datagram), now);
}

std::optional<ModemAir::Passage> ModemAir::take(SteadyTime now) {
    const auto passage = nat_.take(now);
    if (!passage) return std::nullopt;
    ByteReader reader(passage->datagram);
    Address remote;
    const ByteView ip = reader.take(remote.ip.size());
    std::ranges::copy(ip, remote.ip.begin());
    remote.port = reader.u16();
    const bool up = passage->kind == Nat::Passage::Kind::kUp;
    return Passage{up, up ? passage->port : passage->inside.port, passage->opens_mapping, remote,
                   Bytes(reader.rest().begin(), reader.rest().end())};
}

}  // namespace narrowgate::sim
