// SPDX-License-Identifier: Apache-2.0
//
// The courier's side of a profile's dialogue: subscribes, passes on what is heard, and keeps the readings
// that the dialogue holds. Of a profile without a dialogue it is silent.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "daemon/upstream/dialogue.hpp"
#include "daemon/upstream/lanes.hpp"
#include "daemon/upstream/link.hpp"
#include "narrowgate/base/log.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class Conversation {
public:
    // All references outlive this; `dialogue` may be null.
    Conversation(std::string upstream, Dialogue* dialogue, Link& link, Lanes& lanes, Log& log)
        : upstream_(std::move(upstream)), dialogue_(dialogue), link_(link), lanes_(lanes), log_(log) {}

    void connected();
    void disconnected();
    // kSubscribed and kMessage.
    void on_event(const mqtt::Event& event, const Now& now);
    // Lets time pass and gives back what is held no more.
    void turn(const Now& now);
    std::optional<mqtt::Publish> next_control();
    // These are in flight: they wait for the dialogue to release them.
    void hold(std::span<const ReadingNumber> numbers);
    bool takes_readings() const { return dialogue_ == nullptr || dialogue_->takes_readings(); }
    std::optional<SteadyTime> deadline() const;
    void report(UpstreamState& state) const;

private:
    // Logs how the dialogue stands when that has changed.
    void tell();

    const std::string upstream_;
    Dialogue* const dialogue_;
    Link& link_;
    Lanes& lanes_;
    Log& log_;

    std::size_t pending_ = 0;  // subscriptions without a SUBACK
    std::string refused_;      // the filter of one that the broker refused
    std::string told_;         // the last trouble; empty when readings were taken
    bool begins_ = false;      // a connection: that nothing is heard yet is no news
};

}  // namespace narrowgate::daemon
