// SPDX-License-Identifier: Apache-2.0
//
// The profile of the broker in front of Pelion (Izuma) Edge: values for the MQTT protocol translator that
// listens there, one device a node. docs/pelion.md says what is set up and what is promised.
#pragma once

#include <memory>
#include <string>

#include "daemon/upstream/pelion_options.hpp"
#include "daemon/upstream/profile.hpp"

namespace narrowgate::daemon {

// `options.gateway_id` is set. `requests`: what request ids begin with, no other client's of that broker.
std::unique_ptr<Profile> pelion_profile(const PelionOptions& options, std::string requests);

}  // namespace narrowgate::daemon
