// SPDX-License-Identifier: Apache-2.0
//
// The path of an uplink through one shard, and the only place that knows all of it: datagram, session,
// exchange, resource, commit, reply. Opens no socket and reads no clock.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daemon/devices/credential_directory.hpp"
#include "daemon/ingress/admission.hpp"
#include "daemon/ingress/exchange_log.hpp"
#include "daemon/ingress/historian.hpp"
#include "daemon/ingress/node_traffic.hpp"
#include "daemon/ingress/policies.hpp"
#include "daemon/ingress/resources.hpp"
#include "daemon/ingress/trace_log.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/base/histogram.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "narrowgate/dtls/endpoint.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::daemon {

// Since start. Thread: the shard's; copy to hand it on.
struct IngressCounters {
    std::uint64_t readings_acknowledged = 0;
    std::uint64_t readings_refused = 0;  // 5.03: the store is full
    std::uint64_t journal_full = 0;      // records dropped because the writer's queue was full
    std::uint64_t commits_failed = 0;    // records dropped because their commit failed
    std::uint64_t requests_refused = 0;  // 4.xx and 5.xx of our own
    std::uint64_t overloaded = 0;        // of these, readings that the writer's queue had no room for
    // From the arrival of a record to its answer, durable: microseconds of requests that were answered.
    Histogram answer_times{kDurationBounds};
    std::array<std::uint64_t, 256> answers{};  // by CoAP code (RFC 7252 section 12.1)
    // By outcome and by the step that was reached.
    std::array<std::array<std::uint64_t, dtls::kHandshakeSteps>, dtls::kHandshakeOutcomes> handshakes{};
};

// A session that is durable, or confirmed by a commit: those of its credential in other shards that were
// established before it end (dtls::Endpoint::end_others()).
struct NewerSession {
    dtls::CredentialId credential = 0;
    dtls::SessionId session = 0;
    std::uint32_t order = 0;
    bool confirmed = false;
};

// Thread: its shard's.
class Ingress final : private dtls::Listener {
public:
    struct Outside {
        // Sends one datagram, from path.local to path.remote.
        std::function<void(const Path& path, ByteView datagram)> send;
        // Hands a unit to the store's writer; false when it takes no more now. Its completion comes back by
        // on_completions(), in the order of submission.
        std::function<bool(store::Unit&& unit)> submit;
        // Whether readings are to be refused now, beyond AdmissionLimits::overloaded_at.
        std::function<bool()> overloaded{};
        // A source whose handshakes keep failing. Not from an authenticated peer.
        std::function<void(const Offence& offence)> offence{};
        // A rotation is complete: the credential is retired on disk. It is forgotten everywhere, and its
        // sessions end in every shard.
        std::function<void(store::CredentialId credential)> retired;
        // For the other shards.
        std::function<void(const NewerSession& newer)> tell_others;
        // Store::service_time().
        std::function<seconds()> service_time;
    };

    // References must outlive the ingress. `cookie_key`: 32 bytes, the same for all shards; so is `order`.
    Ingress(const dtls::Options& options, const CredentialDirectory& credentials, ByteView cookie_key,
            dtls::EstablishmentOrder& order, std::shared_ptr<const Policies> policies, Outside outside,
            Log& log, const AdmissionLimits& admission = {}, std::uint64_t seed = crypto::random_u64());

    // --- What the store has of this shard, at any time and in any order. Answers belong to a session, and
    // come before its first record.
    dtls::Restored restore(store::SessionRow&& row, std::vector<store::StoredReply>&& replies, Now now);
    void restore(const store::StoredReply& reply, Now now);
    // See dtls::Endpoint for these.
    void reserve(std::size_t sessions) { endpoint_.reserve(sessions); }
    void load_from(dtls::SessionShelf* shelf) { endpoint_.load_from(shelf); }

    void on_datagram(ByteView datagram, const Path& path, Now now);
    void on_completions(std::span<const store::Completion> completions, Now now);
    std::optional<SteadyTime> next_deadline() const { return endpoint_.next_deadline(); }
    void advance(Now now);

    // Whether the last turn left datagrams unread: then fewer handshakes begin.
    void set_behind(bool behind) { behind_ = behind; }

