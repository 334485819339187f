// SPDX-License-Identifier: Apache-2.0
#include "fakes/dtls_client.hpp"

#include <cstdlib>

namespace narrowgate::fakes {
namespace {

sim::DtlsOptions as_session_options(const DtlsClientOptions& options) {
    return {.identity = std::string(text_of(options.identity)),
            .psk = options.psk,
            .suites = options.suites,
            .connection_id = options.offer_cid,
            .own_cid = options.own_cid,
            .max_fragment = options.max_fragment,
            .extended_master_secret = options.extended_master_secret,
            .pack_datagrams = options.pack_datagrams,
            .mtu = options.mtu,
            .handshake_timeout_min = options.timeout_min,
            .handshake_timeout_max = options.timeout_max};
}

// A node has no use for the wall clock.
Now at(SteadyTime now) {
    return {now, {}};
}

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

DtlsClient::DtlsClient(const DtlsClientOptions& options) : session_(as_session_options(options)) {}

void DtlsClient::collect() {
    while (auto datagram = session_.next_datagram())
        datagrams_.push_back(std::move(*datagram));
}

void DtlsClient::start(SteadyTime now) {
    session_.connect(at(now));
    collect();
}

void DtlsClient::receive(ByteView datagram, SteadyTime now) {
    for (Bytes& message : session_.receive(datagram, at(now)))
        received_.push_back(std::move(message));
    collect();
}

void DtlsClient::advance(SteadyTime now) {
    session_.advance(at(now));
    collect();
}

std::vector<Bytes> DtlsClient::take_datagrams() {
    return std::exchange(datagrams_, {});
}

Bytes DtlsClient::seal(ByteView application_data, SteadyTime now) {
    check(session_.send(application_data, at(now)));
    return session_.next_datagram().value();
}

Bytes DtlsClient::close(SteadyTime now) {
    check(established());
    session_.close(at(now));
    return session_.next_datagram().value();
}

DtlsClient::State DtlsClient::state() const {
    switch (session_.state()) {
        case sim::DtlsSession::State::kIdle:
        case sim::DtlsSession::State::kHandshaking:
            return State::kShakingHands;
        case sim::DtlsSession::State::kEstablished:
            return State::kEstablished;
        case sim::DtlsSession::State::kClosed:
            return State::kClosed;
        case sim::DtlsSession::State::kFailed:
            break;
    }
    return State::kFailed;
}

}  // namespace narrowgate::fakes
