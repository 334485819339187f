// SPDX-License-Identifier: Apache-2.0
//
// The parts of an endpoint and what goes between them: endpoint.cpp cuts datagrams and finds whose each
// record is, endpoint_handshakes.cpp and endpoint_sessions.cpp say what becomes of it there.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "cookie.hpp"
#include "departed.hpp"
#include "expiry_wheel.hpp"
#include "handshake_config.hpp"
#include "handshake_pool.hpp"
#include "narrowgate/dtls/endpoint.hpp"
#include "session_table.hpp"

namespace narrowgate::dtls {

class Endpoint::Impl {
public:
    Impl(const Options& options, const CredentialLookup& credentials, ByteView cookie_key,
         EstablishmentOrder& order, Listener& listener);

    Fate receive(ByteView datagram, const Path& path, Now now);
    std::optional<SteadyTime> next_deadline() const;
    void advance(Now now);

    void session_committed(SessionId id, Now now);
    void session_abandoned(SessionId id);
    void committed(const Receipt& receipt, Now now);
    void not_committed(const Receipt& receipt);
    std::expected<std::size_t, SealFault> seal(SessionId id, ByteView application_data, MutableBytes out);
    std::optional<Path> path_of(SessionId id) const;
    std::size_t max_application_bytes(SessionId id) const;
    void count_repeat(SessionId id);
    std::vector<SessionView> sessions_of(CredentialId credential);
    Restored restore(SessionRecord&& record, Now now);
    void reserve(std::size_t sessions) { sessions_.reserve(sessions); }
    void load_from(SessionShelf* shelf);
    void end_sessions_of(CredentialId credential, Now now);
    void end_others(CredentialId credential, SessionId keep, std::uint32_t order, bool confirmed, Now now);
    void end_session(SessionId id, EndReason reason);
    void end_all(EndReason reason);

    void for_each_handshake(const std::function<void(const HandshakeTrace&)>& visit) const;
    const HelloLog& hellos() const { return hellos_; }

    const Counters& counters() const { return counters_; }
    std::size_t sessions() const { return sessions_.size(); }
    std::size_t handshakes() const { return handshakes_.size(); }
    PoolLoad handshake_load() const { return handshakes_.load(); }

private:
    // An address change that waits for its commit.
    struct PendingMove {
        Path path;
        std::uint64_t sequence = 0;
    };
    struct Opened {
        CompactSession* session = nullptr;
        OpenedRecord record{};
    };

    // endpoint.cpp
    Fate on_record(const RecordHeader& record, const Path& path, std::size_t datagram_bytes, Now now);
    Fate on_plain(const RecordHeader& record, const Path& path, std::size_t datagram_bytes, Now now);
    Fate on_protected(const RecordHeader& record, const Path& path, std::size_t datagram_bytes, Now now);
    Fate on_protected_with_cid(const RecordHeader& record, const Path& path, std::size_t datagram_bytes,
                               Now now);

    // endpoint_handshakes.cpp
    Fate on_client_hello(const RecordHeader& record, const Path& path, std::size_t datagram_bytes, Now now);
    // What a ClientHello that begins no handshake leaves behind. `hello` is null when it could not be read.
    Fate turn_away(Fate fate, const RecordHeader& record, const ClientHello* hello, const Path& path,
                   std::size_t datagram_bytes, Now now);
    // A record for a handshake in progress, which may be gone afterwards. `otherwise`: its fate when the
    // handshake has nothing to say about it.
    Fate give_plain(Handshake& handshake, const RecordHeader& record, std::size_t datagram_bytes, Now now);
    Fate give_protected(Handshake& handshake, const RecordHeader& record, std::size_t datagram_bytes,
                        Fate otherwise, Now now);
    ConnectionId<kMaxCidBytes> new_cid();
    SessionId new_session_id() const;
    // What `progress` asks for; `handshake` may be gone afterwards.
    void go_on(Handshake& handshake, Handshake::Progress progress, Now now);
    void establish(Handshake& handshake, Now now);
    void fail(Handshake& handshake, HandshakeOutcome outcome, Now now);
    void make_room_on(const Path& path);
    CompactSession* unconfirmed_of(CredentialId credential);

    // endpoint_loading.cpp
    void pull(ByteView cid, Now now);
    void pull(const Path& path, Now now);
    void pull(CredentialId credential, Now now);

    // endpoint_sessions.cpp
    std::expected<Opened, Fate> open(CompactSession& session, const RecordHeader& record);
    Fate on_opened(const Opened& opened, const Path& path, Now now);
    Receipt make_receipt(CompactSession& session, const OpenedRecord& record, Purpose purpose,
                         const Path& path, Now now);
    std::optional<SessionId> other_confirmed(const CompactSession& session);
    void end_older(CredentialId credential, SessionId keep, std::uint32_t order, bool confirmed);
    void move_address(CompactSession& session, const Receipt& receipt);
    void answer_close(CompactSession& session, const Path& path);
    void answer_repeated_flight(CompactSession& session, const Path& path);
    std::expected<std::size_t, SealFault> seal_in(CompactSession& session, ContentType type, ByteView payload,
                                                  MutableBytes out);
    std::uint32_t confirming(const CompactSession& session) const;
    void end(CompactSession& session, EndReason reason);

    // Constant after construction.
    const Options options_;
    EstablishmentOrder& order_;         // not owned
    Listener& listener_;                // not owned
    SessionShelf* shelf_ = nullptr;     // not owned; while loading
    std::optional<Departed> departed_;  // while loading

    CookieMint cookies_;
    HandshakeConfig handshake_config_;
    HandshakePool handshakes_;
    HelloLog hellos_;
    SessionTable sessions_;
    ExpiryWheel expiry_;
    std::unordered_map<SessionId, PendingMove> pending_moves_;
    Bytes scratch_;               // opened records; grows to the largest datagram seen, at most 64 KiB
    std::uint64_t datagram_ = 0;  // number of the one that is being received
    Counters counters_;
};

}  // namespace narrowgate::dtls
