// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "daemon/upstream/profile.hpp"
#include "narrowgate/payload/envelope.hpp"

namespace narrowgate::daemon {
namespace {

class MqttProfile final : public Profile {
public:
    Parcel next(std::span<const Reading> waiting, const Routes& routes, WallTime) override {
        const Reading& reading = waiting.front();
        const TopicTemplate* topic = routes.find(reading.fleet, reading.resource);
        if (topic == nullptr) {
            return {.places = {0},
                    .reason = fmt::format("fleet {} has no route of {} to this upstream any more",
                                          reading.fleet, reading.resource)};
        }
        mqtt::Publish publish;
        publish.topic = topic->fill({.fleet = reading.fleet,
                                     .device = reading.device,
                                     .resource = reading.resource,
                                     .gateway = routes.gateway()});
        if (publish.topic.size() > TopicTemplate::kMaxTopicBytes) {
            return {.places = {0}, .reason = "the topic would be longer than 65535 bytes"};
        }
        publish.payload = payload::render_envelope({.id = reading.id,
                                                    .device = reading.device,
                                                    .fleet = reading.fleet,
                                                    .resource = reading.resource,
                                                    .received = reading.received,
                                                    .content_format = reading.content_format,
                                                    .payload = reading.payload});
        publish.content_type = "application/json";
        return {.places = {0}, .publish = std::move(publish)};
    }
};

}  // namespace

std::unique_ptr<Profile> mqtt_profile() {
    return std::make_unique<MqttProfile>();
}

}  // namespace narrowgate::daemon
