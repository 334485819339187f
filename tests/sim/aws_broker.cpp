// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_broker.hpp"

#include <algorithm>
#include <utility>

#include "sim/aws_topics.hpp"

namespace narrowgate::sim {
namespace {

using mqtt5::Reason;
using mqtt5::Type;

constexpr unsigned kProtocolLevel = 5;
constexpr std::size_t kMaxClientIdBytes = 128;
// Fixed header, topic and properties of a publish with the largest payload.
constexpr std::size_t kPublishHeaderBytes = 1024;
// "Additional metering details" of the pricing page.
constexpr std::size_t kMeteringUnitBytes = std::size_t{5} * 1024;

std::uint8_t code_of(Reason reason) {
    return static_cast<std::uint8_t>(reason);
}

}  // namespace

AwsBroker::Connection::Connection(const AwsOptions& options, SteadyTime now)
    : stream(options.max_payload_bytes + kPublishHeaderBytes),
      heard(now),
      publishes(options.publishes_per_second),
      bytes(options.bytes_per_second) {}

AwsBroker::AwsBroker(AwsOptions options, Listener listener)
    : options_(std::move(options)), listener_(std::move(listener)) {}

AwsBroker::ConnectionId AwsBroker::opened(SteadyTime now) {
    connections_.try_emplace(next_id_, options_, now);
    return next_id_++;
}

void AwsBroker::gone(ConnectionId id) {
    if (const auto found = connections_.find(id); found != connections_.end()) forget(found);
}

SteadyTime AwsBroker::readable_at(ConnectionId id) const {
    const auto found = connections_.find(id);
    return std::max(found == connections_.end() ? SteadyTime{} : found->second.readable_at, stalled_until_);
}

void AwsBroker::received(ConnectionId id, ByteView bytes, const Now& now) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;  // its last words are under way
    Connection& connection = found->second;
    connection.stream.append(bytes);
    while (const auto packet = connection.stream.next()) {
        connection.heard = now.steady;
        connection.bytes.spend(static_cast<double>(packet->bytes), now.steady);
        connection.byte_rate.add(static_cast<double>(packet->bytes), now.steady);
        counts_.largest_second_bytes = std::max(counts_.largest_second_bytes, connection.byte_rate.most());
        counts_.bytes += packet->bytes;
        if (!handle(id, connection, *packet, now)) return;
    }
    if (const auto broken = connection.stream.broken()) {
        end(id, *broken, now.steady);
        return;
    }
    connection.readable_at = connection.bytes.even_at();
    if (connection.readable_at > now.steady) ++counts_.delayed;
}

bool AwsBroker::handle(ConnectionId id, Connection& connection, const mqtt5::Packet& packet, const Now& now) {
    const SteadyTime at = now.steady;
    if (connection.client.empty()) {
        return packet.type() == Type::kConnect ? on_connect(id, connection, packet.body, at) : cut(id);
    }
    // "Clients must wait for the CONNACK before they send anything else."
    if (!connection.welcomed) {
        ++counts_.early;
        return end(id, Reason::kProtocolError, at);
    }
    switch (packet.type()) {
        case Type::kPublish:
            return on_publish(id, connection, packet, now);
        case Type::kPingreq:
            ++counts_.pings;
            put(id, mqtt5::write_pingresp(), at);
            return true;
        case Type::kSubscribe:
        case Type::kUnsubscribe: {
            const bool unsubscribe = packet.type() == Type::kUnsubscribe;
            const auto subscribe = mqtt5::read_subscribe(packet.body, unsubscribe);
            if (!subscribe) return end(id, Reason::kMalformedPacket, at);
            // Nothing is delivered here, so nobody may wait for it.
            put(id, mqtt5::write_suback(*subscribe, Reason::kNotAuthorized, unsubscribe), at);
            return true;
        }
        case Type::kDisconnect:
            gone(id);
            cuts_.push_back({.to = id, .bytes = {}, .close = true});
            return false;
        case Type::kPuback:
            return true;
        default:
            // A second CONNECT, AUTH, and what belongs to QoS 2.
            return end(id, Reason::kProtocolError, at);
    }
}

