// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/exchanges.hpp"

#include <algorithm>

namespace narrowgate::coap {
namespace {

// Expired exchanges dropped a call: more than one arrives, so that the table shrinks, and few, so that no
// call takes long.
constexpr int kDroppedPerCall = 4;

}  // namespace

milliseconds TransmissionParameters::max_transmit_span() const {
    const double doublings = static_cast<double>((1ULL << std::min(max_retransmit, 16U)) - 1);
    return std::chrono::ceil<milliseconds>(ack_timeout * (doublings * ack_random_factor));
}

milliseconds TransmissionParameters::exchange_lifetime() const {
    const milliseconds processing_delay = ack_timeout;  // PROCESSING_DELAY (RFC 7252 section 4.8.2)
    return max_transmit_span() + 2 * max_latency + processing_delay;
}

milliseconds TransmissionParameters::non_lifetime() const {
    return max_transmit_span() + max_latency;
}

milliseconds TransmissionParameters::lifetime_of(MessageType type) const {
    return type == MessageType::kConfirmable ? exchange_lifetime() : non_lifetime();
}

// Session numbers are random and not the peer's choice; spreading a session's own message IDs is enough
// (the finalizer of SplitMix64).
std::size_t Exchanges::KeyHash::operator()(const Key& key) const {
    std::uint64_t mixed = key.session + 0x9e3779b97f4a7c15 * (std::uint64_t{key.mid} + 1);
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

Exchanges::Exchanges(ExchangeLimits limits) : limits_(limits) {}

Exchanges::Begun Exchanges::begin(SessionId session, std::uint16_t mid, milliseconds lifetime, Now now) {
    drop_expired(now);
    const Key key{session, mid};
    if (const auto found = exchanges_.find(key); found != exchanges_.end()) {
        Exchange& known = found->second;
        if (known.expiry > now.steady) {
            if (known.in_progress) return {Standing::kDuplicateInProgress, {}};
            return {Standing::kDuplicateAnswered, known.reply};
        }
        erase(known);
    }
    insert(key, now.steady + std::min<milliseconds>(lifetime, kLongestLifetime));
    return {Standing::kNew, {}};
}

void Exchanges::complete(SessionId session, std::uint16_t mid, ByteView reply) {
    if (const auto found = exchanges_.find({session, mid}); found != exchanges_.end()) {
        set_reply(found->second, reply);
    }
}

void Exchanges::abandon(SessionId session, std::uint16_t mid) {
    const auto found = exchanges_.find({session, mid});
    if (found != exchanges_.end() && found->second.in_progress) erase(found->second);
}

void Exchanges::restore(SessionId session, std::uint16_t mid, ByteView reply, WallTime expiry, Now now) {
    const Key key{session, mid};
    if (expiry <= now.wall || exchanges_.contains(key)) return;
    const auto left = std::min<std::chrono::microseconds>(expiry - now.wall, kLongestLifetime);
    set_reply(insert(key, now.steady + left), reply);
}

void Exchanges::forget(SessionId session) {
    for (auto found = sessions_.find(session); found != sessions_.end(); found = sessions_.find(session)) {
        erase(*found->second.oldest);
    }
}

void Exchanges::append(List& list, Links Exchange::* links, Exchange& exchange) {
    (exchange.*links).older = list.newest;
    (list.newest == nullptr ? list.oldest : (list.newest->*links).newer) = &exchange;
    list.newest = &exchange;
    ++list.size;
}

void Exchanges::unlink(List& list, Links Exchange::* links, Exchange& exchange) {
    const auto [older, newer] = exchange.*links;
    (older == nullptr ? list.oldest : (older->*links).newer) = newer;
    (newer == nullptr ? list.newest : (newer->*links).older) = older;
    --list.size;
}

Exchanges::Exchange& Exchanges::insert(Key key, SteadyTime expiry) {
    if (const auto of_session = sessions_.find(key.session);
        of_session != sessions_.end() && of_session->second.size >= limits_.max_exchanges_per_session) {
        ++pushed_out_;
        erase(*of_session->second.oldest);
    }
    if (all_.size >= limits_.max_exchanges && all_.oldest != nullptr) {
        ++pushed_out_;
        erase(*all_.oldest);
    }
    Exchange& exchange = exchanges_[key];
    exchange.key = key;
    exchange.expiry = expiry;
    append(all_, &Exchange::everywhere, exchange);
    append(sessions_[key.session], &Exchange::in_session, exchange);
    return exchange;
}

void Exchanges::erase(Exchange& exchange) {
    const Key key = exchange.key;
    reply_bytes_ -= exchange.reply.size();
    unlink(all_, &Exchange::everywhere, exchange);
    const auto of_session = sessions_.find(key.session);
    unlink(of_session->second, &Exchange::in_session, exchange);
    if (of_session->second.size == 0) sessions_.erase(of_session);
    exchanges_.erase(key);
}

void Exchanges::set_reply(Exchange& exchange, ByteView reply) {
    reply_bytes_ += reply.size() - exchange.reply.size();
    exchange.reply.assign(reply.begin(), reply.end());
    exchange.in_progress = false;
    while (reply_bytes_ > limits_.max_reply_bytes && all_.oldest != &exchange) {
        ++pushed_out_;
        erase(*all_.oldest);
    }
}

// Lifetimes differ between fleets, so one that has expired may wait behind one that has not: begin() looks
// at the expiry itself, this is only for memory.
void Exchanges::drop_expired(Now now) {
    for (int dropped = 0; dropped < kDroppedPerCall; ++dropped) {
        if (all_.oldest == nullptr || all_.oldest->expiry > now.steady) return;
        erase(*all_.oldest);
    }
}

}  // namespace narrowgate::coap
