// SPDX-License-Identifier: Apache-2.0
//
// From a ClientHello to a session that waits for its commit.
#include <utility>

#include "endpoint_impl.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/dtls/shard_map.hpp"
#include "session_secret.hpp"

namespace narrowgate::dtls {
namespace {

// Without CIDs a NAT that gives one node's port to another puts both on one path. More than a few are stale.
constexpr std::size_t kMaxSessionsOnPath = 4;

milliseconds since_start(const HandshakeTrace& trace, Now now) {
    return std::chrono::duration_cast<milliseconds>(now.steady - trace.started);
}

}  // namespace

Fate Endpoint::Impl::on_client_hello(const RecordHeader& record, const Path& path, std::size_t datagram_bytes,
                                     Now now) {
    const auto hello = read_client_hello(record);
    if (!hello) return turn_away(hello.error(), record, nullptr, path, datagram_bytes, now);
    if (!cookies_.is_good(hello->cookie, path.remote, now.steady)) {
        listener_.send(path, hello_verify_request(*hello, cookies_.make(path.remote, now.steady)));
        return turn_away(Fate::kHelloVerify, record, &*hello, path, datagram_bytes, now);
    }
    Handshake* const current = handshakes_.find(path);
    if (current != nullptr) {
        if (current->began_with(*hello)) return give_plain(*current, record, datagram_bytes, now);
        if (now.steady - current->trace().last_progress < options_.displace_after)
            return Fate::kHandshakeBusy;
    } else if (handshakes_.full()) {
        return turn_away(Fate::kHandshakeShed, record, &*hello, path, datagram_bytes, now);
    }
    if (!listener_.admits_handshake(path, now))
        return turn_away(Fate::kHandshakeNotAdmitted, record, &*hello, path, datagram_bytes, now);
    if (current != nullptr) fail(*current, HandshakeOutcome::kDisplaced, now);

    const auto cid = new_cid();
    auto& handshake =
        handshakes_.add(std::make_unique<Handshake>(handshake_config_, path, *hello, cid.view(), now));
    auto& trace = handshake.trace();
    trace.datagrams_in = 1;
    trace.bytes_in = trace.largest_in = static_cast<std::uint32_t>(datagram_bytes);
    trace.trail.came(FlightPart::kClientHello, datagram_, datagram_bytes, milliseconds(0));
    if (const auto before = hellos_.take(path.remote, now.steady)) {
        trace.hellos_before = before->unanswered_cookies();
        trace.put_off = before->not_admitted + before->shed;
        trace.first_hello = before->first;
    }
    go_on(handshake, handshake.begin(record, now), now);
    return Fate::kHandshakeStarted;
}

Fate Endpoint::Impl::turn_away(Fate fate, const RecordHeader& record, const ClientHello* hello,
                               const Path& path, std::size_t datagram_bytes, Now now) {
    HelloNote note{.fate = fate, .datagram_bytes = datagram_bytes};
    if (const auto header = read_handshake_header(record.fragment)) {
        note.message_bytes = header->length;
        note.fragment_bytes = header->fragment_length;
    }
    if (hello != nullptr) {
        note.had_cookie = !hello->cookie.empty();
        note.offered = OfferedSuites::read(hello->suites);
    }
    hellos_.note(path.remote, note, now.steady);
    return fate;
}

Fate Endpoint::Impl::give_plain(Handshake& handshake, const RecordHeader& record, std::size_t datagram_bytes,
                                Now now) {
    HandshakeTrace& trace = handshake.trace();
    trace.trail.came(part_of(record), datagram_, datagram_bytes, since_start(trace, now));
    // Its level and what it says (RFC 5246 section 7.2).
    if (record.type == ContentType::kAlert && record.fragment.size() == 2) trace.alert = record.fragment[1];
    Fate fate = Fate::kStrayPlaintext;
    const auto progress = handshake.accept_plain(record, now, fate);
    go_on(handshake, progress, now);
    return fate;
}

Fate Endpoint::Impl::give_protected(Handshake& handshake, const RecordHeader& record,
                                    std::size_t datagram_bytes, Fate otherwise, Now now) {
    HandshakeTrace& trace = handshake.trace();
    trace.trail.came(FlightPart::kFinished, datagram_, datagram_bytes, since_start(trace, now));
    Fate fate = otherwise;
    const auto progress = handshake.accept_protected(record, now, fate);
    if (fate == Fate::kUnfittingFinished) trace.trail.was_unfitting();
    go_on(handshake, progress, now);
    return fate;
}

void Endpoint::Impl::for_each_handshake(const std::function<void(const HandshakeTrace&)>& visit) const {
    (void)handshakes_.find_if([&](const Handshake& handshake) {
        visit(handshake.trace());
        return false;
    });
}

// CIDs of handshakes and of sessions are one space: a client protects its Finished with one already.
ConnectionId<kMaxCidBytes> Endpoint::Impl::new_cid() {
    ConnectionId<kMaxCidBytes> cid;
    cid.size = static_cast<std::uint8_t>(options_.cid_bytes);
    do {
        crypto::fill_random(MutableBytes(cid.bytes).first(cid.size));
        // Of the nibbles shard, shard + shards, ... up to 15.
        const unsigned choices = (kMaxShards - 1u - options_.shard) / options_.shards + 1u;
        const auto drawn = static_cast<unsigned>(crypto::random_u64() % choices);
        const unsigned nibble = options_.shard + options_.shards * drawn;
        cid.bytes[0] = static_cast<std::uint8_t>(options_.node << 4 | nibble);
    } while (sessions_.any_with(cid.view(), [](CompactSession&) { return true; }) ||
             handshakes_.find_cid(cid.view()) != nullptr);
    return cid;
}

SessionId Endpoint::Impl::new_session_id() const {
    SessionId id;
    do {
        id = crypto::random_u64();
    } while (id == 0 || sessions_.find(id) != nullptr);
    return id;
}

void Endpoint::Impl::go_on(Handshake& handshake, Handshake::Progress progress, Now now) {
    if (progress == Handshake::Progress::kEstablished) return establish(handshake, now);
    handshakes_.reschedule(handshake);
    for (const Bytes& datagram : handshake.take_output())
        listener_.send(handshake.path(), datagram);
    if (progress == Handshake::Progress::kFailed) fail(handshake, handshake.trace().outcome, now);
}

void Endpoint::Impl::fail(Handshake& handshake, HandshakeOutcome outcome, Now now) {
    const auto taken = handshakes_.take(handshake);
    auto& trace = taken->trace();
    trace.outcome = outcome;
    trace.ended = now.steady;
    counters_.flights_retransmitted += trace.retransmissions;
    ++counters_.handshakes_failed;
    listener_.on_handshake_ended(trace);
}

void Endpoint::Impl::establish(Handshake& handshake, Now now) {
    const auto taken = handshakes_.take(handshake);
    auto& trace = taken->trace();
    trace.ended = now.steady;
    counters_.flights_retransmitted += trace.retransmissions;
    ++counters_.handshakes_completed;
    Agreement agreement = taken->take_agreement();
    trace.suite = agreement.records.suite;
    if (shelf_ != nullptr) {
        pull(agreement.credential, now);
        if (agreement.records.own_cid.empty()) pull(taken->path(), now);
    }
    if (agreement.records.own_cid.empty()) make_room_on(taken->path());

    Session session;
    session.order = order_.next();
    session.id = new_session_id();
    session.credential = agreement.credential;
    session.records = agreement.records;
    session.records.lease_end = session.records.next_sequence + options_.lease_block;
    session.path = taken->path();
    session.path_sequence = session.records.right_edge;
    session.heard = now.steady;
    session.max_fragment = static_cast<std::uint16_t>(agreement.max_fragment);
    session.unconfirmed = std::make_unique<Unconfirmed>();
    session.unconfirmed->finished = agreement.finished;
    session.unconfirmed->next_plain_sequence = agreement.next_plain_sequence;
    session.unconfirmed->held_flight = std::move(agreement.last_flight);
    if (CompactSession* former = unconfirmed_of(session.credential)) {
        former->superseded = 1;
        session.unconfirmed->supersedes = former->id;
    }

    SessionRecord record;
    record.id = session.id;
    record.credential = session.credential;
    const ByteView cid = session.records.own_cid.view();
    record.cid.assign(cid.begin(), cid.end());
    record.secret = encode_secret(session);
    record.path = session.path;
    record.lease_end = session.records.lease_end;
    record.right_edge = session.records.right_edge;
    record.window = session.records.window;
    record.established = record.last_seen = now.wall;
    record.order = session.order;
    const auto supersedes = session.unconfirmed->supersedes;

    const CompactSession& placed = sessions_.insert(std::move(session), SessionTable::Slot::kAny);
    expiry_.schedule(sessions_.slot_of(placed), now.steady + options_.session_lifetime, now.steady);
    listener_.on_handshake_ended(trace);
    listener_.on_established(record, supersedes);
}

void Endpoint::Impl::make_room_on(const Path& path) {
    std::size_t count = 0;
    CompactSession* longest_silent = nullptr;
    sessions_.any_at(path, [&](CompactSession& session) {
        ++count;
        if (longest_silent == nullptr || session.heard < longest_silent->heard) longest_silent = &session;
        return false;
    });
    if (count >= kMaxSessionsOnPath) end(*longest_silent, EndReason::kDisplaced);
}

// Of several whose commits are under way each supersedes the one before it, so that the last one is left.
CompactSession* Endpoint::Impl::unconfirmed_of(CredentialId credential) {
    CompactSession* found = nullptr;
    sessions_.any_of(credential, [&](CompactSession& session) {
        if (!session.confirmed && confirming(session) == 0 && !session.superseded) found = &session;
        return found != nullptr;
    });
    return found;
}

}  // namespace narrowgate::dtls
