// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_message.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "daemon/upstream/topic_template.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

constexpr std::string_view kEdgeContentType = "application/json";
// OPERATION_READ: nobody but the node changes these values.
constexpr std::string_view kRead = "1";
// pt_status: PT_STATUS_ERROR, here "already started".
constexpr std::string_view kErrorStarted = "1";

// Strings that are not UTF-8 have their bad bytes replaced.
std::string payload_of(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json edge_val(const ResourceValues& values) {
    json objects = json::array();
    for (const auto& [path, value] : values) {
        const std::string object = std::to_string(path.object);
        const std::string instance = std::to_string(path.instance);
        // Sorted by path: those that belong together stand together.
        if (objects.empty() || objects.back()["objectid"] != object)
            objects.push_back({{"objectid", object}, {"objectinstances", json::array()}});
        json& instances = objects.back()["objectinstances"];
        if (instances.empty() || instances.back()["objectinstance"] != instance)
            instances.push_back({{"objectinstance", instance}, {"resources", json::array()}});
        instances.back()["resources"].push_back(
            {{"resourceid", std::to_string(path.resource)}, {"value", value}, {"operations", kRead}});
    }
    return {{"payload_field", std::move(objects)}};
}

json val(const ResourceValues& values) {
    json rows = json::array();
    for (const auto& [path, value] : values) {
        // Name, unit, least and greatest are not looked at, but must be there: ten strings or none.
        rows.push_back(json::array({"VALUE", "", value, "", "", "", std::to_string(path.object),
                                    std::to_string(path.instance), std::to_string(path.resource), kRead}));
    }
    return {{"payload_field", std::move(rows)}};
}

std::string string_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string pelion_name(std::string_view device) {
    static const TopicTemplate kLevel = *TopicTemplate::parse("{device}");
    return kLevel.fill({.fleet = {}, .device = device, .resource = {}, .gateway = {}});
}

mqtt::Publish start_message(std::string_view request_id) {
    // No "params": with it start_pt is refused.
    return {.topic = "MQTT",
            .payload = payload_of({{"request_id", request_id}, {"method", "start_pt"}}),
            .content_type = std::string(kEdgeContentType)};
}

mqtt::Publish value_message(PelionForm form, std::string_view gateway_id, std::string_view node,
                            const ResourceValues& values) {
    const bool edge = form == PelionForm::kEdgeVal;
    return {.topic = fmt::format("MQTTGw/{}/Node/{}/{}", gateway_id, node, edge ? "EdgeVal" : "Val"),
            .payload = payload_of(edge ? edge_val(values) : val(values)),
            .content_type = std::string(kEdgeContentType)};
}

std::optional<TranslatorAnswer> answer_of(const mqtt::Message& message) {
    using Kind = TranslatorAnswer::Kind;
    const json object = json::parse(message.payload, nullptr, false);
    if (!object.is_object()) return std::nullopt;
    TranslatorAnswer answer;
    const std::string said = string_of(object, "message");
    if (message.topic == kRequestTopic) {
        answer.request_id = string_of(object, "request_id");
        answer.error = string_of(object, "error");
        if (answer.request_id.empty()) return std::nullopt;
        if (answer.error.empty()) {
            if (string_of(object, "value") != "handled") return std::nullopt;
            answer.kind = Kind::kStarting;
        } else {
            answer.kind = answer.error == kErrorStarted ? Kind::kStartedBefore : Kind::kStartRefused;
        }
        return answer;
    }
    if (said == "successful_unregistration") {
        answer.kind = Kind::kUnregistered;
        return answer;
    }
    const bool success = said == "successful_registration";
    if (!success && said != "failed_registration") return std::nullopt;
    if (message.topic == kTranslatorTopic) {
        answer.kind = success ? Kind::kRegistered : Kind::kNotRegistered;
        return answer;
    }
    if (message.topic != kNodeTopic) return std::nullopt;
    answer.node = string_of(object, "device");
    if (answer.node.empty()) return std::nullopt;
    answer.kind = success ? Kind::kNodeRegistered : Kind::kNodeFailed;
    return answer;
}

}  // namespace narrowgate::daemon
