// SPDX-License-Identifier: Apache-2.0
//
// Topic aliases of one connection (MQTT 5 section 3.3.2.3.4): a topic is spelt out once, afterwards two bytes
// stand for it. The broker says how many it takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {

// Thread: its owner's. The order of apply() must be the order of sending.
class TopicAliases {
public:
    // Looking for a topic is a walk over all; more save nothing that matters.
    static constexpr std::uint16_t kMost = 32;

    // A connection begins, whose broker takes aliases 1 to `maximum`; 0: none.
    void begin(std::uint16_t maximum);
    // Gives the message an alias; its topic is empty then if the broker knows it by the alias. With all in
    // use, the one that was not used for longest means this topic from now on.
    void apply(mqtt::Publish& message);

private:
    struct Alias {
        std::string topic;
        std::uint64_t used = 0;
    };

    std::uint16_t maximum_ = 0;
    std::vector<Alias> aliases_;  // the first is 1
    std::uint64_t uses_ = 0;
};

}  // namespace narrowgate::daemon
