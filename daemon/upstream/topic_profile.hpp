// SPDX-License-Identifier: Apache-2.0
//
// The profile of brokers that take readings under topics of our choice: one reading a message, in an
// envelope, or many of one topic in a batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>

#include "daemon/upstream/profile.hpp"
#include "daemon/upstream/topic_limits.hpp"

namespace narrowgate::daemon {

struct TopicProfileOptions {
    TopicLimits topics{};
    std::size_t max_payload_bytes = std::numeric_limits<std::size_t>::max();
    // Bytes of a batch: topic, content type and payload together, as clouds meter them. 0: no batches.
    std::size_t batch_bytes = 0;
    // Where readings enough wait, a message is as large as several batches, up to this; it is metered alike,
    // and costs us and its consumers less.
    std::size_t largest_batch_bytes = 0;
    // How long a reading waits for others to go with it, from when it was received.
    milliseconds batch_delay{1000};
    // Batches that become smaller by it go as gzip; `batch_bytes` is then of what is sent.
    bool gzip = false;
};

std::unique_ptr<Profile> topic_profile(const TopicProfileOptions& options);

}  // namespace narrowgate::daemon
