// SPDX-License-Identifier: Apache-2.0
//
// Which topics AWS IoT Core takes, and what a shadow document must be ("AWS IoT Core endpoints and quotas",
// "Reserved topics", "Device Shadow service documents").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::sim {

enum class TopicKind : std::uint8_t {
    kPlain,
    kBasicIngest,   // $aws/rules/NAME/…
    kShadowUpdate,  // $aws/things/NAME/shadow/update, and …/shadow/name/SHADOW/update
    kReserved,      // others that begin with '$'
    kInvalid,       // too long, too many slashes, empty, or with a wildcard
};

TopicKind kind_of_topic(std::string_view topic);

// Whether a shadow takes it: a JSON object with an object at state.reported, 8 KB at most.
bool is_shadow_document(ByteView payload);

// Whether a topic is under a filter: that of section 4.7 of MQTT 5 with '+' and '#', but "a/#" is not "a", as
// on AWS.
bool matches(std::string_view filter, std::string_view topic);

}  // namespace narrowgate::sim
