// SPDX-License-Identifier: Apache-2.0
//
// One node and the board under it, made of this machine: its clocks, its random numbers, a file for the
// retained block, a socket or a modem. Standby is played as a board has it: all is forgotten but the retained
// block, and waking up is a reset.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/node.h"
#include "boards/host/identities.hpp"
#include "boards/host/options.hpp"
#include "boards/host/state_file.hpp"
#include "boards/host/uart.hpp"
#include "boards/host/udp_link.hpp"

namespace narrowgate::host {

struct Totals {
    std::size_t nodes = 0, established = 0, asleep = 0;
    std::uint64_t handshakes_started = 0, handshakes = 0, handshakes_failed = 0, resumed = 0;
    std::uint64_t measured = 0, acked = 0, refused = 0, dropped = 0, deferred = 0, unanswered = 0,
                  waiting = 0;
    std::uint64_t retransmissions = 0;
    LinkTraffic traffic;
};

// Thread: its owner's. Stays where it is made: the node points into it.
class Machine {
public:
    // The `index`th of the process; its node is switched on at `on_at_ms` of steady_ms(). Fails with a line
    // that says why.
    static std::expected<std::unique_ptr<Machine>, std::string> make(Identity identity,
                                                                     const Options& options,
                                                                     std::size_t index,
                                                                     std::uint64_t on_at_ms);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // Does what is due by now.
    void turn();
    // When turn() is to be called again, of steady_ms(); earlier when fd() has input.
    std::uint64_t deadline_ms() const { return deadline_ms_; }
    // The socket or the modem; -1 while that is gone.
    int fd() const { return udp_ ? udp_->fd() : uart_->fd(); }
    // fd() has input.
    void hear();

    // From now on the sensors give nothing.
    void stop_measuring() { measures_ = false; }
    bool all_is_acknowledged() const { return node_.ring.count == 0; }
    // Keeps the session, if nothing is under way.
    void rest();

    void add_to(Totals& totals);
    // Lines of JSON.
    std::string take_events() { return std::exchange(events_, {}); }

private:
    // What a step is compared with.
    struct Before {
        dt_state session;
        std::uint32_t first, refused, dropped, handshakes;
    };

    Machine(Identity identity, StateFile state, const Options& options);
    void fill_port();
    void boot();
    void sleep(std::uint32_t ms);
    void look_for_modem(std::uint64_t now_ms);
    Before before();
    void notice(const Before& before);
    void tell(std::string_view event, std::int32_t number);
    void log(port_level level, const char* text) const;
    bool sample(std::uint8_t channel, std::int32_t* mantissa, std::int8_t* exponent);
    const dt_stored& stored_session();
    static Machine& of(void* self) { return *static_cast<Machine*>(self); }

    const Identity identity_;
    StateFile state_;
    const unsigned readings_a_message_;
    const bool verbose_;
    const bool tells_;
    std::uint64_t clock_offset_ms_;  // nodes do not count their seconds together
    std::optional<UdpLink> udp_;
    std::optional<Uart> uart_;
    port_table port_{};
    nd_sensors sensors_;
    nd_node node_{};
    bool asleep_ = true;  // or not switched on yet
    bool measures_ = true;
    std::uint64_t deadline_ms_ = 0;
    std::uint64_t look_at_ms_ = 0;  // for a modem that has gone
    std::uint8_t resends_seen_ = 0;
    Totals before_sleep_;  // sums over all resets
    // Of the readings that were in the ring before this step, and those that it has added: a gateway may be
    // so quick, or this machine so slow, that one step sees a reading come and go.
    std::vector<std::int32_t> numbers_;
    std::string events_;
};

}  // namespace narrowgate::host
