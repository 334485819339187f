// SPDX-License-Identifier: Apache-2.0
#include "sim/nat.hpp"

#include <algorithm>

namespace narrowgate::sim {
namespace {

// Where the epoch of a datagram's first record is (RFC 6347 section 4.1).
constexpr std::size_t kEpochOffset = 3;

bool is_protected(ByteView datagram) {
    return datagram.size() > kEpochOffset + 1 &&
           (datagram[kEpochOffset] != 0 || datagram[kEpochOffset + 1] != 0);
}

}  // namespace

struct Nat::Inside {
    Inside(const Address& its_address, const LinkOptions& options, std::size_t its_index, std::uint64_t seed)
        : address(its_address), index(its_index), link(options, seed) {}

    const Address address;
    const std::size_t index;
    Link link;
    std::optional<std::uint16_t> port;
    std::optional<std::uint16_t> port_to_avoid;  // of the mapping it just lost
    SteadyTime last_uplink;
    std::optional<SteadyTime> next_rebind;
    std::optional<SteadyTime> deadline;  // its place in due_
};

Nat::Nat(const NatOptions& options, std::uint64_t seed)
    : options_(options), random_(seed), ports_(options.ports), foreign_(options.foreign_ports) {
    for (std::uint16_t port = 0; port < options_.ports; ++port)
        free_.push_back(port);
}

Nat::~Nat() = default;

Nat::Inside& Nat::insert(const Address& address, const LinkOptions& link) {
    const auto [place, fresh] = index_.try_emplace(address, insides_.size());
    if (fresh) insides_.push_back(std::make_unique<Inside>(address, link, insides_.size(), random_()));
    return *insides_[place->second];
}

Nat::Inside& Nat::inside_of(const Address& address) {
    return insert(address, options_.link);
}

void Nat::attach(const Address& inside, const LinkOptions& link) {
    insert(inside, link);
}

milliseconds Nat::between(milliseconds least, milliseconds most) {
    return milliseconds(
        std::uniform_int_distribution<milliseconds::rep>(least.count(), most.count())(random_));
}

void Nat::draw_rebinding(Inside& inside, SteadyTime now) {
    if (!options_.rebind_every) return;
    const double mean = static_cast<double>(options_.rebind_every->count());
    const double wait = std::exponential_distribution(1 / mean)(random_);
    inside.next_rebind = now + milliseconds(static_cast<milliseconds::rep>(wait) + 1);
}

void Nat::schedule(Inside& inside) {
    if (inside.deadline) due_.erase({*inside.deadline, inside.index});
    inside.deadline = inside.link.next_arrival();
    const auto consider = [&](SteadyTime at) {
        inside.deadline = inside.deadline ? std::min(*inside.deadline, at) : at;
    };
    if (inside.port && options_.timeout > milliseconds(0)) consider(inside.last_uplink + options_.timeout);
    if (inside.port && inside.next_rebind) consider(*inside.next_rebind);
    if (inside.deadline) due_.emplace(*inside.deadline, inside.index);
}

void Nat::unmap(Inside& inside, SteadyTime now) {
    Port& port = ports_[*inside.port];
    port.mapped = false;
    port.freed = now;
    free_.push_back(*inside.port);
    inside.port_to_avoid = std::exchange(inside.port, std::nullopt);
    inside.next_rebind.reset();
}

bool Nat::map(Inside& inside, SteadyTime now) {
    const auto suits = [&](std::uint16_t number) {
        const Port& port = ports_[number];
        const bool anothers = port.holder && *port.holder != inside.address;
        return number != inside.port_to_avoid && (!anothers || now - port.freed >= options_.rest);
    };
    auto chosen = free_.end();
    if (happens(options_.reuse)) {
        const auto last = std::find_if(free_.rbegin(), free_.rend(), [&](std::uint16_t number) {
            return ports_[number].holder && suits(number);
        });
        if (last != free_.rend()) chosen = std::next(last).base();
    }
    if (chosen == free_.end()) chosen = std::ranges::find_if(free_, suits);
    if (chosen == free_.end()) return false;
    Port& port = ports_[*chosen];
    if (port.holder && *port.holder != inside.address) ++counts_.reused;
    port.holder = inside.address;
    port.mapped = true;
    inside.port = *chosen;
    free_.erase(chosen);
    ++counts_.mappings;
    draw_rebinding(inside, now);
    return true;
}

void Nat::from_inside(const Address& inside, ByteView datagram, SteadyTime now) {
    Inside& node = inside_of(inside);
    node.link.send(Direction::kUp, datagram, now);
    schedule(node);
}

void Nat::from_outside(std::uint16_t port, const Address& remote, ByteView datagram, SteadyTime now) {
    if (remote != options_.gateway) {
        ++counts_.filtered;
    } else if (port >= options_.ports) {
        if (!is_protected(datagram)) return;
        ForeignPort& foreign = foreign_.at(port - options_.ports);
        ++(foreign.answered ? counts_.replays_answered_again : counts_.replays_answered);
        foreign.answered = true;
    } else if (!ports_[port].mapped) {
        ++counts_.unroutable;
    } else {
        Inside& node = inside_of(*ports_[port].holder);
        node.link.send(Direction::kDown, datagram, now);
        schedule(node);
    }
}

// One step of one inside: what has come up or down its link, else what its mapping has come to.
std::optional<Nat::Passage> Nat::pass(Inside& inside, SteadyTime now) {
    if (inside.port && options_.timeout > milliseconds(0) && now - inside.last_uplink >= options_.timeout) {
        ++counts_.timed_out;
        unmap(inside, now);
    }
    if (inside.port && inside.next_rebind && now >= *inside.next_rebind) {
        ++counts_.rebound;
        unmap(inside, now);
    }
    if (auto datagram = inside.link.take(Direction::kDown, now)) {
        return Passage{Passage::Kind::kDown, inside.address, 0, false, std::move(*datagram)};
    }
    if (auto datagram = inside.link.take(Direction::kUp, now)) {
        const bool fresh = !inside.port;
        if (fresh && !map(inside, now)) {
            ++counts_.no_port;
            return std::nullopt;
        }
        inside.last_uplink = now;
        capture(inside, *datagram, now);
        return Passage{Passage::Kind::kUp, inside.address, *inside.port, fresh, std::move(*datagram)};
    }
    return std::nullopt;
}

void Nat::capture(const Inside& inside, ByteView datagram, SteadyTime now) {
    if (!happens(options_.replay) || foreign_.empty()) return;
    // A port of the attacker's serves one captured datagram at a time, so that answers can be told apart.
    ForeignPort& foreign = foreign_[next_foreign_];
    if (now < foreign.free_from) return;
    foreign = {.holder = inside.address,
               .free_from = now + options_.replay_after_max + options_.foreign_rest};
    ++counts_.captured;
    const auto captured = std::make_shared<const Capture>(
        Capture{inside.address, *inside.port, static_cast<std::uint16_t>(options_.ports + next_foreign_),
                Bytes(datagram.begin(), datagram.end())});
    next_foreign_ = static_cast<std::uint16_t>((next_foreign_ + 1u) % foreign_.size());
    for (unsigned copy = 0; copy < options_.replay_copies; ++copy) {
        const SteadyTime at = now + between(options_.replay_after_min, options_.replay_after_max);
        copies_.emplace(at, Copy(captured, happens(options_.spoofed)));
    }
}

Nat::Passage Nat::replay() {
    const auto [captured, spoofed] = copies_.extract(copies_.begin()).mapped();
    ++(spoofed ? counts_.spoofed : counts_.replayed);
    return {Passage::Kind::kReplay, captured->inside, spoofed ? captured->port : captured->foreign_port,
            false, captured->datagram};
}

std::optional<Nat::Passage> Nat::take(SteadyTime now) {
    while (!due_.empty() && due_.begin()->first <= now) {
        Inside& inside = *insides_[due_.begin()->second];
        auto passage = pass(inside, now);
        schedule(inside);
        if (passage) return passage;
    }
    if (!copies_.empty() && copies_.begin()->first <= now) return replay();
    return std::nullopt;
}

std::optional<SteadyTime> Nat::next_deadline() const {
    std::optional<SteadyTime> next;
    if (!due_.empty()) next = due_.begin()->first;
    if (!copies_.empty()) next = next ? std::min(*next, copies_.begin()->first) : copies_.begin()->first;
    return next;
}

void Nat::rebind(const Address& inside, SteadyTime now) {
    Inside& node = inside_of(inside);
    if (!node.port) return;
    ++counts_.rebound;
    unmap(node, now);
    schedule(node);
}

void Nat::rebind_all(SteadyTime now) {
    for (const auto& inside : insides_)
        rebind(inside->address, now);
}

std::optional<std::uint16_t> Nat::port_of(const Address& inside) const {
    const auto found = index_.find(inside);
    return found == index_.end() ? std::nullopt : insides_[found->second]->port;
}

std::optional<Address> Nat::holder_of(std::uint16_t port) const {
    return port < options_.ports ? ports_[port].holder : foreign_.at(port - options_.ports).holder;
}

LinkCounts Nat::link_counts(Direction direction) const {
    LinkCounts sum;
    for (const auto& inside : insides_)
        sum += inside->link.counts(direction);
    return sum;
}

}  // namespace narrowgate::sim
