// SPDX-License-Identifier: Apache-2.0
#include "sim/nonce_audit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::sim {
namespace {

// RFC 6347 section 4.1, RFC 5246 section 6.2.1, RFC 9146 section 4.
constexpr std::uint8_t kChangeCipherSpec = 20;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kTls12Cid = 25;
constexpr std::size_t kEpochAndSequenceBytes = 8;
constexpr unsigned kSequenceBits = 48;

// RFC 5246 section 7.4, RFC 6347 section 4.2.2.
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kServerHello = 2;
constexpr std::size_t kVersionBytes = 2;

constexpr std::size_t kExplicitNonceBytes = 8;

std::uint64_t first_eight(ByteView bytes) {
    return ByteReader(bytes).u64();
}

// The random of a hello, when the record begins with one that is not a later fragment.
template <typename Random>
bool read_random(ByteView body, std::uint8_t hello, Random& random) {
    ByteReader reader(body);
    const std::uint8_t type = reader.u8();
    reader.skip(3 + 2);
    const bool first_fragment = reader.unsigned_integer(3) == 0;
    reader.skip(3 + kVersionBytes);
    const ByteView bytes = reader.take(random.size());
    if (!reader.ok() || type != hello || !first_fragment) return false;
    std::ranges::copy(bytes, random.begin());
    return true;
}

}  // namespace

struct NonceAudit::Record {
    std::uint8_t type;
    std::uint64_t number;  // epoch and sequence
    ByteView cid;
    ByteView body;
    ByteView whole;

    bool is_protected() const { return number >> kSequenceBits != 0; }
};

std::size_t NonceAudit::UseHash::operator()(const Use& use) const {
    std::uint64_t hash = use.number * 0x9e3779b97f4a7c15U;
    hash ^=
        (std::uint64_t{use.session} << 1 | static_cast<std::uint64_t>(use.direction)) * 0xff51afd7ed558ccdU;
    return static_cast<std::size_t>(hash ^ hash >> 29);
}

std::vector<NonceAudit::Record> NonceAudit::records(ByteView datagram, std::size_t cid_bytes) {
    std::vector<Record> found;
    ByteReader reader(datagram);
    while (reader.remaining() > 0) {
        const ByteView from = reader.rest();
        Record record{};
        record.type = reader.u8();
        reader.skip(kVersionBytes);
        record.number = reader.unsigned_integer(kEpochAndSequenceBytes);
        if (record.type == kTls12Cid) record.cid = reader.take(cid_bytes);
        record.body = reader.take_prefixed(2);
        if (!reader.ok()) {
            ++counts_.unreadable;
            break;
        }
        record.whole = from.first(from.size() - reader.remaining());
        found.push_back(record);
    }
    return found;
}

std::uint32_t NonceAudit::number_of(const std::string& session, Direction direction) {
    const auto [place, fresh] = sessions_.try_emplace(session, static_cast<std::uint32_t>(sessions_.size()));
    if (fresh) ++(direction == Direction::kUp ? counts_.sessions_up : counts_.sessions_down);
    return place->second;
}

void NonceAudit::note(const std::string& session, const Use& use, const Seen& seen) {
    const auto [place, fresh] = seen_.try_emplace(use, seen);
    if (fresh) {
        ++(use.direction == Direction::kUp ? counts_.records_up : counts_.records_down);
    } else if (place->second.digest == seen.digest) {
        ++counts_.repetitions;
    } else {
        ++counts_.collisions;
        if (collisions_.size() < kMaxCollisions) {
            collisions_.push_back({session, use.direction, use.number, place->second.at, seen.at});
        }
    }
}

void NonceAudit::use(const std::string& session, Direction direction, const Record& record, WallTime at) {
    const std::uint32_t number = number_of(session, direction);
    const Seen seen{first_eight(crypto::sha256(record.whole)), at};
    note(session, {number, direction, record.number}, seen);
    if (record.body.size() < kExplicitNonceBytes) return;
    if (const std::uint64_t nonce = first_eight(record.body); nonce != record.number) {
        ++counts_.foreign_nonces;
        note(session, {number, direction, nonce}, seen);
    }
}

std::string NonceAudit::session_of(const Record& record, const Address& inside) {
    const Random& own = nodes_[inside].client;
    if (record.type != kTls12Cid) {
        return fmt::format("up, node {}, client random {}", inside.text(), to_hex(own));
    }
    const std::string cid = to_hex(record.cid);
    Random& last = randoms_[cid];
    if (own != Random{}) last = own;
    return fmt::format("up, CID {}, client random {}", cid, to_hex(last));
}

void NonceAudit::up(const Recorded& recorded) {
    for (const Record& record : records(recorded.datagram, options_.up_cid_bytes)) {
        if (!record.is_protected()) {
            ++counts_.plaintext;
            if (record.type == kHandshake) {
                (void)read_random(record.body, kClientHello, nodes_[recorded.inside].client);
            }
        } else {
            use(session_of(record, recorded.inside), Direction::kUp, record, recorded.at);
        }
    }
}

void NonceAudit::down(const Recorded& recorded) {
    const auto port = ports_.find(recorded.outside_port);
    const bool handed_over = port != ports_.end() && port->second.changed &&
                             recorded.at - *port->second.changed < options_.hand_over;
    const bool attributable = recorded.inside != Address{} && !handed_over;
    Node& node = nodes_[recorded.inside];
    for (const Record& record : records(recorded.datagram, options_.down_cid_bytes)) {
        if (!record.is_protected()) {
            ++counts_.plaintext;
            if (record.type == kHandshake) (void)read_random(record.body, kServerHello, node.offered);
            if (record.type == kChangeCipherSpec) node.down = node.offered;
        } else if (!attributable) {
            ++counts_.unattributable;
        } else {
            // Without a handshake seen, what the gateway sends to this node is one session.
            use(fmt::format("down, node {}, server random {}", recorded.inside.text(),
                            to_hex(node.down.value_or(Random{}))),
                Direction::kDown, record, recorded.at);
        }
    }
}

void NonceAudit::mapped(const Recorded& recorded) {
    const auto [place, fresh] = ports_.try_emplace(recorded.outside_port, Port{recorded.inside, {}});
    if (!fresh && place->second.inside != recorded.inside) place->second = {recorded.inside, recorded.at};
}

void NonceAudit::examine(const Recorded& recorded) {
    if (recorded.kind == Recorded::Kind::kMapped) return mapped(recorded);
    ++counts_.datagrams;
    if (recorded.kind == Recorded::Kind::kUp) up(recorded);
    if (recorded.kind == Recorded::Kind::kDown) down(recorded);
    if (recorded.kind == Recorded::Kind::kReplay) ++counts_.replays;
}

}  // namespace narrowgate::sim