bool AwsBroker::on_connect(ConnectionId id, Connection& connection, ByteView body, SteadyTime now) {
    const auto connect = mqtt5::read_connect(body);
    if (!connect) return cut(id);
    if (connect->protocol_level != kProtocolLevel)
        return refuse_connect(id, Reason::kUnsupportedVersion, now);
    const std::string& client = connect->client_id;
    if (client.empty() || client.size() > kMaxClientIdBytes || client.starts_with('$'))
        return refuse_connect(id, Reason::kClientIdNotValid, now);
    if (connect->will_qos > 1) return refuse_connect(id, Reason::kQosNotSupported, now);

    const auto [last, is_new] = last_connects_.try_emplace(client, now);
    if (!is_new) {
        const auto interval = std::chrono::duration_cast<milliseconds>(now - last->second);
        last->second = now;
        auto& shortest = counts_.shortest_connect_interval;
        shortest = shortest ? std::min(*shortest, interval) : interval;
        if (interval < options_.connect_interval) {
            ++counts_.connects_too_fast;
            return refuse_connect(id, Reason::kQuotaExceeded, now);
        }
    }
    if (const auto reason = std::exchange(refusing_connect_, std::nullopt))
        return refuse_connect(id, *reason, now);
    if (const auto old = clients_.find(client); old != clients_.end()) {
        ++counts_.taken_over;
        end(old->second, Reason::kSessionTakenOver, now);
    }
    ++counts_.connections;
    clients_[client] = id;
    connection.client = client;
    const seconds asked = connect->keep_alive.count() == 0 ? options_.most_keep_alive : connect->keep_alive;
    connection.keep_alive = std::clamp(asked, options_.least_keep_alive, options_.most_keep_alive);
    if (options_.disconnect_every) connection.ends = now + *options_.disconnect_every;
    mqtt5::Connack connack{
        .receive_maximum = options_.receive_maximum,
        .topic_alias_maximum = options_.topic_alias_maximum,
        .maximum_packet_size = static_cast<std::uint32_t>(options_.max_payload_bytes + kPublishHeaderBytes),
        .server_keep_alive = {}};
    if (connection.keep_alive != connect->keep_alive) connack.server_keep_alive = connection.keep_alive;
    put(id, mqtt5::write_connack(connack), now).welcomes = true;
    listener_.connected(client, connect->keep_alive);
    return true;
}

std::optional<std::string> AwsBroker::topic_of(Connection& connection, const mqtt5::Publish& publish,
                                               std::uint16_t alias_maximum) {
    if (!publish.alias) return publish.topic;
    if (*publish.alias == 0 || *publish.alias > alias_maximum) return std::nullopt;
    if (!publish.topic.empty()) {
        connection.aliases[*publish.alias] = publish.topic;
        return publish.topic;
    }
    const auto known = connection.aliases.find(*publish.alias);
    if (known == connection.aliases.end()) return std::nullopt;
    return known->second;
}

bool AwsBroker::on_publish(ConnectionId id, Connection& connection, const mqtt5::Packet& packet,
                           const Now& now) {
    const auto publish = mqtt5::read_publish(packet);
    if (!publish) return end(id, Reason::kMalformedPacket, now.steady);
    ++counts_.publishes;
    if (publish->dup) ++counts_.duplicates;
    if (publish->alias && publish->topic.empty()) ++counts_.aliased;
    connection.publish_rate.add(1, now.steady);
    counts_.largest_second = std::max(counts_.largest_second, connection.publish_rate.most());

    if (publish->qos == 2) return end(id, Reason::kQosNotSupported, now.steady);
    if (publish->payload.size() > options_.max_payload_bytes)
        return end(id, Reason::kPacketTooLarge, now.steady);
    if (publish->qos == 1 && connection.unanswered.size() >= options_.receive_maximum)
        return end(id, Reason::kReceiveMaximumExceeded, now.steady);
    if (!connection.publishes.has(1, now.steady)) {
        ++counts_.discarded;
        return true;
    }
    connection.publishes.spend(1, now.steady);
    return take_publish(id, connection, *publish, now);
}

bool AwsBroker::take_publish(ConnectionId id, Connection& connection, const mqtt5::Publish& publish,
                             const Now& now) {
    const auto topic = topic_of(connection, publish, options_.topic_alias_maximum);
    if (!topic) return end(id, Reason::kTopicAliasInvalid, now.steady);
    // "Unsupported operations on reserved topics can result in a terminated connection."
    if (kind_of_topic(*topic) == TopicKind::kReserved) return cut(id);
    if (options_.silent && is_denied(*topic)) return cut(id);
    const bool known_packet_id = publish.qos == 1 && connection.unanswered.contains(publish.packet_id);
    const auto refusal =
        known_packet_id ? Reason::kPacketIdentifierInUse : refusal_of(publish, *topic, now.steady);
    if (refusal) {
        if (publish.qos == 1) answer(id, publish.packet_id, *refusal, now.steady);
        return true;
    }
    ++counts_.taken;
    const std::size_t metered = topic->size() + publish.content_type.size() + publish.payload.size();
    counts_.metered_units +=
        std::max<std::size_t>((metered + kMeteringUnitBytes - 1) / kMeteringUnitBytes, 1);
    listener_.taken({.number = counts_.taken,
                     .at = now.wall,
                     .client = connection.client,
                     .topic = *topic,
                     .content_type = publish.content_type,
                     .payload = publish.payload,
                     .dup = publish.dup});
    if (publish.qos == 0) return true;
    connection.unanswered.emplace(publish.packet_id, counts_.taken);
    counts_.largest_unacknowledged = std::max(counts_.largest_unacknowledged, connection.unanswered.size());
    if (answers_to_lose_ > 0) return --answers_to_lose_ > 0 || cut(id);
    answer(id, publish.packet_id, Reason::kSuccess, now.steady);
    return true;
}

bool AwsBroker::is_denied(std::string_view topic) const {
    return std::ranges::any_of(options_.denied,
                               [&](const std::string& filter) { return matches(filter, topic); });
}

