// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_radio.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace narrowgate::sim {
namespace {

constexpr std::size_t kHeldDownlinks = 8;  // by the network, for a module that sleeps

// Once: true when it has come, and it is over.
bool has_come(std::optional<SteadyTime>& moment, SteadyTime now) {
    if (!moment || *moment > now) return false;
    moment.reset();
    return true;
}

}  // namespace

void ModemRadio::set_registration(Registration registration) {
    if (registration_ == registration) return;
    registration_ = registration;
    outcomes_.emplace_back(Change::kRegistration);
}

void ModemRadio::drop_connection() {
    connects_at_.reset();
    releases_at_.reset();
    sleeps_at_.reset();
    updates_at_.reset();
    awaits_reply_ = releases_now_ = updates_ = false;
    wake();
    if (std::exchange(connected_, false)) outcomes_.emplace_back(Change::kReleased);
}

void ModemRadio::wake() {
    if (std::exchange(asleep_, false)) outcomes_.emplace_back(Change::kAwake);
}

void ModemRadio::detach() {
    drop_connection();
    finds_at_.reset();
    flaps_at_.reset();
    uplinks_.clear();
    lost_downlinks_ += downlinks_.size();
    downlinks_.clear();
    set_registration(Registration::kNone);
}

void ModemRadio::switch_off() {
    detach();
    on_ = false;
}

void ModemRadio::attach(SteadyTime now) {
    if (!on_ || is_registered() || finds_at_) return;
    set_registration(Registration::kSearching);
    finds_at_ = now + network_.search_time;
}

void ModemRadio::find_network(SteadyTime now) {
    if (attempts_++ < network_.denied_attempts) {
        set_registration(Registration::kDenied);
        finds_at_ = now + network_.denied_retry;
        return;
    }
    set_registration(network_.roaming ? Registration::kRoaming : Registration::kHome);
    if (flap_every_) flaps_at_ = now + chance_.wait(*flap_every_);
    if (psm_ && network_.grants_psm) sleeps_at_ = now + network_.inactivity + psm_->active;
    if (!uplinks_.empty()) connect_at(now + network_.connect_time);
}

void ModemRadio::lose_network(Registration as, milliseconds duration, SteadyTime now) {
    if (!on_) return;
    drop_connection();
    flaps_at_.reset();
    set_registration(as);
    finds_at_ = now + duration;
}

void ModemRadio::connect_at(SteadyTime at) {
    connects_at_ = connects_at_ ? std::min(*connects_at_, at) : at;
    sleeps_at_.reset();
    wake();
}

void ModemRadio::connect(SteadyTime now) {
    connected_ = true;
    updates_at_.reset();
    outcomes_.emplace_back(Change::kConnected);
    releases_at_ = now + (updates_ && uplinks_.empty() && downlinks_.empty() ? network_.update_time
                                                                             : network_.inactivity);
    updates_ = false;
    send_waiting(now);
    for (RadioDownlink& downlink : std::exchange(downlinks_, {}))
        arrive(std::move(downlink), now);
}

void ModemRadio::release(SteadyTime now) {
    connected_ = awaits_reply_ = releases_now_ = false;
    releases_at_.reset();
    outcomes_.emplace_back(Change::kReleased);
    if (!psm_ || !network_.grants_psm) return;
    sleeps_at_ = now + psm_->active;
    updates_at_ = now + psm_->periodic;
}

void ModemRadio::send_waiting(SteadyTime now) {
    while (!uplinks_.empty()) {
        const std::uint32_t flags = uplinks_.front().flags;
        outcomes_.emplace_back(std::move(uplinks_.front()));
        uplinks_.pop_front();
        releases_now_ = (flags & kFlagReleaseNow) != 0;
        awaits_reply_ = (flags & kFlagReleaseAfterReply) != 0;
        releases_at_ = now + (releases_now_ ? network_.release_time : network_.inactivity);
    }
}

bool ModemRadio::send(RadioUplink uplink, SteadyTime now) {
    if (uplinks_.size() >= network_.uplink_queue) return false;
    uplinks_.push_back(std::move(uplink));
    if (connected_) {
        send_waiting(now);
    } else if (is_registered()) {
        connect_at(now + network_.connect_time);
    }
    return true;
}

void ModemRadio::arrive(RadioDownlink downlink, SteadyTime now) {
    if (connected_) {
        outcomes_.emplace_back(std::move(downlink));
        if (std::exchange(awaits_reply_, false))
            releases_now_ = true, releases_at_ = now + network_.release_time;
        if (!releases_now_) releases_at_ = now + network_.inactivity;
        return;
    }
    const bool reachable = is_registered() && (!asleep_ || network_.holds_downlinks_in_psm);
    if (!reachable || downlinks_.size() >= kHeldDownlinks) {
        ++lost_downlinks_;
        return;
    }
    downlinks_.push_back(std::move(downlink));
    if (!asleep_) connect_at(now + network_.paging_time);
}

void ModemRadio::advance(SteadyTime now) {
    if (has_come(finds_at_, now)) find_network(now);
    if (has_come(flaps_at_, now)) {
        constexpr std::array kLosses{Registration::kNone, Registration::kSearching, Registration::kDenied};
        lose_network(kLosses.at(chance_.below(kLosses.size())), flap_time_, now);
    }
    if (has_come(connects_at_, now)) connect(now);
    if (has_come(releases_at_, now)) release(now);
    if (has_come(sleeps_at_, now) && !connected_) {
        asleep_ = true;
        if (!updates_at_ && psm_) updates_at_ = now + psm_->periodic;
        outcomes_.emplace_back(Change::kAsleep);
    }
    if (has_come(updates_at_, now) && !connected_) {
        updates_ = true;
        connect_at(now + network_.connect_time);
    }
}

std::optional<ModemRadio::Outcome> ModemRadio::take() {
    if (outcomes_.empty()) return std::nullopt;
    Outcome outcome = std::move(outcomes_.front());
    outcomes_.pop_front();
    return outcome;
}

std::optional<SteadyTime> ModemRadio::deadline() const {
    Moment next;
    for (const Moment& moment : {finds_at_, flaps_at_, connects_at_, releases_at_, sleeps_at_, updates_at_}) {
        if (moment) next = next ? std::min(*next, *moment) : moment;
    }
    return next;
}

}  // namespace narrowgate::sim
