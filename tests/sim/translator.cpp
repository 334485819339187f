// SPDX-License-Identifier: Apache-2.0
#include "sim/translator.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace narrowgate::sim {
namespace {

using nlohmann::json;

constexpr const char* kRegistered = R"({"message":"successful_registration"})";
constexpr const char* kNotRegistered = R"({"message":"failed_registration"})";

// As strtok_r cuts: empty levels vanish.
std::vector<std::string> levels_of(std::string_view topic) {
    std::vector<std::string> levels;
    while (!topic.empty()) {
        const auto slash = std::min(topic.find('/'), topic.size());
        if (slash > 0) levels.emplace_back(topic.substr(0, slash));
        topic.remove_prefix(std::min(slash + 1, topic.size()));
    }
    return levels;
}

// What a C string that was never checked needs to be.
const json* string_at(const json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? &*found : nullptr;
}

json array_at(const json& object, const char* key) {
    if (!object.is_object()) return json::array();
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : json::array();
}

bool is_made_by_itself(const std::string& object) {
    return object == "3303" || object == "3304";
}

}  // namespace

std::optional<std::string> Translator::receive(std::string_view topic, std::string_view payload, Time now) {
    const auto levels = levels_of(topic);
    if (levels.empty() || payload.empty()) return std::nullopt;
    payload = payload.substr(0, payload.find('\0'));
    const json message = json::parse(payload, nullptr, false);
    if (!message.is_object()) return std::nullopt;
    if (levels[0] == "MQTT") return request(message, now);
    if (levels[0] != "MQTTGw" || levels.size() < 5 || levels[2] != "Node") return std::nullopt;

    std::vector<Value> values;
    std::optional<std::string> broken;
    if (levels[4] == "EdgeVal") {
        broken = edge_val(message, values);
    } else if (levels[4] == "Val") {
        broken = val(message, values);
    } else {
        return std::nullopt;
    }
    if (!started_) {
        // The message starts it, and is lost.
        ++dropped_;
        start(now);
        return std::nullopt;
    }
    if (!ready_) {
        ++dropped_;
        return std::nullopt;
    }
    if (broken) return "node " + levels[3] + ": " + *broken;
    take(levels[3], values, now);
    return std::nullopt;
}

std::optional<std::string> Translator::request(const json& message, Time now) {
    const json* id = string_at(message, "request_id");
    if (id == nullptr) {
        say_("MQTTPt/RequestResponse", R"({"error":"4"})");
        return std::nullopt;
    }
    const auto answer = [&](const char* key, const char* value) {
        say_("MQTTPt/RequestResponse", json{{"request_id", *id}, {key, value}}.dump());
    };
    if (!message.contains("method")) {
        answer("error", "4");
        return std::nullopt;
    }
    const json* method = string_at(message, "method");
    if (method == nullptr) return "\"method\" is no string";
    if (*method != "start_pt" || started_ || message.contains("params")) {
        answer("error", "1");
        return std::nullopt;
    }
    answer("value", "handled");
    start(now);
    return std::nullopt;
}

std::optional<std::string> Translator::edge_val(const json& message, std::vector<Value>& values) const {
    for (const json& object : array_at(message, "payload_field")) {
        const json* object_id = string_at(object, "objectid");
        if (object_id == nullptr) return "\"objectid\" is no string";
        for (const json& instance : array_at(object, "objectinstances")) {
            const json* instance_id = string_at(instance, "objectinstance");
            if (instance_id == nullptr) return "\"objectinstance\" is no string";
            for (const json& resource : array_at(instance, "resources")) {
                for (const char* key : {"resourceid", "value", "operations"})
                    if (string_at(resource, key) == nullptr) return std::string(key) + " is no string";
                values.push_back({*object_id, *instance_id, resource["resourceid"], resource["value"]});
            }
        }
    }
    return std::nullopt;
}

std::optional<std::string> Translator::val(const json& message, std::vector<Value>& values) const {
    constexpr std::array<std::size_t, 5> kUsed = {2, 6, 7, 8, 9};
    for (const json& row : array_at(message, "payload_field")) {
        if (!row.is_array() || row.size() != 10) break;  // the rest is skipped
        for (const std::size_t index : kUsed)
            if (!row[index].is_string()) return "a row's member " + std::to_string(index) + " is no string";
        values.push_back({row[6], row[7], row[8], row[2]});
    }
    return std::nullopt;
}

void Translator::start(Time now) {
    started_ = true;
    ++starts_;
    due_.push_back({now + options_.start_delay, [this] {
                        if (options_.fails_to_register) {
                            say_("MQTTPt/TranslatorRegistration", kNotRegistered);
                            over_ = true;
                            return;
                        }
                        ready_ = true;
                        say_("MQTTPt/TranslatorRegistration", kRegistered);
                    }});
}

void Translator::answer_node(const std::string& node, bool success) {
    if (!success) ++failed_;
    say_("MQTTPt/DeviceRegistration",
         json{{"message", success ? "successful_registration" : "failed_registration"}, {"device", node}}
             .dump());
}

void Translator::take(const std::string& node, const std::vector<Value>& values, Time now) {
    Device& device = devices_[node];
    ++device.messages;
    const bool is_new = !device.registered;
    // Edge Core knows it already: of a second value before the first was answered, and for ever after.
    const bool twice = is_new && device.known_to_edge;
    const auto known =
        std::ranges::count_if(devices_, [](const auto& one) { return one.second.known_to_edge; });
    const bool full = is_new && !twice && static_cast<std::size_t>(known) >= options_.max_nodes;
    bool refused = false;
    if (const auto wanted = options_.refusals.find(node); is_new && wanted != options_.refusals.end())
        refused = refused_[node]++ < wanted->second;
    if (twice || full || refused) {
        device.registered = false;
        device.asked = false;
        answer_node(node, false);
        return;
    }
    for (const Value& value : values) {
        const std::string instance = "/" + value.object + "/" + value.instance;
        if (!is_made_by_itself(value.object)) {
            device.values[instance + "/" + value.resource] = value.value;
        } else if (const std::string path = instance + "/5700";
                   value.resource == "5700" || !device.values.contains(path)) {
            device.values[path] = value.value;  // whatever resource came first
        }
    }
    if (!is_new) return;
    device.known_to_edge = true;
    device.asked = true;
    due_.push_back({now + options_.node_delay, [this, node] {
                        Device& registering = devices_[node];
                        if (!registering.asked) return;
                        registering.asked = false;
                        registering.registered = true;
                        if (std::ranges::find(options_.silent, node) == options_.silent.end())
                            answer_node(node, true);
                    }});
}

bool Translator::turn(Time now) {
    std::vector<Due> due;
    std::erase_if(due_, [&](Due& one) {
        if (one.when > now) return false;
        due.push_back(std::move(one));
        return true;
    });
    for (const Due& one : due)
        one.act();
    return !over_;
}

void Translator::say_farewell() {
    if (started_) say_("MQTTPt/TranslatorRegistration", R"({"message":"successful_unregistration"})");
}

json Translator::record() const {
    json devices = json::object();
    for (const auto& [name, device] : devices_) {
        devices[name] = {
            {"registered", device.registered}, {"messages", device.messages}, {"values", device.values}};
    }
    return {{"starts", starts_}, {"dropped", dropped_}, {"failed", failed_}, {"devices", std::move(devices)}};
}

}  // namespace narrowgate::sim
