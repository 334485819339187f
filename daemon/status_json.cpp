// SPDX-License-Identifier: Apache-2.0
//
// Both directions are one list of fields, so that they cannot drift apart.
#include <nlohmann/json.hpp>
#include <type_traits>

#include "daemon/status.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

class Writer {
public:
    explicit Writer(json& object) : object_(object) {}

    template <class T>
    void field(const char* name, const T& value) {
        object_[name] = value;
    }
    void field(const char* name, WallTime value) { object_[name] = to_rfc3339(value); }
    void field(const char* name, const std::optional<WallTime>& value) {
        object_[name] = value ? json(to_rfc3339(*value)) : json(nullptr);
    }
    void field(const char* name, std::chrono::microseconds value) { object_[name] = value.count(); }
    template <class T, class Fields>
    void object(const char* name, const T& value, Fields fields) {
        Writer inner(object_[name] = json::object());
        fields(inner, value);
    }
    template <class T, class Fields>
    void list(const char* name, const std::vector<T>& values, Fields fields) {
        json& array = object_[name] = json::array();
        for (const T& value : values) {
            json element = json::object();
            Writer inner(element);
            fields(inner, value);
            array.push_back(std::move(element));
        }
    }

private:
    json& object_;
};

// What is missing, or of another type, is left alone.
class Reader {
public:
    explicit Reader(const json& object) : object_(object) {}

    void field(const char* name, std::string& out) {
        if (const json* value = find(name); value != nullptr && value->is_string())
            out = value->get<std::string>();
    }
    void field(const char* name, bool& out) {
        if (const json* value = find(name); value != nullptr && value->is_boolean()) out = value->get<bool>();
    }
    void field(const char* name, double& out) {
        if (const json* value = find(name); value != nullptr && value->is_number())
            out = value->get<double>();
    }
    void field(const char* name, std::uint64_t& out) {
        if (const json* value = find(name); value != nullptr && value->is_number_unsigned())
            out = value->get<std::uint64_t>();
    }
    void field(const char* name, std::chrono::microseconds& out) {
        if (const json* value = find(name); value != nullptr && value->is_number_integer())
            out = std::chrono::microseconds(value->get<std::int64_t>());
    }
    void field(const char* name, WallTime& out) {
        std::optional<WallTime> time;
        field(name, time);
        if (time) out = *time;
    }
    void field(const char* name, std::optional<WallTime>& out) {
        if (const json* value = find(name); value != nullptr && value->is_string())
            out = from_rfc3339(value->get<std::string>());
    }
    void field(const char* name, std::vector<std::string>& out) {
        if (const json* value = find(name); value != nullptr && value->is_array()) {
            for (const json& element : *value)
                if (element.is_string()) out.push_back(element.get<std::string>());
        }
    }
    void field(const char* name, std::map<std::string, std::uint64_t>& out) {
        if (const json* value = find(name); value != nullptr && value->is_object()) {
            for (const auto& [key, element] : value->items())
                if (element.is_number_unsigned()) out[key] = element.get<std::uint64_t>();
        }
    }
    template <class T, class Fields>
    void object(const char* name, T& out, Fields fields) {
        if (const json* value = find(name); value != nullptr && value->is_object()) {
            Reader inner(*value);
            fields(inner, out);
        }
    }
    template <class T, class Fields>
    void list(const char* name, std::vector<T>& out, Fields fields) {
        if (const json* value = find(name); value != nullptr && value->is_array()) {
            for (const json& element : *value) {
                if (!element.is_object()) continue;
                Reader inner(element);
                fields(inner, out.emplace_back());
            }
        }
    }

private:
    const json* find(const char* name) const {
        const auto found = object_.find(name);
        return found != object_.end() ? &*found : nullptr;
    }

    const json& object_;
};

// Each visits the fields of one struct; `value` is const for the Writer.
constexpr auto kTranslatorFields = [](auto& visitor, auto& value) {
    visitor.field("used", value.used);
    visitor.field("ready", value.ready);
    visitor.field("starts", value.starts);
    visitor.field("nodes", value.nodes);
    visitor.field("registered", value.registered);
    visitor.field("asked", value.asked);
    visitor.field("failed", value.failed);
    visitor.field("turned_away", value.turned_away);
    visitor.field("held", value.held);
    visitor.field("unmapped", value.unmapped);
};

constexpr auto kUpstreamFields = [](auto& visitor, auto& value) {
    visitor.field("name", value.name);
    visitor.field("connected", value.connected);
    visitor.field("paused", value.paused);
    visitor.field("since", value.since);
    visitor.field("trouble", value.trouble);
    visitor.field("waiting_readings", value.waiting_readings);
    visitor.field("waiting_bytes", value.waiting_bytes);
    visitor.field("oldest", value.oldest);
    visitor.field("delivered", value.delivered);
    visitor.field("replayed", value.replayed);
    visitor.field("replaying", value.replaying);
    visitor.field("replay_part", value.replay_part);
    visitor.field("dead_letters", value.dead_letters);
    visitor.field("dropped", value.dropped);
    visitor.field("reconnects", value.reconnects);
    visitor.field("messages", value.messages);
    visitor.field("message_readings", value.message_readings);
    visitor.field("metered_units", value.metered_units);
    visitor.field("units_alone", value.units_alone);
    visitor.field("unmapped", value.unmapped);
    visitor.field("backlog_full", value.backlog_full);
    visitor.object("translator", value.translator, kTranslatorFields);
    visitor.field("certificate_expires", value.certificate_expires);
    visitor.field("roots_expire", value.roots_expire);
};

