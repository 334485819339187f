// SPDX-License-Identifier: Apache-2.0
#include "sim/node_client.hpp"

#include <algorithm>

#include "sim/senml_reading.hpp"

namespace narrowgate::sim {

NodeClient::NodeClient(const NodeOptions& options, std::uint64_t seed)
    : identity_(options.dtls.identity),
      resource_(options.resource),
      retry_after_(options.retry_after),
      reconnects_(options.reconnects),
      random_(seed),
      dtls_(options.dtls),
      coap_(options.coap, random_()) {}

void NodeClient::note(NodeEvent::Kind kind, std::uint64_t sequence, std::uint8_t code, Now now) {
    events_.push_back({kind, sequence, code, now.steady});
}

void NodeClient::connect(Now now) {
    ++counts_.handshakes_started;
    not_before_.reset();
    dtls_.connect(now);
    settle(now);
}

void NodeClient::measure(Now now) {
    litres_ += std::uniform_int_distribution<std::uint64_t>(0, 40)(random_);
    const double celsius = std::uniform_int_distribution(20, 90)(random_) / 4.0;
    queue_.push_back({++last_sequence_, now.steady, celsius, litres_});
    send_next(now);
}

void NodeClient::receive(ByteView datagram, Now now) {
    Traffic& traffic = established() ? counts_.reading_down : counts_.handshake_down;
    ++traffic.datagrams;
    traffic.udp_payload_bytes += datagram.size();
    for (const Bytes& message : dtls_.receive(datagram, now)) {
        const auto response = coap_.receive(message, now);
        if (const Bytes reply = coap_.take_reply(); !reply.empty()) (void)dtls_.send(reply, now);
        if (response) take_response(*response, now);
    }
    settle(now);
    send_next(now);
}

void NodeClient::advance(Now now) {
    dtls_.advance(now);
    settle(now);
    if (not_before_ && now.steady >= *not_before_) {
        not_before_.reset();
        if (!established()) connect(now);
    }
    const Bytes again = coap_.advance(now);
    if (!again.empty()) {
        ++counts_.retransmissions;
        (void)dtls_.send(again, now);
    } else if (coap_.idle() && coap_.gave_up() && !queue_.empty() && queue_.front().sent && !not_before_) {
        // The gateway may have it or not; a node that must not lose it can only send it again.
        ++counts_.given_up;
        note(NodeEvent::Kind::kGivenUp, queue_.front().sequence, 0, now);
        queue_.front().sent = false;
        not_before_ = now.steady + retry_after_;
        if (reconnects_) connect(now);
    }
    send_next(now);
}

void NodeClient::settle(Now now) {
    const auto state = dtls_.state();
    if (state == last_state_) return;
    if (state == DtlsSession::State::kEstablished) {
        ++counts_.handshakes;
        note(NodeEvent::Kind::kEstablished, 0, 0, now);
    } else if (state == DtlsSession::State::kFailed || state == DtlsSession::State::kClosed) {
        ++counts_.handshakes_failed;
        not_before_ = now.steady + retry_after_;
    }
    last_state_ = state;
}

void NodeClient::send_next(Now now) {
    if (!established() || !coap_.idle() || queue_.empty() || not_before_) return;
    Measured& reading = queue_.front();
    if (reading.sent) return;
    const auto age = std::chrono::duration_cast<seconds>(now.steady - reading.at).count();
    // A rotation changes the identity, as to "wm-0001#2", and not what the readings are of; nor may a SenML
    // name have a '#' (RFC 8428 section 4.5.1).
    const std::string device = identity_.substr(0, identity_.find('#'));
    const Bytes payload = encode(SenmlReading{.base_name = device + ":",
                                              .sequence = reading.sequence,
                                              .age_seconds = age,
                                              .temperature_celsius = reading.temperature_celsius,
                                              .volume_litres = reading.volume_litres});
    if (!dtls_.send(coap_.post(resource_, kContentFormatSenmlCbor, payload, now), now)) return;
    reading.sent = true;
    if (reading.sequence > counts_.sent) {
        ++counts_.sent;
        note(NodeEvent::Kind::kSent, reading.sequence, 0, now);
    }
}

void NodeClient::take_response(const CoapResponse& response, Now now) {
    const std::uint64_t sequence = queue_.front().sequence;
    if (response.code == kCodeChanged) {
        ++counts_.acked;
        note(NodeEvent::Kind::kAcked, sequence, response.code, now);
        queue_.pop_front();
    } else if (response.code == kCodeTooManyRequests || response.code == kCodeServiceUnavailable) {
        ++counts_.deferred;
        queue_.front().sent = false;
        // Max-Age is 60 s when the option is absent (RFC 7252 section 5.10.5).
        not_before_ = now.steady + response.max_age.value_or(seconds(60));
    } else {
        ++counts_.refused;
        note(NodeEvent::Kind::kRefused, sequence, response.code, now);
        queue_.pop_front();
    }
}

std::optional<SteadyTime> NodeClient::next_deadline() const {
    std::optional<SteadyTime> next = not_before_;
    for (const auto& deadline : {dtls_.next_deadline(), coap_.next_deadline()}) {
        if (deadline) next = next ? std::min(*next, *deadline) : deadline;
    }
    return next;
}

std::optional<Bytes> NodeClient::next_datagram() {
    auto datagram = dtls_.next_datagram();
    if (datagram) {
        Traffic& traffic = established() ? counts_.reading_up : counts_.handshake_up;
        ++traffic.datagrams;
        traffic.udp_payload_bytes += datagram->size();
    }
    return datagram;
}

}  // namespace narrowgate::sim