    // A reload: requests from now on see the new fleets.
    void set_policies(std::shared_ptr<const Policies> policies) { policies_ = std::move(policies); }
    // A credential was revoked: its sessions end at once.
    void end_sessions_of(dtls::CredentialId credential, Now now);
    // An operator had these forgotten: the store knows them no more. Those of other shards are passed over.
    void forget(std::span<const dtls::SessionId> sessions, Now now);
    // Another shard has told.
    void end_others(const NewerSession& newer, Now now);

    // Commits that have not been answered yet.
    std::size_t pending() const { return pending_.size(); }
    // How full what it holds for nodes is, by the name that metrics give it.
    std::map<std::string_view, PoolLoad> pools() const;
    // Sources whose handshakes are admitted at a lower rate, because they fail.
    std::size_t penalised(Now now) const { return admission_.penalised(now); }
    const IngressCounters& counters() const { return counters_; }
    const dtls::Endpoint& endpoint() const { return endpoint_; }
    const coap::MessageLayer& messages() const { return messages_; }
    // The last handshakes that have ended.
    const TraceLog& traces() const { return traces_; }
    // The last messages of nodes that have been settled.
    const ExchangeLog& exchanges() const { return exchanges_; }
    // What its nodes have done since the last call.
    Activities take_activities() { return traffic_.take(); }

private:
    // What waits for a commit.
    struct Opening {
        dtls::SessionId session;
        dtls::CredentialId credential;
        std::uint32_t order;
    };
    struct Receiving {
        dtls::Receipt receipt;
        SteadyTime arrived{};
        Bytes reply{};                       // sent once the receipt is durable; empty: nothing
        std::optional<coap::Asked> asked{};  // the exchange to complete, when the record was a new request
        std::optional<Exchange> exchange{};  // to be logged, when the record held a message
        std::optional<coap::BlockUploads::UploadId> upload{};
        bool with_reading = false;
        seconds spread{};  // should the reading be refused
        std::optional<store::CredentialId> retires{};
    };
    struct Closing {};
    using Pending = std::variant<Opening, Receiving, Closing>;

    void send(const Path& path, ByteView datagram) override;
    void on_established(const dtls::SessionRecord& record,
                        std::optional<dtls::SessionId> replaces_unconfirmed) override;
    void on_receipt(const dtls::Receipt& receipt, ByteView application_data) override;
    void on_session_ended(dtls::SessionId session, dtls::CredentialId credential,
                          dtls::EndReason reason) override;
    bool admits_handshake(const Path& path, Now now) override;
    void on_handshake_ended(const dtls::HandshakeTrace& trace) override;

    // Fills in what the application data of a receipt ask for. False: they must have no effect at all.
    bool read_application_data(ByteView data, Receiving& receiving, store::Unit& unit);
    // Takes `pending` only when there is room for the unit: when true.
    bool submit(store::Unit&& unit, Pending& pending);
    void submit_closing(store::Unit&& unit);
    // The credential that is retired by the receipt that confirms a session of its successor.
    std::optional<store::CredentialId> retired_by(const dtls::Receipt& receipt) const;
    void settle(Opening& opening, store::Outcome outcome, Now now);
    void settle(Receiving& receiving, const store::Completion& completion, Now now);
    // Bytes that were sent; 0: the session is gone.
    std::size_t reply(const dtls::Receipt& receipt, ByteView message, Now now);
    void log_exchange(std::optional<Exchange>& exchange, ExchangeEnd end, Now now, ByteView answer = {},
                      std::size_t response_bytes = 0);

    const CredentialDirectory& credentials_;
    Historian historian_{credentials_};
    TraceLog traces_;
    ExchangeLog exchanges_;
    NodeTraffic traffic_;
    const Outside outside_;
    Log& log_;
    std::shared_ptr<const Policies> policies_;
    coap::MessageLayer messages_;
    Resources resources_;
    Admission admission_;
    const std::size_t overloaded_at_;
    bool behind_ = false;
    dtls::Endpoint endpoint_;
    std::unordered_map<std::uint64_t, Pending> pending_;  // by ticket
    std::uint64_t last_ticket_ = 0;
    Now now_{};  // of the call in progress: the endpoint's callbacks happen within one of ours
    IngressCounters counters_;
};

}  // namespace narrowgate::daemon
