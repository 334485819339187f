// SPDX-License-Identifier: Apache-2.0
//
// What AWS IoT Core takes ("AWS IoT Core endpoints and quotas" in the AWS General Reference, protocol and
// device gateway limits). Some differ by region and some can be raised: those that have a key in the file are
// defaults.
#pragma once

#include <chrono>
#include <cstddef>

namespace narrowgate::daemon::aws {

// Publish requests per second per connection; what is above is discarded without an answer. 5 below: their
// second and ours do not begin together.
inline constexpr double kMostPublishesPerSecond = 100;
inline constexpr double kPublishesPerSecond = kMostPublishesPerSecond - 5;
// Throughput per second per connection; above it is delayed, until we take the connection for dead.
inline constexpr double kMostBytesPerSecond = 512 * 1024;
// Less what a burst adds to a second, and the message that overdraws it.
inline constexpr std::size_t kLargestBatchBytes = std::size_t{60} * 1024;
inline constexpr double kBytesPerSecond = kMostBytesPerSecond - 26 * 1024 - kLargestBatchBytes;
// Publishes without a PUBACK on one connection, less what paho bears (mqtt::kMaxWindow).
inline constexpr std::size_t kMaxUnacknowledged = 100;
// Bytes of the payload of one publish.
inline constexpr std::size_t kMaxPayloadBytes = std::size_t{128} * 1024;
// Bytes and slashes of a topic; a Basic Ingest prefix, "$aws/rules/NAME/", does not count.
inline constexpr std::size_t kMaxTopicBytes = 256;
inline constexpr std::size_t kMaxTopicSlashes = 7;
inline constexpr std::size_t kMaxClientIdBytes = 128;
// A shorter keep-alive is taken for the least, a longer one for the most.
inline constexpr std::chrono::seconds kLeastKeepAlive{30};
inline constexpr std::chrono::seconds kMostKeepAlive{1200};

// "Additional metering details" of the pricing page: messages are metered in units of 5 KB, topic, content
// type and payload together.
inline constexpr std::size_t kMeteringUnitBytes = std::size_t{5} * 1024;

// "AWS IoT Device Shadow service quotas": bytes of a shadow's JSON document, and the levels of its reported
// state (8 in newer tables, 5 in older ones: what both take).
inline constexpr std::size_t kMaxShadowBytes = std::size_t{8} * 1024;
inline constexpr std::size_t kMaxShadowDepth = 5;
// API reference: CreateThing, UpdateThingShadow, CreateTopicRule.
inline constexpr std::size_t kMaxThingNameBytes = 128;
inline constexpr std::size_t kMaxShadowNameBytes = 64;
inline constexpr std::size_t kMaxRuleNameBytes = 128;

// MQTT with client certificates on port 443 ("Protocols, port mappings, and authentication").
inline constexpr const char* kAlpn = "x-amzn-mqtt-ca";
inline constexpr unsigned kAlpnPort = 443;

inline constexpr const char* kBasicIngestPrefix = "$aws/rules/";

}  // namespace narrowgate::daemon::aws
