// SPDX-License-Identifier: Apache-2.0
//
// DTLS 1.2 with pre-shared keys for all nodes of one ingress shard: datagrams and time in; datagrams,
// sessions and authentic application data out. Opens no socket, reads no clock, writes no disk.
//
// The one rule behind the calls: no authentic record has an effect before the commit that holds its receive
// mark. So each turns into a Receipt; the listener makes it durable together with whatever it causes and then
// says committed(). Likewise the last flight of a handshake leaves only after session_committed().
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/dtls/counters.hpp"
#include "narrowgate/dtls/credentials.hpp"
#include "narrowgate/dtls/establishment_order.hpp"
#include "narrowgate/dtls/handshake_trace.hpp"
#include "narrowgate/dtls/hello_log.hpp"
#include "narrowgate/dtls/options.hpp"
#include "narrowgate/dtls/record_layer.hpp"
#include "narrowgate/dtls/session_record.hpp"
#include "narrowgate/dtls/session_shelf.hpp"
#include "narrowgate/dtls/session_view.hpp"

namespace narrowgate::dtls {

// Told by an Endpoint, inside the calls that take a Now, end_session() and end_all(). It may call back at
// once (committed(), seal(), ...), but not receive() or advance(). Views are valid during the call only.
class Listener {
public:
    virtual ~Listener() = default;

    // Leaves at once, from `path.local` to `path.remote`. At most Options::mtu bytes.
    virtual void send(const Path& path, ByteView datagram) = 0;

    // A ClientHello with a good cookie asks for a new handshake. False: it is dropped and counted, and its
    // sender asks again later. Asked once for each that there is room for.
    virtual bool admits_handshake(const Path& path, Now now) = 0;

    // A handshake is complete. Insert `record`, delete `replaces_unconfirmed` in the same commit, then call
    // session_committed(); or session_abandoned() when that failed. When it is committed, tell the other
    // shards: end_others(record.credential, record.id, record.order, false).
    virtual void on_established(const SessionRecord& record,
                                std::optional<SessionId> replaces_unconfirmed) = 0;

    // An authentic record. Commit the receipt's columns with whatever `application_data` causes, then call
    // committed(), or not_committed(). Data are empty unless the purpose is kApplicationData. When a receipt
    // that `confirms` is committed, tell the other shards: end_others(..., receipt.order, true).
    virtual void on_receipt(const Receipt& receipt, ByteView application_data) = 0;

    // The session is gone from all tables. Forget it in the journal too, where that has not happened: see
    // is_gone_from_journal().
    virtual void on_session_ended(SessionId session, CredentialId credential, EndReason reason) = 0;

    virtual void on_handshake_ended(const HandshakeTrace& trace) = 0;
};

// Whether the commit that ended a session has deleted it (kCloseNotify, kFatalAlert, kReplaced, kSuperseded);
// else the listener must.
bool is_gone_from_journal(EndReason reason);

enum class Restored : std::uint8_t {
    kYes,
    kHereAlready,  // a session of this id is, or was and has ended since the start; nothing is wrong
    kUnreadable,   // its secret is damaged or of an unknown version, its id 0, or its CID not of cid_bytes
};

// Thread: its shard's.
class Endpoint {
public:
    // `cookie_key`: 32 bytes, the same for all shards; so is `order`. References must outlive the endpoint.
    // Aborts when an option is outside the range its comment gives: checking a configuration is the daemon's.
    Endpoint(const Options& options, const CredentialLookup& credentials, ByteView cookie_key,
             EstablishmentOrder& order, Listener& listener);
    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // One datagram as it came, of any length and content. Each record in it is counted by its fate; returned
    // is the fate of the last one.
    Fate receive(ByteView datagram, const Path& path, Now now);

    // When advance() is due: retransmissions, handshakes to be given up, sessions to expire. Nothing: never.
    std::optional<SteadyTime> next_deadline() const;
    void advance(Now now);

    // The session of on_established() is on disk: its last flight leaves. Unknown ids are ignored: the
    // session may have been revoked meanwhile.
    void session_committed(SessionId session, Now now);
    // It could not be written: all of it is forgotten, the node will start again.
    void session_abandoned(SessionId session);

    // The receipt is on disk: its effects on the session happen now (address, lease, confirmation and the end
    // of the former session, answers to a close or to a repeated flight).
    void committed(const Receipt& receipt, Now now);
    // It could not be written: the record has had no effect. Its number stays used; a peer that wants an
    // answer sends again under a new one.
    void not_committed(const Receipt& receipt);

    // Seals one record of application data into `out` (max_application_bytes() says what fits the mtu) and
    // returns its size. Send it to path_of(), or as the reply to a committed receipt to that receipt's path.
    std::expected<std::size_t, SealFault> seal(SessionId session, ByteView application_data, MutableBytes out,
                                               Now now);

    // Where the peer was last seen by an authentic, newest, committed record. Nothing: no such session.
    std::optional<Path> path_of(SessionId session) const;
    // Bytes of application data that one datagram to this peer can carry: within mtu, and within what the
    // peer asked for by max_fragment_length (RFC 6066 section 4). 0: no such session.
    std::size_t max_application_bytes(SessionId session) const;

    // A message of the peer came again, above this layer. Unknown ids are ignored.
    void count_repeat(SessionId session);

    // A session of the journal, at any time, in any order, also one that has ended since it was read. Nothing
    // is sealed in it before its first committed receipt.
    Restored restore(SessionRecord&& record, Now now);
    // Makes room for so many sessions in all, so that no index grows on the way.
    void reserve(std::size_t sessions);

    // From now on sessions that are not in the tables are looked for there, and those that end are remembered
    // so that a row read before cannot bring them back. Null, at first and when all are restored: no longer.
    // `shelf` must live until then.
    void load_from(SessionShelf* shelf);

    // Revocation: sessions, handshakes, receipts in flight. Takes time in proportion to handshakes, not
    // sessions. While loading, what the disk still has of it does not come in any more, and is the caller's
    // to delete.
    void end_sessions_of(CredentialId credential, Now now);

    // Another shard has committed the session `keep`, or its confirmation when `confirmed`. Ends the sessions
    // of its credential here that were established before `order` and are not confirmed, or all of those
    // established before when `confirmed`, as kReplacedElsewhere. Loaded ones were established before.
    void end_others(CredentialId credential, SessionId keep, std::uint32_t order, bool confirmed, Now now);

    // An operator's word, or a neighbour room's. One that is not here is not told to the listener, but does
    // not come in from disk any more. Handshakes in progress go on.
    void end_session(SessionId session, EndReason reason);
    void end_all(EndReason reason);

    // For people: not what is only on disk while loading.
    std::vector<SessionView> sessions_of(CredentialId credential) const;
    // The handshakes in progress, in no order; those that have ended were told to the listener.
    void for_each_handshake(const std::function<void(const HandshakeTrace&)>& visit) const;
    // What has not begun a handshake.
    const HelloLog& hellos() const;

    const Counters& counters() const;
    std::size_t sessions() const;     // durable or being made so
    std::size_t handshakes() const;   // in progress
    PoolLoad handshake_load() const;  // of Options::max_handshakes

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate::dtls
