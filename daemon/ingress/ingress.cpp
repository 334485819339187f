// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/ingress.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/ingress/session_rows.hpp"

namespace narrowgate::daemon {
namespace {

// Of what waits for a commit. Below the first a shard keeps up: a commit takes about so many at once.
constexpr std::size_t kKeepsUp = 256;
constexpr std::size_t kBehind = 1024;

bool is_refusal(ByteView reply) {
    const auto header = coap::peek_header(reply);
    return header && coap::class_of(header->code) >= 4;
}

AdmissionLimits with_pool_of(const dtls::Options& options, AdmissionLimits limits) {
    limits.max_handshakes = options.max_handshakes;
    return limits;
}

}  // namespace

Ingress::Ingress(const dtls::Options& options, const CredentialDirectory& credentials, ByteView cookie_key,
                 dtls::EstablishmentOrder& order, std::shared_ptr<const Policies> policies, Outside outside,
                 Log& log, const AdmissionLimits& admission, std::uint64_t seed)
    : credentials_(credentials),
      outside_(std::move(outside)),
      log_(log),
      policies_(std::move(policies)),
      resources_(seed),
      admission_(with_pool_of(options, admission), seed, outside_.offence),
      overloaded_at_(admission.overloaded_at),
      endpoint_(options, credentials, cookie_key, order, *this) {}

dtls::Restored Ingress::restore(store::SessionRow&& row, std::vector<store::StoredReply>&& replies, Now now) {
    for (const store::StoredReply& reply : replies)
        restore(reply, now);
    const dtls::SessionId session = row.id;
    const dtls::CredentialId credential = row.credential;
    const auto restored = endpoint_.restore(record_of(std::move(row), outside_.service_time()), now);
    if (restored == dtls::Restored::kUnreadable) {
        store::Unit unit;
        unit.close.push_back(session);
        historian_.on_unreadable(session, credential, now.wall, unit);
        submit_closing(std::move(unit));
    }
    return restored;
}

void Ingress::restore(const store::StoredReply& reply, Now now) {
    messages_.restore(reply.session, reply.message_id, reply.reply, reply.expires, now);
}

void Ingress::on_datagram(ByteView datagram, const Path& path, Now now) {
    now_ = now;
    traffic_.datagram_came(datagram.size());
    (void)endpoint_.receive(datagram, path, now);
}

void Ingress::advance(Now now) {
    now_ = now;
    endpoint_.advance(now);
    resources_.expire(now);
}

void Ingress::end_sessions_of(dtls::CredentialId credential, Now now) {
    now_ = now;
    endpoint_.end_sessions_of(credential, now);
}

void Ingress::forget(std::span<const dtls::SessionId> sessions, Now now) {
    now_ = now;
    for (const dtls::SessionId session : sessions)
        endpoint_.end_session(session, dtls::EndReason::kForgotten);
}

void Ingress::end_others(const NewerSession& newer, Now now) {
    now_ = now;
    endpoint_.end_others(newer.credential, newer.session, newer.order, newer.confirmed, now);
}

void Ingress::on_completions(std::span<const store::Completion> completions, Now now) {
    now_ = now;
    for (const store::Completion& completion : completions) {
        auto node = pending_.extract(completion.ticket);
        if (node.empty()) continue;
        Pending& pending = node.mapped();
        if (auto* opening = std::get_if<Opening>(&pending)) {
            settle(*opening, completion.outcome, now);
        } else if (auto* receiving = std::get_if<Receiving>(&pending)) {
            settle(*receiving, completion, now);
        }
    }
}

void Ingress::settle(Opening& opening, store::Outcome outcome, Now now) {
    if (outcome == store::Outcome::kFailed) {
        ++counters_.commits_failed;
        endpoint_.session_abandoned(opening.session);
    } else {
        endpoint_.session_committed(opening.session, now);  // its flight was counted with the handshake
        outside_.tell_others({opening.credential, opening.session, opening.order, false});
    }
}

void Ingress::settle(Receiving& receiving, const store::Completion& completion, Now now) {
    if (completion.outcome == store::Outcome::kFailed) {
        ++counters_.commits_failed;
        endpoint_.not_committed(receiving.receipt);
        if (receiving.asked) messages_.abandon(*receiving.asked);
        if (receiving.with_reading) resources_.not_committed(receiving.receipt.session);
        log_exchange(receiving.exchange, ExchangeEnd::kCommitFailed, now);
        return;
    }
    const dtls::Receipt& receipt = receiving.receipt;
    const std::uint64_t moves = endpoint_.counters().address_moves;
    traffic_.count_sent(receipt.credential, now, [&] { endpoint_.committed(receipt, now); });
    if (endpoint_.counters().address_moves != moves)
        ++traffic_.answered(receipt.credential, now).address_moves;
    if (receipt.confirms) outside_.tell_others({receipt.credential, receipt.session, receipt.order, true});
    ExchangeEnd end = receiving.exchange ? receiving.exchange->end : ExchangeEnd::kSettled;
    if (completion.outcome == store::Outcome::kReadingRefused && receiving.asked) {
        end = ExchangeEnd::kStoreFull;
        // The upload, if any, is kept: the node may try its last block again when there is room.
        ++counters_.readings_refused;
        receiving.reply = resources_.refused(*receiving.asked, completion.retry_after, receiving.spread);
    } else {
        if (receiving.upload) resources_.release(*receiving.upload);
        if (receiving.with_reading) {
            ++counters_.readings_acknowledged;
            ++traffic_.answered(receipt.credential, now).readings;
        }
    }
    if (receiving.retires) outside_.retired(*receiving.retires);
    if (receiving.asked) messages_.complete(*receiving.asked, receiving.reply);
    if (receiving.reply.empty()) {
        log_exchange(receiving.exchange, end, now);
        return;
    }
    if (receiving.asked) {
        const auto took = now.steady - receiving.arrived;
        counters_.answer_times.add(
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
    }
    if (const auto header = coap::peek_header(receiving.reply))
        ++counters_.answers[static_cast<std::uint8_t>(header->code)];
    const std::size_t sent = reply(receipt, receiving.reply, now);
    log_exchange(receiving.exchange, end, now, receiving.reply, sent);
}

void Ingress::log_exchange(std::optional<Exchange>& exchange, ExchangeEnd end, Now now, ByteView answer,
                           std::size_t response_bytes) {
    if (!exchange) return;
    exchange->finish(end, now.steady, answer, response_bytes);
    exchanges_.add(*exchange);
}

std::size_t Ingress::reply(const dtls::Receipt& receipt, ByteView message, Now now) {
    std::array<std::uint8_t, dtls::kMaxMtuBytes> datagram{};
    const auto size = endpoint_.seal(receipt.session, message, datagram, now);
    // The session may have been revoked while its record waited; the endpoint counts every other reason.
    if (!size) return 0;
    traffic_.add_sent(receipt.credential, now, *size);
    outside_.send(receipt.path, ByteView(datagram).first(*size));
    return *size;
}

void Ingress::send(const Path& path, ByteView datagram) {
    traffic_.sends(datagram.size());
    outside_.send(path, datagram);
}

void Ingress::on_established(const dtls::SessionRecord& record,
                             std::optional<dtls::SessionId> replaces_unconfirmed) {
    store::Unit unit;
    unit.open = row_of(record, outside_.service_time());
    if (replaces_unconfirmed) unit.close.push_back(*replaces_unconfirmed);
    historian_.on_established(record, replaces_unconfirmed, unit);
    traffic_.handshake_came(record.credential, historian_.last_success(), now_);
    Pending opening = Opening{record.id, record.credential, record.order};
    if (!submit(std::move(unit), opening)) endpoint_.session_abandoned(record.id);
}

void Ingress::on_receipt(const dtls::Receipt& receipt, ByteView application_data) {
    traffic_.record_came(receipt.credential, now_);
    Pending pending = Receiving{.receipt = receipt, .arrived = now_.steady};
    Receiving& receiving = std::get<Receiving>(pending);
    store::Unit unit;
    if (receipt.ends_session()) {
        unit.close.push_back(receipt.session);
        historian_.on_ended(receipt.session, receipt.credential,
                            receipt.purpose == dtls::Purpose::kCloseNotify ? dtls::EndReason::kCloseNotify
                                                                           : dtls::EndReason::kFatalAlert,
                            now_.wall, unit);
    } else {
        unit.mark = mark_of(receipt, outside_.service_time());
    }
    if (receipt.replaces) unit.close.push_back(*receipt.replaces);
    if (receipt.purpose == dtls::Purpose::kApplicationData &&
        !read_application_data(application_data, receiving, unit)) {
        endpoint_.not_committed(receipt);
        return;
    }
    receiving.retires = unit.retire = retired_by(receipt);
    if (submit(std::move(unit), pending)) return;
    endpoint_.not_committed(receipt);
    log_exchange(receiving.exchange, ExchangeEnd::kQueueFull, now_);
    if (receiving.asked) messages_.abandon(*receiving.asked);
    if (receiving.with_reading) resources_.not_committed(receipt.session);
}

bool Ingress::read_application_data(ByteView data, Receiving& receiving, store::Unit& unit) {
    const auto owner = credentials_.owner_of(receiving.receipt.credential);
    if (!owner) return false;  // revoked in this very moment
    const FleetPolicy* policy = policies_->find(owner->fleet);
    const coap::MessageOptions options =
        policy == nullptr ? coap::MessageOptions{} : policy->fleet().messages;
    const dtls::SessionId session = receiving.receipt.session;
    auto verdict = messages_.receive(session, data, options, now_);
    Exchange& exchange = receiving.exchange.emplace(Exchange::begun(
        receiving.receipt, data, messages_.last_fate(), traffic_.datagram_bytes(), now_.steady));
    if (is_duplicate(messages_.last_fate())) {
        endpoint_.count_repeat(session);
        ++traffic_.heard(receiving.receipt.credential, now_).repeats;
    }
    if (auto* stored = std::get_if<coap::Reply>(&verdict)) {
        receiving.reply = std::move(stored->bytes);
        return true;
    }
    const auto* request = std::get_if<coap::Request>(&verdict);
    if (request == nullptr) return true;
    ++traffic_.heard(receiving.receipt.credential, now_).requests;

    const bool overloaded =
        pending_.size() >= overloaded_at_ || (outside_.overloaded && outside_.overloaded());
    const Asker asker{owner->device, owner->fleet, policy, endpoint_.max_application_bytes(session),
                      overloaded};
    if (policy != nullptr) receiving.spread = policy->fleet().report_interval;
    Answer answer = resources_.answer(*request, asker, *policies_, now_);
    if (is_refusal(answer.reply)) ++counters_.requests_refused;
    exchange.set_path(request->path);
    if (answer.overloaded) {
        ++counters_.overloaded;
        exchange.end = ExchangeEnd::kOverloaded;
    }
    receiving.asked = request->asked;
    receiving.upload = answer.upload;
    receiving.reply = answer.reply;
    if (answer.reading) {
        receiving.with_reading = true;
        unit.reading = std::move(answer.reading);
        // Answers without a reading have changed nothing: asked again after a crash, they are given again.
        unit.reply = store::StoredReply{.session = session,
                                        .message_id = request->asked.mid,
                                        .expires = request->asked.remembered_until,
                                        .reply = std::move(answer.reply)};
    }
    return true;
}

std::optional<store::CredentialId> Ingress::retired_by(const dtls::Receipt& receipt) const {
    if (!receipt.confirms) return std::nullopt;
    return credentials_.replaces_of(receipt.credential);
}

void Ingress::on_session_ended(dtls::SessionId session, dtls::CredentialId credential,
                               dtls::EndReason reason) {
    messages_.forget(session);
    resources_.forget(session);
    // What an operator had forgotten is gone from the store before it ends here.
    if (dtls::is_gone_from_journal(reason) || reason == dtls::EndReason::kForgotten) return;
    // A revocation deletes sessions itself, but not one whose first commit was still on its way. Should the
    // queue be full, the row stays until the next start finds it expired or revoked.
    store::Unit unit;
    unit.close.push_back(session);
    historian_.on_ended(session, credential, reason, now_.wall, unit);
    submit_closing(std::move(unit));
}

std::map<std::string_view, PoolLoad> Ingress::pools() const {
    const coap::BlockUploads& uploads = resources_.uploads();
    const coap::Exchanges& exchanges = messages_.exchanges();
    return {{"handshakes", endpoint_.handshake_load()},
            {"commits", {pending_.size(), overloaded_at_}},
            {"block_transfers", uploads.load()},
            {"block_transfer_bytes", uploads.byte_load()},
            {"exchanges", exchanges.load()},
            {"exchange_reply_bytes", exchanges.reply_byte_load()}};
}

bool Ingress::admits_handshake(const Path& path, Now now) {
    const std::size_t waiting = std::clamp(pending_.size(), kKeepsUp, kBehind) - kKeepsUp;
    admission_.set_load(behind_ ? 1.0 : static_cast<double>(waiting) / (kBehind - kKeepsUp));
    return admission_.admits(path, now);
}

void Ingress::on_handshake_ended(const dtls::HandshakeTrace& trace) {
    ++counters_.handshakes[static_cast<std::size_t>(trace.outcome)][static_cast<std::size_t>(trace.step)];
    historian_.on_handshake_ended(trace);
    traces_.add(trace);
    admission_.on_handshake_ended(trace, now_);
    // Peers have proved nothing yet, so this is for debugging only.
    log_.debug("handshake of {}: outcome {}, step {}, {} datagrams in, {} out, {} retransmissions",
               trace.path.remote.text(), static_cast<int>(trace.outcome), static_cast<int>(trace.step),
               trace.datagrams_in, trace.datagrams_out, trace.retransmissions);
}

void Ingress::submit_closing(store::Unit&& unit) {
    Pending closing = Closing{};
    (void)submit(std::move(unit), closing);
}

bool Ingress::submit(store::Unit&& unit, Pending& pending) {
    unit.ticket = ++last_ticket_;
    if (!outside_.submit(std::move(unit))) {
        ++counters_.journal_full;
        return false;
    }
    pending_.emplace(last_ticket_, std::move(pending));
    return true;
}

}  // namespace narrowgate::daemon
