// SPDX-License-Identifier: Apache-2.0
#include "attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

// "receive maximum 20, topic aliases 10".
std::string to_words(const ServerLimits& limits) {
    std::string words = fmt::format("accepted; receive maximum {}, topic aliases {}", limits.receive_maximum,
                                    limits.topic_alias_maximum);
    if (limits.maximum_packet_size)
        words += fmt::format(", packets of {} bytes", *limits.maximum_packet_size);
    if (limits.keep_alive) words += fmt::format(", keep alive {} s", limits.keep_alive->count());
    return words;
}

// Gives its place in the inbox back when the last copy of its event goes.
struct UnreadMessage {
    UnreadMessage(Message&& arrived, std::shared_ptr<Inbox> place)
        : message(std::move(arrived)), inbox(std::move(place)) {}
    ~UnreadMessage() { --inbox->unread; }
    UnreadMessage(const UnreadMessage&) = delete;
    UnreadMessage& operator=(const UnreadMessage&) = delete;

    const Message message;
    const std::shared_ptr<Inbox> inbox;
};

}  // namespace

Attempt::Attempt(std::uint64_t number, const ConnectionOptions& options, Dialer& dialer,
                 TraceHistory& history, Learned& learned, const Connection::Post& post,
                 std::shared_ptr<Inbox> inbox)
    : number_(number),
      options_(options),
      began_(SystemClock{}.now().steady),
      dialer_(dialer),
      history_(history),
      learned_(learned),
      inbox_(std::move(inbox)),
      post_(post) {}

Attempt::~Attempt() {
    mute();
    // Not under client_mutex_: nothing else can hold it any more.
    client_.reset();
}

