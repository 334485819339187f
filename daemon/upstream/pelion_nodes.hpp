// SPDX-License-Identifier: Apache-2.0
//
// The nodes that the translator knows, or is to know: each may send one value and then waits until its
// registration is answered; a second one before that would make it fail for good. The newest values of each
// are kept, to be said again where they may have been lost. Memory is bounded: `max_nodes` times
// kMaxNodeResources values of kMaxValueBytes, and kMaxHeld numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/upstream/ipso_mapping.hpp"
#include "daemon/upstream/reading_source.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class PelionNodes {
public:
    // Readings of nodes that wait, all together. Those beyond are given up.
    static constexpr std::size_t kMaxHeld = 10'000;

    struct Node {
        enum class State : std::uint8_t {
            kNew,         // the translator has heard nothing of it
            kAsked,       // it has had one value; its answer is awaited
            kRegistered,  // answered, or found to be
            kFailed,      // answered with failed_registration; asked again later
        };

        // Whether a reading of it may go.
        bool is_free() const { return state == State::kNew || state == State::kRegistered; }

        State state = State::kNew;
        unsigned failures = 0;  // running
        unsigned silences = 0;  // running
        SteadyTime asked{};
        std::optional<SteadyTime> timer;  // of kAsked and kFailed
        bool repeats = false;             // waits in the queue of repeats
        Instances instances;
        ResourceValues newest;
        ReadingNumber newest_from = 0;
        std::vector<ReadingNumber> held;
    };

    PelionNodes(std::size_t max_nodes, milliseconds answer_timeout)
        : max_nodes_(max_nodes), answer_timeout_(answer_timeout) {}

    // The node of this name (pelion_name()), made if need be; null when there are max_nodes already.
    Node* find_or_add(const std::string& name);
    Node* find(const std::string& name);

    // A message with a node's values is on its way.
    void sent(const std::string& name, Node& node, SteadyTime now);
    void registered(const std::string& name);
    void failed(const std::string& name, SteadyTime now);
    // False when too many are held.
    bool hold(Node& node, ReadingNumber number);

    // What time has brought. `last_answer` and `saw_start` are the translator's: a living one answers each
    // registration, good or bad, so its silence means that it knew the node before. True when it should be
    // asked whether it lives.
    bool turn(SteadyTime now, std::optional<SteadyTime> last_answer, bool saw_start);

    // A translator that has just started: nobody is registered, and what was said last is said again.
    void forget_registrations();
    // One that may have missed something: what was said last is said again.
    void repeat_all(SteadyTime now);
    void repeat(const std::string& name, Node& node);
    // The next node whose newest values are to be said (again); its name, or nothing.
    std::optional<std::string> next_repeat();

    std::vector<ReadingNumber> released() { return std::exchange(released_, {}); }
    std::optional<SteadyTime> deadline() const;

    std::size_t count() const { return nodes_.size(); }
    std::size_t held() const { return held_; }
    std::size_t count_of(Node::State state) const { return counts_[static_cast<std::size_t>(state)]; }
    // Nodes turned away because of max_nodes, kMaxTurnedAway at most.
    std::size_t turned_away() const { return turned_away_.size(); }

private:
    static constexpr std::size_t kMaxTurnedAway = 10'000;

    void become(Node& node, Node::State state);
    void set_timer(const std::string& name, Node& node, std::optional<SteadyTime> when);
    void release(Node& node);

    const std::size_t max_nodes_;
    const milliseconds answer_timeout_;

    std::map<std::string, Node> nodes_;
    std::array<std::size_t, 4> counts_{};  // of nodes, by state
    std::set<std::pair<SteadyTime, std::string>> timers_;
    std::deque<std::string> repeats_;
    std::set<std::string> turned_away_;
    std::vector<ReadingNumber> released_;
    std::size_t held_ = 0;
};

}  // namespace narrowgate::daemon
