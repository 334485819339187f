// SPDX-License-Identifier: Apache-2.0
#include "sim/modem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <variant>

namespace narrowgate::sim {
namespace {

constexpr std::size_t kLinesToDo = 8;
// Of one moment. More of them are a mistake in here.
constexpr unsigned kMostSteps = 100'000;

Now moment(Now now, SteadyTime at) {
    return {at, now.wall - std::chrono::floor<std::chrono::microseconds>(now.steady - at)};
}

}  // namespace

Modem::Modem(const ModemOptions& options, std::uint64_t seed, Now now, ModemListener listener)
    : state_(options, seed),
      air_(options.network, state_.chance.seed()),
      ear_(options, state_.chance.seed()),
      lines_(options, state_.chance.seed()),
      listener_(std::move(listener)),
      active_at_(now.steady) {
    go_down("PMU_POWER_ON_RESET", now.steady);
}

// Time.

void Modem::advance(Now now) {
    SteadyTime last = SteadyTime::min();
    unsigned steps = 0;
    for (auto next = deadline(); next && *next <= now.steady; next = deadline()) {
        steps = *next == last ? steps + 1 : 0;
        if (steps > kMostSteps) std::abort();
        last = *next;
        step(moment(now, *next));
    }
}

void Modem::step(Now now) {
    const SteadyTime at = now.steady;
    if (restarts_at_ && *restarts_at_ <= at) {
        lines_.cut(at);
        go_down("UNKNOWN", at);
    }
    if (up_at_ && *up_at_ <= at) come_up(now);
    listen(now);
    if (running_ && running_->done_at <= at) finish_command(now);
    state_.radio.advance(at);
    settle(now);
    carry(now);
    lines_.advance(at);
    const Bytes bytes = lines_.take(at);
    said_.insert(said_.end(), bytes.begin(), bytes.end());
    if (next_baud_ && lines_.is_quiet(at)) {
        ear_.set_baud(*next_baud_);
        lines_.set_baud(*next_baud_);
        next_baud_.reset();
    }
}

std::optional<SteadyTime> Modem::deadline() const {
    std::optional<SteadyTime> next;
    for (const auto& moment :
         {ear_.deadline(), lines_.deadline(), state_.radio.deadline(), air_.deadline(), up_at_, restarts_at_,
          running_ ? std::optional(running_->done_at) : std::nullopt}) {
        if (moment) next = next ? std::min(*next, *moment) : moment;
    }
    return next;
}

void Modem::receive(ByteView bytes, Now now) {
    advance(now);
    ear_.push(bytes, now.steady);
    advance(now);
}

Bytes Modem::transmit(Now now) {
    advance(now);
    return std::exchange(said_, {});
}

void Modem::arrive(std::uint16_t outside_port, const Address& from, ByteView datagram, Now now) {
    advance(now);
    air_.arrive(outside_port, from, datagram, now.steady);
    advance(now);
}

std::optional<Modem::Uplink> Modem::take_uplink(Now now) {
    advance(now);
    if (uplinks_.empty()) return std::nullopt;
    Uplink uplink = std::move(uplinks_.front());
    uplinks_.pop_front();
    return uplink;
}

// Starting and stopping.

void Modem::draw_restart(SteadyTime now) {
    const auto& every = state_.options.defects.reboot_every;
    restarts_at_ = every ? std::optional(now + state_.chance.wait(*every)) : std::nullopt;
}

void Modem::go_down(std::string_view cause, SteadyTime now) {
    cause_ = cause;
    ++state_.counts.starts;
    tell({.kind = ModemEvent::Kind::kStart, .at = now, .text = cause_});
    state_.radio.switch_off();
    while (state_.radio.take()) {
    }  // nobody is left to tell of it
    state_.sockets.close_all();
    forget_closed(now);
    state_.settings = {.echo = state_.options.manners.echo};
    if (!state_.options.life.keeps_psm_settings) state_.memory.psm = false;
    running_.reset();
    commands_to_do_.clear();
    lines_to_do_.clear();
    ear_.reset();
    ear_.set_baud(state_.options.manners.baud);
    lines_.set_baud(state_.options.manners.baud);
    next_baud_.reset();
    up_at_ = now + state_.options.life.boot_time;
    restarts_at_.reset();
}

void Modem::come_up(Now now) {
    up_at_.reset();
    active_at_ = now.steady;
    const Banner banner = state_.options.life.banner;
    if (banner != Banner::kNone) {
        std::string noise;
        for (unsigned i = 0; i < state_.options.life.boot_noise; ++i)
            noise.push_back(static_cast<char>(state_.chance.below(256)));
        if (!noise.empty()) lines_.raw(std::move(noise), now.steady);
        lines_.answer({"REBOOT_CAUSE_" + cause_, banner == Banner::kUblox ? "u-blox" : "Neul", "OK"},
                      now.steady);
    }
    if (state_.memory.config["AUTOCONNECT"] == "TRUE") start_radio(state_, now.steady);
    draw_restart(now.steady);
    settle(now);
}

void Modem::restart(std::string_view cause, Now now) {
    advance(now);
    if (!powered_) return;
    lines_.cut(now.steady);
    go_down(cause, now.steady);
}

void Modem::set_power(bool on, Now now) {
    advance(now);
    if (on == powered_) return;
    lines_.cut(now.steady);
    powered_ = on;
    go_down("PMU_POWER_ON_RESET", now.steady);
    if (!on) up_at_.reset();
}

void Modem::rebind(Now now) {
    advance(now);
    air_.rebind(now.steady);
}

void Modem::lose_network(Registration as, milliseconds duration, Now now) {
    advance(now);
    state_.radio.lose_network(as, duration, now.steady);
    settle(now);
    advance(now);
}

// From the node.

ModemEar::Attention Modem::attention(SteadyTime now) const {
    if (!powered_ || up_at_) return ModemEar::Attention::kOff;
    const bool may_sleep = state_.radio.is_asleep() && !running_ && lines_.is_quiet(now);
    return may_sleep ? ModemEar::Attention::kMaySleep : ModemEar::Attention::kAwake;
}

void Modem::listen(Now now) {
    const auto next = [&] {
        return ear_.take_line(attention(now.steady), std::max(active_at_, lines_.quiet_since()), now.steady);
    };
    while (const auto line = next()) {
        tell({.kind = ModemEvent::Kind::kHeard, .at = now.steady, .text = *line});
        if (state_.settings.echo) lines_.raw(*line + "\r", now.steady);
        if (!running_) {
            start_line(*line, now);
        } else if (state_.options.manners.loses_input_when_busy || lines_to_do_.size() >= kLinesToDo) {
            ++state_.counts.garbage;
        } else {
            lines_to_do_.push_back(*line);
        }
    }
}

void Modem::start_line(const std::string& line, Now now) {
    auto commands = read_at_line(line);
    if (!commands) {
        ++state_.counts.garbage;
        if (state_.options.manners.answers_garbage) answer({.error = CmeError::kNotSupported}, now);
        return;
    }
    commands_to_do_.assign(commands->begin(), commands->end());
    start_command(now);
}

void Modem::start_command(Now now) {
    // A line of garbage starts no command: on to the one behind it.
    while (commands_to_do_.empty() && !lines_to_do_.empty()) {
        const std::string line = std::move(lines_to_do_.front());
        lines_to_do_.pop_front();
        start_line(line, now);
        if (running_) return;
    }
    if (commands_to_do_.empty()) return;
    running_.emplace(std::move(commands_to_do_.front()));
    commands_to_do_.pop_front();
    running_->done_at = now.steady + duration_of(running_->command, state_);
}

void Modem::finish_command(Now now) {
    const AtCommand command = std::exchange(running_, std::nullopt)->command;
    ++state_.counts.commands;
    active_at_ = now.steady;
    const AtAnswer result = execute(command, state_, now);
    forget_closed(now.steady);
    if (result.restarts) {
        settle(now);  // what was sent has been sent
        carry(now);
        if (result.lines.empty()) {
            lines_.cut(now.steady);
        } else {
            lines_.answer(result.lines, now.steady);
        }
        go_down(*result.restarts, now.steady);
        return;
    }
    if (result.error) commands_to_do_.clear();
    if (take_one(state_.accidents.lost_answers) ||
        state_.chance.happens(state_.options.defects.lost_answer)) {
        ++state_.counts.answers_lost;
    } else if (!result.silent) {
        answer(result, now);
    }
    if (!result.urc_after.empty()) urc(result.urc_after, now);
    if (result.baud) next_baud_ = result.baud;
    settle(now);
    start_command(now);
}

void Modem::answer(const AtAnswer& answer, Now now) {
    if (!answer.before.empty()) lines_.raw(answer.before, now.steady);
    std::vector<std::string> lines = answer.lines;
    if (!answer.error) {
        lines.emplace_back("OK");
    } else if (state_.settings.cmee == 0) {
        lines = {"ERROR"};
    } else {
        lines = {
            fmt::format("+CME ERROR: {}", number_of(*answer.error, state_.options.manners.error_numbers))};
    }
    if (answer.error) ++state_.counts.errors;
    for (const std::string& line : lines)
        tell({.kind = ModemEvent::Kind::kSaid, .at = now.steady, .text = line});
    lines_.answer(lines, now.steady);
}

void Modem::urc(const std::string& text, Now now) {
    if (take_one(state_.accidents.lost_urcs) || state_.chance.happens(state_.options.defects.lost_urc)) {
        ++state_.counts.urcs_lost;
        return;
    }
    ++state_.counts.urcs;
    tell({.kind = ModemEvent::Kind::kSaid, .at = now.steady, .text = text});
    lines_.urc(text, now.steady);
}

// To and from the network.

void Modem::settle(Now now) {
    while (const auto outcome = state_.radio.take())
        std::visit([&](const auto& what) { apply(what, now); }, *outcome);
}

void Modem::apply(ModemRadio::Change change, Now now) {
    using Change = ModemRadio::Change;
    using Kind = ModemEvent::Kind;
    const ModemSettings& settings = state_.settings;
    switch (change) {
        case Change::kRegistration: {
            const std::string text = registration_text(state_, false);
            tell({.kind = Kind::kRegistration, .at = now.steady, .text = text});
            if (settings.cereg > 0) urc(text, now);
            return;
        }
        case Change::kConnected:
            ++state_.counts.connections;
            tell({.kind = Kind::kConnected, .at = now.steady});
            if (settings.cscon > 0) urc("+CSCON: 1", now);
            return;
        case Change::kReleased:
            tell({.kind = Kind::kReleased, .at = now.steady});
            if (settings.cscon > 0) urc("+CSCON: 0", now);
            return;
        case Change::kAsleep:
            ++state_.counts.sleeps;
            active_at_ = std::max(active_at_, now.steady);
            tell({.kind = Kind::kAsleep, .at = now.steady});
            if (settings.npsmr > 0) urc("+NPSMR: 1", now);
            if (state_.options.life.keeps_sockets_in_psm) return;
            state_.sockets.close_all();
            forget_closed(now.steady);
            return;
        case Change::kAwake:
            tell({.kind = Kind::kAwake, .at = now.steady});
            if (settings.npsmr > 0) urc("+NPSMR: 0", now);
            return;
    }
}

void Modem::apply(const RadioUplink& uplink, Now now) {
    ++state_.counts.up;
    state_.counts.up_bytes += uplink.datagram.size();
    tell({.kind = ModemEvent::Kind::kUp,
          .at = now.steady,
          .port = uplink.port,
          .remote = uplink.to,
          .flags = uplink.flags,
          .datagram = uplink.datagram});
    if (!take_one(state_.accidents.lost_up)) air_.send(uplink.port, uplink.to, uplink.datagram, now.steady);
    if (uplink.sequence != 0) urc(fmt::format("+NSOSTR:{},{},1", uplink.socket, uplink.sequence), now);
}

void Modem::apply(const RadioDownlink& downlink, Now now) {
    ++state_.counts.down;
    state_.counts.down_bytes += downlink.datagram.size();
    tell({.kind = ModemEvent::Kind::kDown,
          .at = now.steady,
          .port = downlink.port,
          .remote = downlink.from,
          .datagram = downlink.datagram});
    const auto notice = state_.sockets.deliver(downlink.port, downlink.from, downlink.datagram);
    if (!notice) return;
    urc(fmt::format("+NSONMI:{}{},{}", state_.options.manners.announcement_space ? " " : "", notice->socket,
                    notice->bytes),
        now);
}

void Modem::forget_closed(SteadyTime now) {
    for (const std::uint16_t port : state_.sockets.take_closed())
        air_.forget(port, now);
}

void Modem::carry(Now now) {
    while (auto passage = air_.take(now.steady)) {
        if (passage->up) {
            uplinks_.push_back(
                {passage->port, passage->opens_mapping, passage->remote, std::move(passage->datagram)});
        } else if (!take_one(state_.accidents.lost_down)) {
            state_.radio.arrive({passage->port, passage->remote, std::move(passage->datagram)}, now.steady);
            settle(now);
        }
    }
}

}  // namespace narrowgate::sim