std::optional<Reason> AwsBroker::refusal_of(const mqtt5::Publish& publish, std::string_view topic,
                                            SteadyTime now) const {
    const TopicKind kind = kind_of_topic(topic);
    if (kind == TopicKind::kInvalid) return Reason::kTopicNameInvalid;
    if (is_denied(topic)) return Reason::kNotAuthorized;
    if (refusing_ && now < refusing_until_) return refusing_;
    if (kind == TopicKind::kShadowUpdate && !is_shadow_document(publish.payload)) return Reason::kUnspecified;
    return std::nullopt;
}

void AwsBroker::answer(ConnectionId id, std::uint16_t packet_id, Reason reason, SteadyTime now) {
    ++counts_.answers[code_of(reason)];
    Pending& pending = put(id, mqtt5::write_puback(packet_id, reason), now);
    if (reason == Reason::kSuccess) pending.answers = packet_id;
}

AwsBroker::Pending& AwsBroker::put(ConnectionId id, Bytes bytes, SteadyTime now) {
    return pending_.emplace_back(
        Pending{.at = now + options_.round_trip, .output = {.to = id, .bytes = std::move(bytes)}});
}

bool AwsBroker::refuse_connect(ConnectionId id, Reason reason, SteadyTime now) {
    put(id, mqtt5::write_connack({.reason = reason, .server_keep_alive = {}}), now).output.close = true;
    gone(id);
    return false;
}

bool AwsBroker::end(ConnectionId id, Reason reason, SteadyTime now) {
    ++counts_.disconnects[code_of(reason)];
    put(id, mqtt5::write_disconnect(reason), now).output.close = true;
    gone(id);
    return false;
}

bool AwsBroker::cut(ConnectionId id) {
    ++counts_.closed;
    cuts_.push_back({.to = id, .bytes = {}, .close = true});
    gone(id);
    return false;
}

void AwsBroker::forget(Connections::iterator connection) {
    const auto id = connection->first;
    std::vector<std::uint64_t> lost;
    for (const auto& [packet_id, number] : connection->second.unanswered)
        lost.push_back(number);
    counts_.unanswered += lost.size();
    if (!lost.empty()) listener_.unanswered(lost);
    // Answers that are still under way are lost with it; a last word is not.
    std::erase_if(pending_, [&](const Pending& one) { return one.output.to == id && !one.output.close; });
    const auto client = clients_.find(connection->second.client);
    if (client != clients_.end() && client->second == id) clients_.erase(client);
    connections_.erase(connection);
}

std::optional<AwsBroker::Output> AwsBroker::take(SteadyTime now) {
    if (!cuts_.empty()) {
        Output output = std::move(cuts_.front());
        cuts_.pop_front();
        return output;
    }
    if (pending_.empty() || pending_.front().at > now || stalled_until_ > now) return std::nullopt;
    Pending pending = std::move(pending_.front());
    pending_.pop_front();
    if (const auto found = connections_.find(pending.output.to); found != connections_.end()) {
        if (pending.welcomes) found->second.welcomed = true;
        if (pending.answers != 0) found->second.unanswered.erase(pending.answers);
    }
    return std::move(pending.output);
}

void AwsBroker::turn(SteadyTime now) {
    if (stalled_until_ > now) return;
    std::vector<std::pair<ConnectionId, std::optional<Reason>>> ending;
    for (const auto& [id, connection] : connections_) {
        if (connection.client.empty()) continue;
        if (connection.ends && now >= *connection.ends) {
            ending.emplace_back(id, options_.disconnect_reason);
        } else if (now >= connection.heard + connection.keep_alive * 3 / 2) {
            ending.emplace_back(id, Reason::kKeepAliveTimeout);
        }
    }
    for (const auto& [id, reason] : ending)
        reason ? end(id, *reason, now) : cut(id);
}

std::optional<SteadyTime> AwsBroker::deadline() const {
    std::optional<SteadyTime> first;
    const auto at = [&](SteadyTime when) {
        when = std::max(when, stalled_until_);
        first = first ? std::min(*first, when) : when;
    };
    if (!cuts_.empty()) return SteadyTime{};
    if (!pending_.empty()) at(pending_.front().at);
    for (const auto& [id, connection] : connections_) {
        if (connection.client.empty()) continue;
        at(connection.heard + connection.keep_alive * 3 / 2);
        if (connection.ends) at(*connection.ends);
        // Reading that was put off.
        if (connection.readable_at > connection.heard) at(connection.readable_at);
    }
    return first;
}

void AwsBroker::disconnect_all(std::optional<Reason> reason, SteadyTime now) {
    std::vector<ConnectionId> all;
    for (const auto& [id, connection] : connections_)
        all.push_back(id);
    for (const ConnectionId id : all)
        reason ? end(id, *reason, now) : cut(id);
}

void AwsBroker::refuse(Reason reason, SteadyTime until) {
    refusing_ = reason;
    refusing_until_ = until;
}

}  // namespace narrowgate::sim
