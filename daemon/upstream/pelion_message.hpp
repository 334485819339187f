// SPDX-License-Identifier: Apache-2.0
//
// The messages of the MQTT protocol translator of Pelion (Izuma) Edge, both ways. The translator reads its
// JSON without looking: a number or a null where it wants a string ends its process. What is rendered here
// has strings alone, whatever comes in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/upstream/ipso_mapping.hpp"
#include "daemon/upstream/pelion_options.hpp"
#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {

// Where it answers. Its other topics are about certificates.
inline constexpr std::string_view kTranslatorTopic = "MQTTPt/TranslatorRegistration";
inline constexpr std::string_view kNodeTopic = "MQTTPt/DeviceRegistration";
inline constexpr std::string_view kRequestTopic = "MQTTPt/RequestResponse";

// A node's name as a topic level and as Pelion's device name: '/', '+', '#', '%', control characters and
// bytes that are not UTF-8 become %XX, so that no two nodes share one (TopicTemplate).
std::string pelion_name(std::string_view device);

// Asks the translator to start; one that has started says so.
mqtt::Publish start_message(std::string_view request_id);

// All of these values in one message, which the translator writes to Edge Core in one go. `values` is not
// empty, `node` as pelion_name() makes it.
mqtt::Publish value_message(PelionForm form, std::string_view gateway_id, std::string_view node,
                            const ResourceValues& values);

struct TranslatorAnswer {
    enum class Kind : std::uint8_t {
        kStarting,        // start_pt is "handled": it was not started before, so it knows no node
        kStartedBefore,   // start_pt is refused with error 1
        kStartRefused,    // with another error
        kRegistered,      // the translator, at Edge Core
        kNotRegistered,   // likewise; its process ends
        kUnregistered,    // it has left
        kNodeRegistered,  // node
        kNodeFailed,      // node
    };
    Kind kind{};
    std::string request_id;
    std::string node;
    std::string error;
};

// Nothing when it is none of these: anybody may publish anything.
std::optional<TranslatorAnswer> answer_of(const mqtt::Message& message);

}  // namespace narrowgate::daemon
