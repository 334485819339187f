// SPDX-License-Identifier: Apache-2.0
//
// A message of a device and what became of it, as `narrowgate device show` tells of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::daemon {

// How the gateway was done with a message.
enum class ExchangeEnd : std::uint8_t {
    kSettled,       // durable, and answered if there was anything to answer
    kStoreFull,     // 5.03: the reading found no place in the store
    kOverloaded,    // 5.03: more waits for the store's writer than it keeps up with
    kCommitFailed,  // no answer: the node sends it again
    kQueueFull,     // likewise: the writer's queue took no more
};

struct DeviceExchange {
    SteadyTime arrived{};
    WallTime at{};  // the same moment, once it is told to people
    store::CredentialId credential = 0;
    coap::MessageFate message = coap::MessageFate::kRequest;
    ExchangeEnd end = ExchangeEnd::kSettled;
    coap::Code method = coap::Code::kEmpty;  // of a message that could not be read: whatever stood there
    std::string path;                      // "a/b"; empty: the root, or that of a message that was no request
    bool path_cut = false;                 // it goes on
    coap::Code code = coap::Code::kEmpty;  // of the answer; kEmpty: an ACK or RST without one
    std::uint16_t request_bytes = 0;       // of UDP payload, like the next
    std::uint16_t response_bytes = 0;      // 0: no answer was sent
    std::chrono::microseconds took{0};     // from the record's arrival to its answer, the commit in between
    std::uint32_t repeats = 0;             // times that the node sent it again, and it was recognised
};

// Of one that the gateway answered: "answered", or "refused" by 4.xx and 5.xx. "silent": there was nothing to
// send. Of others why not: "store_full", "overloaded", "commit_failed", "queue_full", or a MessageFate.
std::string_view fate_of(const DeviceExchange& exchange);

// How many of a device are told of, unless another number is asked for; and at most.
inline constexpr std::size_t kUsualExchanges = 20;
inline constexpr std::size_t kMostExchanges = 100;

// The last `count` exchanges of these credentials in every shard, newest first. Nothing when a shard does not
// answer in time.
using LookAtExchanges = std::function<std::optional<std::vector<DeviceExchange>>(
    const std::vector<store::CredentialId>& credentials, std::size_t count)>;

}  // namespace narrowgate::daemon
