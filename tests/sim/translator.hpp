// SPDX-License-Identifier: Apache-2.0
//
// Stands in for the MQTT protocol translator of Pelion Edge and for the Edge Core behind it: takes the same
// messages, keeps the same silences, and dies where that one does. Where it would be killed by what it is
// sent, it ends with what rule was broken. Knows nothing of the gateway's code.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace narrowgate::sim {

// Thread: one. Time is given in.
class Translator {
public:
    using Time = std::chrono::steady_clock::time_point;
    // Publishes with QoS 0, as the original.
    using Say = std::function<void(const std::string& topic, const std::string& payload)>;

    struct Options {
        std::size_t max_nodes = 500;  // EDGE_REGISTERED_ENDPOINT_LIMIT
        std::chrono::milliseconds start_delay{100};
        std::chrono::milliseconds node_delay{50};
        bool fails_to_register = false;
        // How often the registration of a node is refused before it is taken.
        std::map<std::string, unsigned> refusals{};
        // Nodes whose registrations are never answered, though taken.
        std::vector<std::string> silent{};
    };

    Translator(Options options, Say say) : options_(std::move(options)), say_(std::move(say)) {}

    // A message of one of its two subscriptions. Nothing, or the rule that was broken: the original would
    // have been killed by SIGSEGV.
    std::optional<std::string> receive(std::string_view topic, std::string_view payload, Time now);
    // Answers what is due. False when its process would end.
    bool turn(Time now);
    void say_farewell();

    // {"starts":1,"dropped":2,"devices":{"wm-1":{"registered":true,"messages":3,"values":{"/3303/0/5700":"21"}}}}
    nlohmann::json record() const;

private:
    struct Device {
        bool registered = false;  // as the translator sees it
        bool known_to_edge = false;
        bool asked = false;
        std::uint64_t messages = 0;
        std::map<std::string, std::string> values;
    };
    struct Due {
        Time when;
        std::function<void()> act;
    };
    struct Value {
        std::string object, instance, resource, value;
    };

    std::optional<std::string> request(const nlohmann::json& message, Time now);
    std::optional<std::string> edge_val(const nlohmann::json& message, std::vector<Value>& values) const;
    std::optional<std::string> val(const nlohmann::json& message, std::vector<Value>& values) const;
    void start(Time now);
    void take(const std::string& node, const std::vector<Value>& values, Time now);
    void answer_node(const std::string& node, bool success);

    const Options options_;
    const Say say_;
    bool started_ = false;
    bool ready_ = false;
    bool over_ = false;
    std::uint64_t starts_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint64_t failed_ = 0;
    std::map<std::string, unsigned> refused_;
    std::map<std::string, Device> devices_;
    std::vector<Due> due_;
};

}  // namespace narrowgate::sim
