// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/endpoint.hpp"

#include <algorithm>
#include <cstdlib>

#include "endpoint_impl.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/dtls/shard_map.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::uint8_t kNibbleEnd = 16;

bool is_in_range(const Options& options) {
    return options.mtu >= kMinMtuBytes && options.mtu <= kMaxMtuBytes && options.cid_bytes >= kMinCidBytes &&
           options.cid_bytes <= kMaxCidBytes && options.node < kNibbleEnd && options.shards > 0 &&
           options.shards <= kMaxShards && options.shard < options.shards && options.max_handshakes > 0 &&
           options.lease_block > 1 && options.handshake_timeout_min > milliseconds(0) &&
           options.handshake_timeout_min <= options.handshake_timeout_max &&
           options.session_lifetime > seconds(0);
}

}  // namespace

Endpoint::Impl::Impl(const Options& options, const CredentialLookup& credentials, ByteView cookie_key,
                     EstablishmentOrder& order, Listener& listener)
    : options_(options),
      order_(order),
      listener_(listener),
      cookies_(cookie_key),
      handshake_config_(options, credentials),
      handshakes_(options.max_handshakes),
      hellos_(crypto::random_u64()),
      expiry_(options.session_lifetime) {
    if (!is_in_range(options)) std::abort();
}

Fate Endpoint::Impl::receive(ByteView datagram, const Path& path, Now now) {
    if (scratch_.size() < datagram.size()) scratch_.resize(datagram.size());
    ++datagram_;
    if (Handshake* handshake = handshakes_.find(path)) {
        auto& trace = handshake->trace();
        ++trace.datagrams_in;
        trace.bytes_in += static_cast<std::uint32_t>(datagram.size());
        trace.largest_in = std::max(trace.largest_in, static_cast<std::uint32_t>(datagram.size()));
    }
    Fate fate = Fate::kMalformed;
    ByteView rest = datagram;
    do {
        const auto record = take_record(rest, options_.cid_bytes);
        fate = record ? on_record(*record, path, datagram.size(), now) : Fate::kMalformed;
        ++counters_.fates[static_cast<std::size_t>(fate)];
    } while (!rest.empty());
    return fate;
}

Fate Endpoint::Impl::on_record(const RecordHeader& record, const Path& path, std::size_t datagram_bytes,
                               Now now) {
    if (record.type == ContentType::kTls12Cid)
        return on_protected_with_cid(record, path, datagram_bytes, now);
    if (record.epoch == 0) return on_plain(record, path, datagram_bytes, now);
    return on_protected(record, path, datagram_bytes, now);
}

Fate Endpoint::Impl::on_plain(const RecordHeader& record, const Path& path, std::size_t datagram_bytes,
                              Now now) {
    if (record.type == ContentType::kHandshake && !record.fragment.empty() &&
        record.fragment[0] == static_cast<std::uint8_t>(HandshakeType::kClientHello)) {
        return on_client_hello(record, path, datagram_bytes, now);
    }
    Handshake* handshake = handshakes_.find(path);
    if (handshake == nullptr) return Fate::kStrayPlaintext;
    return give_plain(*handshake, record, datagram_bytes, now);
}

Fate Endpoint::Impl::on_protected_with_cid(const RecordHeader& record, const Path& path,
                                           std::size_t datagram_bytes, Now now) {
    std::optional<Opened> opened;
    Fate fate = Fate::kUnknownCid;
    const auto try_each = [&](CompactSession& session) {
        const auto result = open(session, record);
        if (result) opened = *result;
        if (!result) fate = result.error();
        return opened.has_value();
    };
    sessions_.any_with(record.cid, try_each);
    if (opened) return on_opened(*opened, path, now);
    if (fate != Fate::kUnknownCid) return fate;

    Handshake* handshake = handshakes_.find_cid(record.cid);
    if (handshake == nullptr && shelf_ != nullptr) {
        pull(record.cid, now);
        sessions_.any_with(record.cid, try_each);
        return opened ? on_opened(*opened, path, now) : fate;
    }
    if (handshake == nullptr) return Fate::kUnknownCid;
    return give_protected(*handshake, record, datagram_bytes, Fate::kStrayEarly, now);
}