void Attempt::begin(const Tunnel& tunnel) {
    const std::scoped_lock lock(client_mutex_);
    if (given_up_) return;
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
        client_->set_message_callback(
            [this](const ::mqtt::const_message_ptr& message) { arrived(*message); });

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

TracedAttempt Attempt::traced(const Outcome& outcome) const {
    ConnectionTrace trace;
    if (outcome.files) {
        // Nothing was dialed: what the dialer has is of an attempt before.
        trace.began = SystemClock{}.now().wall;
    } else {
        trace = dialer_.trace();
    }
    Diagnosis diagnosis = diagnose(options_, trace, outcome);
    return {std::move(trace), std::move(diagnosis)};
}

void Attempt::end(Event::Kind kind, const Outcome& outcome) {
    TracedAttempt ended = traced(outcome);
    Event event;
    event.kind = kind;
    event.code = outcome.code.value_or(ReasonCode::kSuccess);
    event.error = to_error(options_, ended.diagnosis);
    emit(std::move(event), std::move(ended));
}

void Attempt::fail_before_dialing(Error error) {
    end(Event::Kind::kConnectFailed,
        {.end = Outcome::End::kFailed, .error = std::move(error), .files = true});
}

void Attempt::fail_to_dial(Error error) {
    end(Event::Kind::kConnectFailed, {.end = Outcome::End::kFailed, .error = std::move(error)});
}

void Attempt::fail_without_answer(const std::string& library_words) {
    // The library's words are the same for a time-out as for anything else, so the clock
    // says it.
    const bool timed_out = SystemClock{}.now().steady - began_ >= options_.connect_timeout;
    end(Event::Kind::kConnectFailed,
        {.end = Outcome::End::kFailed, .error = {library_words, ""}, .timed_out = timed_out});
}

void Attempt::refuse(ReasonCode code) {
    note(TraceStep::Kind::kConnack, "refused: " + to_words(code), code);
    learn(code);
    end(Event::Kind::kConnectFailed, {.end = Outcome::End::kRefused, .code = code});
}

void Attempt::note(TraceStep::Kind kind, std::string detail, ReasonCode code) {
    TraceStep step;
    step.kind = kind;
    step.code = static_cast<int>(code);
    step.detail = std::move(detail);
    dialer_.note(std::move(step));
}

bool Attempt::publish(std::uint64_t token, const Publish& message) {
    const std::scoped_lock lock(client_mutex_);
    if (!client_) return false;
    try {
        const auto out = ::mqtt::make_message(message.topic, message.payload, 1, false);
        if (!message.content_type.empty() || message.topic_alias != 0) {
            ::mqtt::properties properties;
            if (!message.content_type.empty())
                properties.add({::mqtt::property::CONTENT_TYPE, message.content_type});
            if (message.topic_alias != 0)
                properties.add({::mqtt::property::TOPIC_ALIAS, message.topic_alias});
            out->set_properties(std::move(properties));
        }
        if (!std::exchange(published_, true))
            note(TraceStep::Kind::kPublish,
                 fmt::format("{}, {} bytes of payload", message.topic, message.payload.size()),
                 ReasonCode::kSuccess);
        client_->publish(out, reinterpret_cast<void*>(token), publish_listener_);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

bool Attempt::subscribe(std::uint64_t token, const Subscription& subscription) {
    const std::scoped_lock lock(client_mutex_);
    if (!client_) return false;
    try {
        client_->subscribe(subscription.filter, subscription.qos, reinterpret_cast<void*>(token),
                           subscribe_listener_);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

void Attempt::arrived(const ::mqtt::message& message) {
    const std::string& topic = message.get_topic();
    const std::string& payload = message.get_payload_str();
    const bool fits =
        topic.size() <= Message::kMaxBytes && payload.size() <= Message::kMaxBytes - topic.size();
    if (!fits || inbox_->unread.fetch_add(1) >= Message::kMaxUnread) {
        if (fits) --inbox_->unread;
        ++inbox_->dropped;
        return;
    }
    Event event;
    event.kind = Event::Kind::kMessage;
    const auto unread = std::make_shared<UnreadMessage>(Message{.topic = topic, .payload = payload}, inbox_);
    event.message = std::shared_ptr<const Message>(unread, &unread->message);
    emit(std::move(event));
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

void Attempt::emit(Event event, std::optional<TracedAttempt> ended) {
    const std::scoped_lock lock(event_mutex_);
    if (over_) return;
    if (event.kind == Event::Kind::kConnected) {
        if (std::exchange(connected_, true)) return;
    } else if (event.kind == Event::Kind::kConnectFailed || event.kind == Event::Kind::kLost) {
        over_ = true;
    }
    if (ended) {
        const Finding finding = ended->diagnosis.finding;
        if (finding == Finding::kOk || (finding == Finding::kDnsSlow && connected_)) {
            history_.good(*std::move(ended));
        } else {
            history_.bad(*std::move(ended));
        }
    }
    event.attempt = number_;
    post_(std::move(event));
}

void Attempt::connected(ServerLimits limits) {
    // The library calls back twice for the same CONNACK (its handler of reconnects does).
    {
        const std::scoped_lock lock(event_mutex_);
        if (connected_ || over_) return;
    }
    note(TraceStep::Kind::kConnack, to_words(limits), ReasonCode::kSuccess);
    // A broker that is content with what we asked for says nothing, and so is one that was asked for what it
    // had said before: that stands.
    if (limits.keep_alive)
        learned_.keep_alive_seconds = static_cast<std::uint16_t>(limits.keep_alive->count());
    if (learned_.no_aliases) limits.topic_alias_maximum = 0;
    if (limits.maximum_qos == 0) {
        // Without PUBACKs an acknowledgement to a node could not be kept.
        end(Event::Kind::kConnectFailed,
            {.end = Outcome::End::kRefused, .code = ReasonCode::kQosNotSupported});
        return;
    }
    Event event;
    event.kind = Event::Kind::kConnected;
    event.limits = limits;
    emit(std::move(event), traced({.end = Outcome::End::kConnected}));
}

void Attempt::answered(std::uint64_t token, ReasonCode code) {
    bool first = false;
    {
        const std::scoped_lock lock(event_mutex_);
        first = !std::exchange(answered_, true);
    }
    Event event;
    event.kind = Event::Kind::kPublished;
    event.token = token;
    event.code = code;
    if (!first) {
        emit(std::move(event));
        return;
    }
    note(TraceStep::Kind::kPuback, to_words(code), code);
    emit(std::move(event), traced({.end = Outcome::End::kPublished, .code = code}));
}

void Attempt::learn(ReasonCode said) {
    // In DISCONNECT; MQTT 5 knows it nowhere else, but a broker that puts it into a CONNACK means the same.
    if (said == ReasonCode::kTopicAliasInvalid) learned_.no_aliases = true;
}

void Attempt::lose(std::optional<ReasonCode> said) {
    bool connected = false;
    {
        const std::scoped_lock lock(event_mutex_);
        connected = connected_;
    }
    if (said) learn(*said);
    if (connected) {
        end(Event::Kind::kLost, {.end = Outcome::End::kLost, .code = said});
    } else {
        end(Event::Kind::kConnectFailed,
            {.end = Outcome::End::kFailed, .error = {"the connection was lost before CONNACK", ""}});
    }
}

void Attempt::ConnectListener::on_success(const ::mqtt::token& token) {
    attempt_.connected(limits_of(token));
}

void Attempt::ConnectListener::on_failure(const ::mqtt::token& token) {
    // A refusing CONNACK comes as the return code, which is negative for everything else.
    const int result = token.get_return_code();
    const auto code = static_cast<ReasonCode>(result > 0 ? result : token.get_reason_code());
    if (verdict_of(code) != Verdict::kTaken) {
        attempt_.refuse(code);
    } else {
        attempt_.fail_without_answer(::mqtt::exception::error_str(token.get_return_code()));
    }
}

void Attempt::SubscribeListener::on_success(const ::mqtt::token& token) {
    Event event;
    event.kind = Event::Kind::kSubscribed;
    event.token = reinterpret_cast<std::uint64_t>(token.get_user_context());
    event.code = static_cast<ReasonCode>(token.get_reason_code());
    attempt_.emit(std::move(event));
}

void Attempt::SubscribeListener::on_failure(const ::mqtt::token& token) {
    const auto code = static_cast<ReasonCode>(token.get_reason_code());
    if (verdict_of(code) == Verdict::kTaken) {
        // Not answered at all.
        attempt_.lose(std::nullopt);
        return;
    }
    Event event;
    event.kind = Event::Kind::kSubscribed;
    event.token = reinterpret_cast<std::uint64_t>(token.get_user_context());
    event.code = code;
    attempt_.emit(std::move(event));
}

void Attempt::PublishListener::on_success(const ::mqtt::token& token) {
    attempt_.answered(reinterpret_cast<std::uint64_t>(token.get_user_context()),
                      static_cast<ReasonCode>(token.get_reason_code()));
}

void Attempt::PublishListener::on_failure(const ::mqtt::token& token) {
    const auto code = static_cast<ReasonCode>(token.get_reason_code());
    if (verdict_of(code) == Verdict::kTaken) {
        // Not answered at all: the connection has gone, and the message with it.
        attempt_.lose(std::nullopt);
        return;
    }
    attempt_.answered(reinterpret_cast<std::uint64_t>(token.get_user_context()), code);
}

}  // namespace narrowgate::mqtt
