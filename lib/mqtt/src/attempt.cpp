// SPDX-License-Identifier: Apache-2.0
#include "attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "failure.hpp"

namespace narrowgate::mqtt {
namespace {

// Messages that paho holds at most; it counts those in flight too.
constexpr int kMaxBuffered = static_cast<int>(kPahoMaxInflight) * 2;
static_assert(sizeof(void*) >= sizeof(std::uint64_t), "a publish's token travels as paho's context pointer");

template <class T>
std::optional<T> property_of(const ::mqtt::properties& properties, ::mqtt::property::code code) {
    if (!properties.contains(code)) return std::nullopt;
    return ::mqtt::get<T>(properties, code);
}

ServerLimits limits_of(const ::mqtt::token& token) {
    ServerLimits limits;
    try {
        const ::mqtt::connect_response response = token.get_connect_response();
        const ::mqtt::properties& properties = response.get_properties();
        using code = ::mqtt::property::code;
        if (const auto value = property_of<std::uint16_t>(properties, code::RECEIVE_MAXIMUM)) {
            limits.receive_maximum = *value;
        }
        if (const auto value = property_of<std::uint16_t>(properties, code::TOPIC_ALIAS_MAXIMUM)) {
            limits.topic_alias_maximum = *value;
        }
        if (const auto value = property_of<std::uint16_t>(properties, code::SERVER_KEEP_ALIVE)) {
            limits.keep_alive = seconds(*value);
        }
        if (const auto value = property_of<std::uint8_t>(properties, code::MAXIMUM_QOS)) {
            limits.maximum_qos = *value;
        }
        limits.maximum_packet_size = property_of<std::uint32_t>(properties, code::MAXIMUM_PACKET_SIZE);
    } catch (const std::exception&) {
        // A CONNACK whose properties cannot be read limits nothing.
    }
    return limits;
}

}  // namespace

Attempt::Attempt(std::uint64_t number, const ConnectionOptions& options, Dialer& dialer, Learned& learned,
                 const Connection::Post& post)
    : number_(number),
      options_(options),
      began_(SystemClock{}.now().steady),
      dialer_(dialer),
      learned_(learned),
      post_(post) {}

Attempt::~Attempt() {
    mute();
    end_trace();
    // Not under client_mutex_: nothing else can hold it any more.
    client_.reset();
}

void Attempt::begin(const Tunnel& tunnel) {
    const std::scoped_lock lock(client_mutex_);
    if (given_up_) return;
    {
        const std::scoped_lock event_lock(event_mutex_);
        paho_trace_ = std::make_unique<PahoTrace>();
    }
    const auto spent = std::chrono::duration_cast<seconds>(SystemClock{}.now().steady - began_);
    try {
        client_ = std::make_unique<::mqtt::async_client>(options_.url, options_.client_id,
                                                         ::mqtt::create_options_builder()
                                                             .mqtt_version(MQTTVERSION_5)
                                                             .max_buffered_messages(kMaxBuffered)
                                                             .finalize(),
                                                         nullptr);
        client_->set_connection_lost_handler([this](const std::string&) { lose(std::nullopt); });
        client_->set_disconnected_handler([this](const ::mqtt::properties&, ::mqtt::ReasonCode code) {
            lose(static_cast<ReasonCode>(code));
        });

        ::mqtt::ssl_options ssl;
        ssl.set_trust_store(options_.ca_file.string());
        ssl.set_key_store(options_.certificate_file.string());
        ssl.set_private_key(options_.key_file.string());
        ssl.set_enable_server_cert_auth(true);
        ssl.set_verify(true);
        if (!options_.alpn.empty()) ssl.set_alpn_protos(options_.alpn);

        ::mqtt::connect_options connect;
        connect.set_mqtt_version(MQTTVERSION_5);
        connect.set_clean_start(true);
        const seconds theirs(learned_.keep_alive_seconds);
        connect.set_keep_alive_interval(theirs > seconds(0) ? theirs : options_.keep_alive);
        connect.set_connect_timeout(std::max(options_.connect_timeout - spent, seconds(1)));
        connect.set_max_inflight(static_cast<int>(kPahoMaxInflight));
        connect.set_https_proxy(tunnel.proxy_url());
        connect.set_ssl(ssl);
        client_->connect(std::move(connect), nullptr, connect_listener_);
    } catch (const std::exception& error) {
        fail_without_answer(error.what());
    }
}

void Attempt::fail(Error error, ReasonCode code) {
    Event event;
    event.kind = Event::Kind::kConnectFailed;
    event.code = code;
    event.error = std::move(error);
    emit(std::move(event));
}

void Attempt::fail_without_answer(const std::string& library_words) {
    for (std::string& line : PahoTrace::take_lines()) {
        TraceStep step;
        step.kind = TraceStep::Kind::kVerified;
        step.detail = std::move(line);
        dialer_.note(std::move(step));
    }
    // The library's words are the same for a time-out as for anything else, so the clock says it.
    const bool timed_out = SystemClock{}.now().steady - began_ >= options_.connect_timeout;
    fail(failed_connect(options_, dialer_.trace(), timed_out, library_words));
}

bool Attempt::publish(std::uint64_t token, const Publish& message) {
    const std::scoped_lock lock(client_mutex_);
    if (!client_) return false;
    try {
        const auto out = ::mqtt::make_message(message.topic, message.payload, 1, false);
        if (!message.content_type.empty()) {
            ::mqtt::properties properties;
            properties.add({::mqtt::property::CONTENT_TYPE, message.content_type});
            out->set_properties(std::move(properties));
        }
        client_->publish(out, reinterpret_cast<void*>(token), publish_listener_);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

void Attempt::mute() {
    const std::scoped_lock lock(event_mutex_);
    over_ = true;
}

void Attempt::disconnect(milliseconds timeout) {
    mute();
    const std::scoped_lock lock(client_mutex_);
    given_up_ = true;
    if (!client_ || !client_->is_connected()) return;
    try {
        client_->disconnect(0)->wait_for(timeout);
    } catch (const std::exception&) {
        // Already lost: nothing to say it to.
    }
}

void Attempt::emit(Event event) {
    const std::scoped_lock lock(event_mutex_);
    if (over_) return;
    if (event.kind == Event::Kind::kConnected) {
        if (std::exchange(connected_, true)) return;
    } else if (event.kind != Event::Kind::kPublished) {
        over_ = true;
    }
    event.attempt = number_;
    post_(std::move(event));
}

void Attempt::lose(std::optional<ReasonCode> said) {
    bool connected = false;
    {
        const std::scoped_lock lock(event_mutex_);
        connected = connected_;
    }
    Event event;
    event.kind = connected ? Event::Kind::kLost : Event::Kind::kConnectFailed;
    event.code = said.value_or(ReasonCode::kSuccess);
    if (said == ReasonCode::kTopicAliasInvalid) learned_.no_aliases = true;
    event.error = lost_connection(options_, dialer_.trace(), said);
    emit(std::move(event));
}

void Attempt::accepted(ServerLimits limits) {
    learned_.keep_alive_seconds = static_cast<std::uint16_t>(limits.keep_alive.value_or(seconds(0)).count());
    if (learned_.no_aliases) limits.topic_alias_maximum = 0;
    if (limits.maximum_qos == 0) {
        // Without PUBACKs an acknowledgement to a node could not be kept.
        fail(refused_connect(options_, ReasonCode::kQosNotSupported), ReasonCode::kQosNotSupported);
        return;
    }
    Event event;
    event.kind = Event::Kind::kConnected;
    event.limits = limits;
    emit(std::move(event));
}

void Attempt::end_trace() {
    std::unique_ptr<PahoTrace> ending;
    const std::scoped_lock lock(event_mutex_);
    ending = std::move(paho_trace_);
}

void Attempt::ConnectListener::on_success(const ::mqtt::token& token) {
    attempt_.accepted(limits_of(token));
    attempt_.end_trace();
}

void Attempt::ConnectListener::on_failure(const ::mqtt::token& token) {
    // A refusing CONNACK comes as the return code, which is negative for everything else.
    const int result = token.get_return_code();
    const auto code = static_cast<ReasonCode>(result > 0 ? result : token.get_reason_code());
    if (verdict_of(code) != Verdict::kTaken) {
        attempt_.fail(refused_connect(attempt_.options_, code), code);
    } else {
        attempt_.fail_without_answer(::mqtt::exception::error_str(token.get_return_code()));
    }
    attempt_.end_trace();
}

void Attempt::PublishListener::on_success(const ::mqtt::token& token) {
    Event event;
    event.kind = Event::Kind::kPublished;
    event.token = reinterpret_cast<std::uint64_t>(token.get_user_context());
    event.code = static_cast<ReasonCode>(token.get_reason_code());
    attempt_.emit(std::move(event));
}

void Attempt::PublishListener::on_failure(const ::mqtt::token& token) {
    const auto code = static_cast<ReasonCode>(token.get_reason_code());
    if (verdict_of(code) == Verdict::kTaken) {
        // Not answered at all: the connection has gone, and the message with it.
        attempt_.lose(std::nullopt);
        return;
    }
    Event event;
    event.kind = Event::Kind::kPublished;
    event.token = reinterpret_cast<std::uint64_t>(token.get_user_context());
    event.code = code;
    attempt_.emit(std::move(event));
}

}  // namespace narrowgate::mqtt