// Without CID only the path says whose a record is, and on one path there can be a session, a newer one that
// is not confirmed yet, and a handshake: the keys decide.
Fate Endpoint::Impl::on_protected(const RecordHeader& record, const Path& path, std::size_t datagram_bytes,
                                  Now now) {
    std::optional<Opened> opened;
    Fate fate = Fate::kUnknownAddress;
    const auto try_each = [&](CompactSession& session) {
        const auto result = open(session, record);
        if (result) opened = *result;
        // What a newer session says is worth less than that the record fits an older one; of two refusals the
        // more telling one is kept.
        if (!result && (fate == Fate::kUnknownAddress || result.error() != Fate::kBadMac))
            fate = result.error();
        return opened.has_value();
    };
    // What is in memory may not be all that the disk has of a path.
    if (!sessions_.any_at(path, try_each) && shelf_ != nullptr) {
        pull(path, now);
        sessions_.any_at(path, try_each);
    }
    if (opened) return on_opened(*opened, path, now);

    Handshake* handshake = handshakes_.find(path);
    if (handshake == nullptr || !handshake->cid().empty()) return fate;
    return give_protected(*handshake, record, datagram_bytes, fate, now);
}

std::optional<SteadyTime> Endpoint::Impl::next_deadline() const {
    const auto handshake = handshakes_.next_deadline();
    const auto expiry = expiry_.next_deadline();
    if (handshake && expiry) return std::min(*handshake, *expiry);
    return handshake ? handshake : expiry;
}

void Endpoint::Impl::advance(Now now) {
    while (Handshake* handshake = handshakes_.due(now.steady)) {
        const auto progress = handshake->on_timer(now);
        go_on(*handshake, progress, now);
    }
    for (const std::uint32_t slot : expiry_.take_due(now.steady)) {
        CompactSession& session = sessions_.at(slot);
        if (session.id == 0) continue;
        const SteadyTime due = session.heard.time() + options_.session_lifetime;
        if (due <= now.steady) {
            end(session, EndReason::kExpired);
        } else {
            expiry_.schedule(slot, due, now.steady);
        }
    }
}

Endpoint::Endpoint(const Options& options, const CredentialLookup& credentials, ByteView cookie_key,
                   EstablishmentOrder& order, Listener& listener)
    : impl_(std::make_unique<Impl>(options, credentials, cookie_key, order, listener)) {}
Endpoint::~Endpoint() = default;

Fate Endpoint::receive(ByteView datagram, const Path& path, Now now) {
    return impl_->receive(datagram, path, now);
}
std::optional<SteadyTime> Endpoint::next_deadline() const {
    return impl_->next_deadline();
}
void Endpoint::advance(Now now) {
    impl_->advance(now);
}
void Endpoint::session_committed(SessionId session, Now now) {
    impl_->session_committed(session, now);
}
void Endpoint::session_abandoned(SessionId session) {
    impl_->session_abandoned(session);
}
void Endpoint::committed(const Receipt& receipt, Now now) {
    impl_->committed(receipt, now);
}
void Endpoint::not_committed(const Receipt& receipt) {
    impl_->not_committed(receipt);
}
std::expected<std::size_t, SealFault> Endpoint::seal(SessionId session, ByteView application_data,
                                                     MutableBytes out, Now) {
    return impl_->seal(session, application_data, out);
}
std::optional<Path> Endpoint::path_of(SessionId session) const {
    return impl_->path_of(session);
}
std::size_t Endpoint::max_application_bytes(SessionId session) const {
    return impl_->max_application_bytes(session);
}
void Endpoint::count_repeat(SessionId session) {
    impl_->count_repeat(session);
}
std::vector<SessionView> Endpoint::sessions_of(CredentialId credential) const {
    return impl_->sessions_of(credential);
}
Restored Endpoint::restore(SessionRecord&& record, Now now) {
    return impl_->restore(std::move(record), now);
}
void Endpoint::reserve(std::size_t sessions) {
    impl_->reserve(sessions);
}
void Endpoint::load_from(SessionShelf* shelf) {
    impl_->load_from(shelf);
}
void Endpoint::end_sessions_of(CredentialId credential, Now now) {
    impl_->end_sessions_of(credential, now);
}
void Endpoint::end_others(CredentialId credential, SessionId keep, std::uint32_t order, bool confirmed,
                          Now now) {
    impl_->end_others(credential, keep, order, confirmed, now);
}
void Endpoint::end_session(SessionId session, EndReason reason) {
    impl_->end_session(session, reason);
}
void Endpoint::end_all(EndReason reason) {
    impl_->end_all(reason);
}
void Endpoint::for_each_handshake(const std::function<void(const HandshakeTrace&)>& visit) const {
    impl_->for_each_handshake(visit);
}
const HelloLog& Endpoint::hellos() const {
    return impl_->hellos();
}
const Counters& Endpoint::counters() const {
    return impl_->counters();
}
std::size_t Endpoint::sessions() const {
    return impl_->sessions();
}
std::size_t Endpoint::handshakes() const {
    return impl_->handshakes();
}
PoolLoad Endpoint::handshake_load() const {
    return impl_->handshake_load();
}

}  // namespace narrowgate::dtls
