// SPDX-License-Identifier: Apache-2.0
//
// The life of a session from its commit to its end.
#include <algorithm>
#include <limits>
#include <utility>

#include "endpoint_impl.hpp"

namespace narrowgate::dtls {
namespace {

// RFC 5246 section 7.2.
constexpr std::uint8_t kAlertWarning = 1;
constexpr std::uint8_t kAlertFatal = 2;
constexpr std::uint8_t kAlertCloseNotify = 0;
constexpr std::size_t kAlertBytes = 2;

template <class Count>
Count sum(Count count, std::size_t more) {
    constexpr std::size_t kMax = std::numeric_limits<Count>::max();
    return static_cast<Count>(std::min(kMax, count + std::min(kMax, more)));
}

Fate fate_of(RecordFault fault) {
    switch (fault) {
        case RecordFault::kMalformed:
            return Fate::kMalformed;
        case RecordFault::kWrongEpoch:
            return Fate::kWrongEpoch;
        case RecordFault::kReplayed:
            return Fate::kReplayed;
        case RecordFault::kBadMac:
            return Fate::kBadMac;
        case RecordFault::kEmptyInner:
            return Fate::kEmptyInner;
    }
    return Fate::kMalformed;
}

// P4: what else is authentic, a repeated Finished above all, may have been captured and held back.
bool can_move_address(Purpose purpose) {
    return purpose != Purpose::kRepeatedFlight;
}

}  // namespace

std::expected<Endpoint::Impl::Opened, Fate> Endpoint::Impl::open(CompactSession& session,
                                                                 const RecordHeader& record) {
    // The peer cannot know that the session exists before its commit; what comes now is its flight again.
    if (!session.durable) return std::unexpected(Fate::kAwaitingCommit);
    RecordState records = sessions_.records_of(session);
    const auto opened = open_record(records, record.whole, scratch_);
    session.right_edge = records.right_edge;
    session.window = records.window;
    if (!opened) return std::unexpected(fate_of(opened.error()));
    session.traffic.bytes_up = sum(session.traffic.bytes_up, record.whole.size());
    return Opened{&session, *opened};
}

Fate Endpoint::Impl::on_opened(const Opened& opened, const Path& path, Now now) {
    CompactSession& session = *opened.session;
    const OpenedRecord& record = opened.record;
    session.heard = HeardAt(now.steady);

    Purpose purpose;
    switch (record.content_type) {
        case ContentType::kApplicationData:
            purpose = Purpose::kApplicationData;
            break;
        case ContentType::kAlert:
            if (record.payload.size() != kAlertBytes) return Fate::kUnexpectedType;
            if (record.payload[1] == kAlertCloseNotify) {
                purpose = Purpose::kCloseNotify;
            } else if (record.payload[0] == kAlertFatal) {
                purpose = Purpose::kFatalAlert;
            } else {
                return Fate::kWarningAlert;
            }
            break;
        case ContentType::kHandshake: {
            if (session.confirmed || confirming(session) != 0) return Fate::kRepeatAfterConfirm;
            auto& answered = sessions_.extras_of(session)->unconfirmed->answered;
            if (answered && now.steady - *answered < options_.repeat_answer_interval)
                return Fate::kRepeatTooSoon;
            answered = now.steady;
            purpose = Purpose::kRepeatedFlight;
            break;
        }
        default:
            return Fate::kUnexpectedType;
    }
    const Receipt receipt = make_receipt(session, record, purpose, path, now);
    listener_.on_receipt(receipt, purpose == Purpose::kApplicationData ? record.payload : ByteView());
    return Fate::kReceipt;
}

Receipt Endpoint::Impl::make_receipt(CompactSession& session, const OpenedRecord& record, Purpose purpose,
                                     const Path& path, Now now) {
    Receipt receipt;
    receipt.session = session.id;
    receipt.credential = session.credential;
    receipt.path = path;
    receipt.newer = record.newer;
    receipt.sequence = record.sequence;
    receipt.purpose = purpose;
    receipt.right_edge = session.right_edge;
    receipt.window = session.window;
    // Grows with every number used, so that of receipts under way together none takes back what an earlier
    // one makes durable (P3).
    receipt.lease_end = session.next_sequence + options_.lease_block;
    receipt.last_seen = now.wall;

    // Receipts of one session can be under way together: each says what holds once it and those before it are
    // committed.
    const auto pending = pending_moves_.find(session.id);
    const Path known = sessions_.path_of(session);
    receipt.durable_path = pending == pending_moves_.end() ? known : pending->second.path;
    if (record.newer && can_move_address(purpose) && path != receipt.durable_path) {
        pending_moves_[session.id] = {path, record.sequence};
        receipt.durable_path = path;
    }
    receipt.traffic = session.traffic;
    if (receipt.durable_path != known) receipt.traffic.address_moves = sum(receipt.traffic.address_moves, 1);
    receipt.order = confirming_order(session.order);
    receipt.confirmed = session.confirmed || purpose == Purpose::kApplicationData;
    if (receipt.confirmed && !session.confirmed) {
        if (shelf_ != nullptr) pull(session.credential, now);
        receipt.confirms = true;
        ++sessions_.extras_of(session)->confirming;
        receipt.replaces = other_confirmed(session);
    }
    return receipt;
}

// Never a newer one: what was left over on disk and is used late must not end the session that came after it.
std::optional<SessionId> Endpoint::Impl::other_confirmed(const CompactSession& session) {
    std::optional<SessionId> found;
    sessions_.any_of(session.credential, [&](CompactSession& other) {
        const bool former = other.id != session.id && other.order <= session.order;
        if (former && (other.confirmed || confirming(other) != 0)) found = other.id;
        return found.has_value();
    });
    return found;
}

void Endpoint::Impl::session_committed(SessionId id, Now) {
    CompactSession* session = sessions_.find(id);
    if (session == nullptr || session->durable) return;
    session->durable = 1;
    Unconfirmed& unconfirmed = *sessions_.extras_of(*session)->unconfirmed;
    const auto flight = std::exchange(unconfirmed.held_flight, {});
    const auto supersedes = std::exchange(unconfirmed.supersedes, std::nullopt);
    const Path path = sessions_.path_of(*session);
    for (const Bytes& datagram : flight)
        listener_.send(path, datagram);
    const CredentialId credential = session->credential;
    const std::uint32_t order = session->order;
    if (supersedes) {
        if (CompactSession* former = sessions_.find(*supersedes)) end(*former, EndReason::kSuperseded);
    }
    end_older(credential, id, order, false);
}

void Endpoint::Impl::session_abandoned(SessionId id) {
    CompactSession* session = sessions_.find(id);
    if (session == nullptr || session->durable) return;
    if (const auto supersedes = sessions_.extras_of(*session)->unconfirmed->supersedes) {
        if (CompactSession* former = sessions_.find(*supersedes)) former->superseded = 0;
    }
    ++counters_.sessions_abandoned;
    sessions_.erase(*session);
}

void Endpoint::Impl::committed(const Receipt& receipt, Now) {
    // The commit has deleted it, even if what replaces it is gone by now too.
    if (receipt.replaces) {
        if (CompactSession* former = sessions_.find(*receipt.replaces)) end(*former, EndReason::kReplaced);
    }
    CompactSession* session = sessions_.find(receipt.session);
    if (session == nullptr) return;  // ended while the commit was under way
    session->lease_end = std::max<std::uint64_t>(session->lease_end, receipt.lease_end);
    move_address(*session, receipt);
    switch (receipt.purpose) {
        case Purpose::kApplicationData:
            if (session->confirmed) break;
            session->confirmed = 1;
            if (SessionExtras* extras = sessions_.extras_of(*session)) {
                extras->confirming = 0;
                extras->unconfirmed.reset();  // wipes our Finished
                sessions_.drop_empty_extras(*session);
            }
            end_older(receipt.credential, receipt.session, receipt.order, true);
            break;
        case Purpose::kCloseNotify:
            answer_close(*session, receipt.path);
            end(*session, EndReason::kCloseNotify);
            break;
        case Purpose::kFatalAlert:
            end(*session, EndReason::kFatalAlert);
            break;
        case Purpose::kRepeatedFlight:
            answer_repeated_flight(*session, receipt.path);
            break;
    }
}

void Endpoint::Impl::not_committed(const Receipt& receipt) {
    CompactSession* session = sessions_.find(receipt.session);
    if (session == nullptr) return;
    if (confirming(*session) != 0 && receipt.purpose == Purpose::kApplicationData)
        --sessions_.extras_of(*session)->confirming;
    const auto pending = pending_moves_.find(receipt.session);
    if (pending != pending_moves_.end() && pending->second.sequence == receipt.sequence) {
        pending_moves_.erase(pending);
    }
}

void Endpoint::Impl::move_address(CompactSession& session, const Receipt& receipt) {
    const auto pending = pending_moves_.find(session.id);
    if (pending != pending_moves_.end() && pending->second.sequence <= receipt.sequence) {
        pending_moves_.erase(pending);
    }
    if (!receipt.newer || !can_move_address(receipt.purpose) || receipt.sequence < session.path_sequence)
        return;
    session.path_sequence = receipt.sequence;
    if (sessions_.path_of(session) == receipt.path) return;
    sessions_.set_path(session, receipt.path);
    session.traffic.address_moves = sum(session.traffic.address_moves, 1);
    ++counters_.address_moves;
}

void Endpoint::Impl::answer_close(CompactSession& session, const Path& path) {
    constexpr std::array<std::uint8_t, kAlertBytes> kCloseNotify = {kAlertWarning, kAlertCloseNotify};
    std::array<std::uint8_t, 128> datagram;
    const auto sealed = seal_in(session, ContentType::kAlert, kCloseNotify, datagram);
    if (sealed) listener_.send(path, ByteView(datagram).first(*sealed));
}

// The client waits for our last flight and sends its own again. The library's context is long gone; our
// Finished is the same whatever number it travels under.
void Endpoint::Impl::answer_repeated_flight(CompactSession& session, const Path& path) {
    if (session.confirmed) return;
    Unconfirmed& unconfirmed = *sessions_.extras_of(session)->unconfirmed;
    std::array<std::uint8_t, 128> sealed;
    const auto size = seal_in(session, ContentType::kHandshake, unconfirmed.finished, sealed);
    if (!size) return;
    Bytes datagram;
    append_header(datagram, ContentType::kChangeCipherSpec, kDtls12, 0, unconfirmed.next_plain_sequence++, 1);
    ByteWriter(datagram).u8(1).append(ByteView(sealed).first(*size));
    ++counters_.flights_repeated_by_records;
    listener_.send(path, datagram);
}

std::expected<std::size_t, SealFault> Endpoint::Impl::seal(SessionId id, ByteView application_data,
                                                           MutableBytes out) {
    CompactSession* session = sessions_.find(id);
    if (session == nullptr || !session->durable) return std::unexpected(SealFault::kUnknownSession);
    if (application_data.size() > max_application_bytes(id)) return std::unexpected(SealFault::kDoesNotFit);
    return seal_in(*session, ContentType::kApplicationData, application_data, out);
}

std::expected<std::size_t, SealFault> Endpoint::Impl::seal_in(CompactSession& session, ContentType type,
                                                              ByteView payload, MutableBytes out) {
    RecordState records = sessions_.records_of(session);
    const auto sealed = seal_record(records, type, payload, out);
    session.next_sequence = records.next_sequence;
    if (!sealed && sealed.error() == SealFault::kLeaseExhausted) ++counters_.leases_exhausted;
    if (sealed) session.traffic.bytes_down = sum(session.traffic.bytes_down, *sealed);
    return sealed;
}

std::uint32_t Endpoint::Impl::confirming(const CompactSession& session) const {
    const SessionExtras* extras = sessions_.extras_of(session);
    return extras == nullptr ? 0 : extras->confirming;
}

std::optional<Path> Endpoint::Impl::path_of(SessionId id) const {
    const CompactSession* session = sessions_.find(id);
    if (session == nullptr) return std::nullopt;
    return sessions_.path_of(*session);
}

std::size_t Endpoint::Impl::max_application_bytes(SessionId id) const {
    const CompactSession* session = sessions_.find(id);
    if (session == nullptr) return 0;
    const std::size_t fits = options_.mtu - record_expansion(sessions_.records_of(*session));
    const SessionExtras* extras = sessions_.extras_of(*session);
    if (extras == nullptr || extras->max_fragment == 0) return fits;
    return std::min<std::size_t>(fits, extras->max_fragment);
}

void Endpoint::Impl::count_repeat(SessionId id) {
    if (CompactSession* session = sessions_.find(id))
        session->traffic.repeats = sum(session->traffic.repeats, 1);
}

std::vector<SessionView> Endpoint::Impl::sessions_of(CredentialId credential) {
    std::vector<SessionView> views;
    sessions_.any_of(credential, [&](const CompactSession& session) {
        const ByteView cid = session.own_cid();
        views.push_back({.id = session.id,
                         .credential = credential,
                         .cid = Bytes(cid.begin(), cid.end()),
                         .confirmed = session.confirmed != 0,
                         .path = sessions_.path_of(session),
                         .heard = session.heard.time(),
                         .next_sequence = session.next_sequence,
                         .lease_end = session.lease_end,
                         .traffic = session.traffic});
        return false;
    });
    return views;
}

void Endpoint::Impl::end_sessions_of(CredentialId credential, Now now) {
    if (departed_) departed_->add_credential(credential);
    while (Handshake* handshake =
               handshakes_.find_if([&](const Handshake& each) { return each.credential() == credential; })) {
        fail(*handshake, HandshakeOutcome::kRevoked, now);
    }
    CompactSession* session = nullptr;
    const auto any = [&](CompactSession& each) {
        session = &each;
        return true;
    };
    while (sessions_.any_of(credential, any))
        end(*session, EndReason::kRevoked);
}

void Endpoint::Impl::end_others(CredentialId credential, SessionId keep, std::uint32_t order, bool confirmed,
                                Now now) {
    if (shelf_ != nullptr) pull(credential, now);
    end_older(credential, keep, order, confirmed);
}

// A session whose first data wait for their commit counts as confirmed: a handshake alone must not end it.
void Endpoint::Impl::end_older(CredentialId credential, SessionId keep, std::uint32_t order, bool confirmed) {
    CompactSession* older = nullptr;
    const auto is_older = [&](CompactSession& each) {
        older = &each;
        return each.id != keep && each.order < order &&
               (confirmed || (!each.confirmed && confirming(each) == 0));
    };
    while (sessions_.any_of(credential, is_older))
        end(*older, EndReason::kReplacedElsewhere);
}

void Endpoint::Impl::end_session(SessionId id, EndReason reason) {
    if (CompactSession* session = sessions_.find(id)) return end(*session, reason);
    if (departed_) departed_->add(id);
}

void Endpoint::Impl::end_all(EndReason reason) {
    if (departed_) departed_->add_all();
    for (std::uint32_t slot = 0; slot < sessions_.slots(); ++slot) {
        if (sessions_.at(slot).id != 0) end(sessions_.at(slot), reason);
    }
}

void Endpoint::Impl::end(CompactSession& session, EndReason reason) {
    const SessionId id = session.id;
    const CredentialId credential = session.credential;
    pending_moves_.erase(id);
    if (departed_) departed_->add(id);
    sessions_.erase(session);
    ++counters_.sessions_ended[static_cast<std::size_t>(reason)];
    listener_.on_session_ended(id, credential, reason);
}

}  // namespace narrowgate::dtls
