// SPDX-License-Identifier: Apache-2.0
#include "boards/host/machine.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "boards/host/clock.hpp"

namespace narrowgate::host {
namespace {

// What is measured: its number, which nothing else has, and two values that follow from it.
constexpr std::uint8_t kNumberChannel = 0, kTemperatureChannel = 1;
constexpr nd_channel kChannels[]{{"seq", nullptr}, {"t", "Cel"}, {"v", "l"}};

constexpr std::uint64_t kLookEveryMs = 1'000;

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        char number[8];
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= ' ' && byte < 0x7f && c != '"' && c != '\\') {
            out.push_back(c);
        } else {
            std::snprintf(number, sizeof number, "\\u%04x", byte);
            out += number;
        }
    }
    return out + "\"";
}

std::int32_t number_of(const rg_reading& reading) {
    for (std::uint8_t i = 0; i < reading.count; ++i)
        if (reading.channels[i] == kNumberChannel) return reading.mantissas[i];
    return 0;
}

}  // namespace

Machine::Machine(Identity identity, StateFile state, const Options& options)
    : identity_(std::move(identity)),
      state_(std::move(state)),
      readings_a_message_(options.readings_a_message),
      verbose_(options.verbose),
      tells_(!options.events_path.empty()),
      clock_offset_ms_(std::hash<std::string>{}(identity_.name) % 1'000),
      sensors_{this, kChannels, std::size(kChannels),
               [](void* self, std::uint8_t channel, std::int32_t* mantissa, std::int8_t* exponent) {
                   return of(self).sample(channel, mantissa, exponent);
               }} {
    fill_port();
}

std::expected<std::unique_ptr<Machine>, std::string> Machine::make(Identity identity, const Options& options,
                                                                   std::size_t index,
                                                                   std::uint64_t on_at_ms) {
    auto state = StateFile::open(options.state_folder, identity.name);
    if (!state) return std::unexpected(state.error());
    std::unique_ptr<Machine> machine(new Machine(std::move(identity), std::move(*state), options));
    machine->deadline_ms_ = on_at_ms;
    if (index < options.modem_paths.size()) {
        auto uart = Uart::open(options.modem_paths[index]);
        if (!uart) return std::unexpected(uart.error());
        machine->uart_ = std::move(*uart);
        return machine;
    }
    const provisioning& values = machine->identity_.values;
    auto udp = UdpLink::open(values.gateway, values.gateway_port);
    if (!udp) return std::unexpected(udp.error());
    machine->udp_.emplace(std::move(*udp));
    machine->udp_->watch(&machine->node_);
    return machine;
}

void Machine::fill_port() {
    port_.self = this;
    port_.uart_write = [](void* self, const std::uint8_t* bytes, std::size_t size) {
        return of(self).uart_ ? of(self).uart_->write(bytes, size) : size;
    };
    port_.uart_read = [](void* self, std::uint8_t* bytes, std::size_t size) {
        return of(self).uart_ ? of(self).uart_->read(bytes, size) : std::size_t{0};
    };
    port_.uart_lost = [](void*) { return std::uint32_t{0}; };
    port_.millis = [](void*) { return static_cast<std::uint32_t>(steady_ms()); };
    port_.seconds = [](void* self, std::uint32_t* seconds) {
        *seconds = static_cast<std::uint32_t>((wall_ms() + of(self).clock_offset_ms_) / 1'000);
        return true;
    };
    port_.entropy = [](void*, std::uint8_t* bytes, std::size_t size) {
        return ::getrandom(bytes, size, 0) == static_cast<ssize_t>(size);
    };
    port_.nv_read = [](void* self, std::size_t offset, std::uint8_t* bytes, std::size_t size) {
        const Page& page = of(self).identity_.page;
        if (offset > page.size() || size > page.size() - offset) return false;
        std::copy_n(page.begin() + static_cast<std::ptrdiff_t>(offset), size, bytes);
        return true;
    };
    port_.retained = [](void* self) { return of(self).state_.retained(); };
    port_.sleep = [](void* self, port_depth, std::uint32_t ms) { of(self).sleep(ms); };
    port_.watchdog_feed = [](void*) {};
    port_.reset = [](void* self) { of(self).sleep(0); };
    port_.modem_power = [](void*, bool) {};  // no pin of ours leads to it
    port_.modem_reset = [](void*, bool) {};
    port_.log = [](void* self, port_level level, const char* text) { of(self).log(level, text); };
}

void Machine::log(port_level level, const char* text) const {
    if (level > PORT_LOG_WARNING && !verbose_) return;
    std::fprintf(stderr, "%s: %s\n", identity_.name.c_str(), text);
}

bool Machine::sample(std::uint8_t channel, std::int32_t* mantissa, std::int8_t* exponent) {
    if (!measures_) return false;
    if (channel == kNumberChannel) {
        ++state_.next_reading();
        const auto number = static_cast<std::int32_t>(state_.next_reading());
        numbers_.push_back(number);
        tell("measured", number);
    }
    const auto latest = static_cast<std::int32_t>(state_.next_reading());
    *mantissa = channel == kTemperatureChannel ? 2'000 + latest % 500 : latest;
    *exponent = channel == kTemperatureChannel ? std::int8_t{-2} : std::int8_t{0};
    return true;
}

void Machine::boot() {
    asleep_ = false;
    resends_seen_ = 0;
    if (udp_)
        nd_init_with(&node_, &port_, &sensors_, &UdpLink::calls(), &*udp_);
    else
        nd_init(&node_, &port_, &sensors_);
    node_.readings_a_message = readings_a_message_;
}

void Machine::sleep(std::uint32_t ms) {
    const nd_counts& counts = node_.counts;
    before_sleep_.handshakes_started += counts.handshakes;
    before_sleep_.handshakes_failed += counts.handshakes_failed;
    before_sleep_.resumed += counts.restored;
    before_sleep_.measured += counts.samples;
    before_sleep_.acked += counts.acknowledged;
    before_sleep_.refused += counts.refused;
    before_sleep_.dropped += node_.ring.dropped;
    before_sleep_.deferred += counts.deferred;
    before_sleep_.unanswered += counts.unanswered;
    node_.counts = {};
    node_.ring.dropped = 0;
    asleep_ = true;
    deadline_ms_ = steady_ms() + ms;
}

void Machine::look_for_modem(std::uint64_t now_ms) {
    if (!uart_ || uart_->fd() >= 0 || now_ms < look_at_ms_) return;
    if (!uart_->reopen()) look_at_ms_ = now_ms + kLookEveryMs;
}

Machine::Before Machine::before() {
    numbers_.clear();
    for (std::uint32_t i = 0; tells_ && i < node_.ring.count; ++i)
        numbers_.push_back(number_of(*rg_peek(&node_.ring, i)));
    return {node_.dtls.state, node_.ring.first, node_.counts.refused, node_.ring.dropped,
            node_.counts.handshakes};
}

void Machine::notice(const Before& before) {
    const bool shook = before.session == DT_HANDSHAKE || node_.counts.handshakes > before.handshakes;
    if (shook && node_.dtls.state == DT_ESTABLISHED) ++before_sleep_.handshakes;
    const std::uint8_t resends = node_.coap.retransmissions;
    if (resends > resends_seen_)
        before_sleep_.retransmissions += static_cast<std::uint64_t>(resends - resends_seen_);
    resends_seen_ = resends;

    // Readings leave the ring in order: first what a new one drove out, then what was answered.
    const std::uint32_t dropped = node_.ring.dropped - before.dropped;
    const std::uint32_t refused = node_.counts.refused - before.refused;
    const std::uint32_t gone = node_.ring.first - before.first;
    for (std::uint32_t i = 0; i < gone && i < numbers_.size(); ++i)
        tell(i < dropped ? "dropped" : i < dropped + refused ? "refused" : "acked", numbers_[i]);
}

void Machine::tell(std::string_view event, std::int32_t number) {
    if (!tells_) return;
    events_ += R"({"event":")" + std::string(event) + R"(","device":)" + quoted(identity_.name) +
               R"(,"seq":)" + std::to_string(number) + R"(,"at_ms":)" + std::to_string(wall_ms()) + "}\n";
}

void Machine::turn() {
    std::uint64_t now = steady_ms();
    look_for_modem(now);
    if (asleep_) {
        if (now < deadline_ms_) return;
        boot();
    }
    const Before was = before();
    const std::uint32_t wait = nd_step(&node_);
    notice(was);
    if (wait > 0 && nd_may_sleep(&node_)) {
        nd_sleep(&node_, wait);
        return;
    }
    now = steady_ms();
    deadline_ms_ = now + std::min<std::uint64_t>(wait, INT32_MAX);
    if (uart_ && uart_->fd() < 0) deadline_ms_ = std::min(deadline_ms_, std::max(look_at_ms_, now + 1));
}

void Machine::hear() {
    if (!asleep_) {
        turn();
    } else if (udp_) {
        udp_->drain();
    } else {
        uart_->drain();
    }
}

void Machine::rest() {
    if (!asleep_ && nd_may_sleep(&node_)) nd_sleep(&node_, 0);
}

const dt_stored& Machine::stored_session() {
    return reinterpret_cast<const nd_retained*>(state_.retained())->session;
}

void Machine::add_to(Totals& totals) {
    const nd_counts& counts = node_.counts;
    const Totals& sums = before_sleep_;
    ++totals.nodes;
    totals.established += node_.dtls.state == DT_ESTABLISHED || dt_is_stored(&node_.dtls, &stored_session());
    totals.asleep += asleep_;
    totals.handshakes_started += sums.handshakes_started + counts.handshakes;
    totals.handshakes += sums.handshakes;
    totals.handshakes_failed += sums.handshakes_failed + counts.handshakes_failed;
    totals.resumed += sums.resumed + counts.restored;
    totals.measured += sums.measured + counts.samples;
    totals.acked += sums.acked + counts.acknowledged;
    totals.refused += sums.refused + counts.refused;
    totals.dropped += sums.dropped + node_.ring.dropped;
    totals.deferred += sums.deferred + counts.deferred;
    totals.unanswered += sums.unanswered + counts.unanswered;
    totals.waiting += node_.ring.count;
    totals.retransmissions += sums.retransmissions;
    if (!udp_) return;
    totals.traffic.handshake_up += udp_->traffic().handshake_up;
    totals.traffic.handshake_down += udp_->traffic().handshake_down;
    totals.traffic.up += udp_->traffic().up;
    totals.traffic.down += udp_->traffic().down;
}

}  // namespace narrowgate::host