constexpr auto kStoreFields = [](auto& visitor, auto& value) {
    visitor.field("waiting_readings", value.waiting_readings);
    visitor.field("waiting_bytes", value.waiting_bytes);
    visitor.field("max_bytes", value.max_bytes);
    visitor.field("oldest", value.oldest);
    visitor.field("full", value.full);
    visitor.field("disk_full", value.disk_full);
    visitor.field("over_age", value.over_age);
    visitor.field("retained_readings", value.retained_readings);
    visitor.field("retained_bytes", value.retained_bytes);
    visitor.field("retained_since", value.retained_since);
    visitor.field("commits", value.commits);
    visitor.field("last_commit_us", value.last_commit);
    visitor.field("longest_commit_us", value.longest_commit);
    visitor.field("last_fsync_us", value.last_fsync);
    visitor.field("longest_fsync_us", value.longest_fsync);
};

constexpr auto kUplinkFields = [](auto& visitor, auto& value) {
    visitor.field("readings", value.readings);
    visitor.field("refused", value.refused);
    visitor.field("requests_refused", value.requests_refused);
    visitor.field("duplicates", value.duplicates);
    visitor.field("handshakes", value.handshakes);
    visitor.field("handshakes_failed", value.handshakes_failed);
    visitor.field("handshakes_not_admitted", value.handshakes_not_admitted);
    visitor.field("records_dropped", value.records_dropped);
    visitor.field("fates", value.fates);
};

constexpr auto kShardFields = [](auto& visitor, auto& value) {
    visitor.field("sessions", value.sessions);
    visitor.field("handshakes_in_progress", value.handshakes_in_progress);
    visitor.field("received", value.received);
    visitor.field("handed_over", value.handed_over);
    visitor.field("hand_overs_dropped", value.hand_overs_dropped);
    visitor.field("readings", value.readings);
};

constexpr auto kLoadFields = [](auto& visitor, auto& value) {
    visitor.field("loading", value.loading);
    visitor.field("credentials", value.credentials);
    visitor.field("credentials_total", value.credentials_total);
    visitor.field("sessions", value.sessions);
    visitor.field("sessions_total", value.sessions_total);
};

constexpr auto kFleetFields = [](auto& visitor, auto& value) {
    visitor.field("name", value.name);
    visitor.field("devices", value.devices);
    visitor.field("heard", value.heard);
    visitor.field("never_heard", value.never_heard);
    visitor.field("silent", value.silent);
    visitor.field("fell_together", value.fell_together);
    visitor.field("over_tariff", value.over_tariff);
    visitor.field("will_exceed", value.will_exceed);
};

constexpr auto kStatusFields = [](auto& visitor, auto& value) {
    visitor.field("gateway", value.gateway);
    visitor.field("version", value.version);
    visitor.field("now", value.now);
    visitor.field("started", value.started);
    visitor.field("listening", value.listening);
    visitor.field("devices", value.devices);
    visitor.field("sessions", value.sessions);
    visitor.field("handshakes_in_progress", value.handshakes_in_progress);
    visitor.field("penalised_prefixes", value.penalised_prefixes);
    visitor.object("load", value.load, kLoadFields);
    visitor.list("shards", value.shards, kShardFields);
    visitor.object("uplink", value.uplink, kUplinkFields);
    visitor.field("readings_per_minute", value.readings_per_minute);
    visitor.object("store", value.store, kStoreFields);
    visitor.list("upstreams", value.upstreams, kUpstreamFields);
    visitor.list("fleets", value.fleets, kFleetFields);
};

}  // namespace

json to_json(const GatewayStatus& status) {
    json object = json::object();
    const Health health = health_of(status);
    object["well"] = health.well;
    object["health"] = health.sentence;
    Writer writer(object);
    kStatusFields(writer, status);
    for (std::size_t i = 0; i < status.upstreams.size(); ++i) {
        const auto& expires = status.upstreams[i].certificate_expires;
        object["upstreams"][i]["certificate_days_left"] =
            expires ? json(days_left(status.now, *expires)) : json(nullptr);
    }
    return object;
}

Expected<GatewayStatus> status_from_json(const json& value) {
    GatewayStatus status;
    if (!value.is_object() || !value.contains("gateway")) {
        return failure("the daemon's status is not understood",
                       "use the narrowgate command of the same version as the daemon");
    }
    Reader reader(value);
    kStatusFields(reader, status);
    return status;
}

}  // namespace narrowgate::daemon
