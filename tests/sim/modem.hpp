// SPDX-License-Identifier: Apache-2.0
//
// A u-blox SARA-N2 with its network, in virtual time: bytes of a UART on one side, UDP datagrams on the
// other. What it knows of the real module, and what it takes for possible, is in modem_options.hpp.
//
//   node -- ModemEar --   [ AT commands: ModemState ] -- ModemRadio -- ModemAir (link, NAT) -- internet
//        -- ModemLines --
//
// It does no I/O and reads no clock: whoever owns it calls advance() at deadline(), then transmit() and
// take_uplink(). A late call is no harm to what happens inside: each thing happens at its own moment.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sim/modem_air.hpp"
#include "sim/modem_commands.hpp"
#include "sim/modem_ear.hpp"
#include "sim/modem_lines.hpp"
#include "sim/modem_state.hpp"

namespace narrowgate::sim {

// What a ModemListener is told of.
struct ModemEvent {
    enum class Kind : std::uint8_t {
        kStart,         // text: the cause
        kRegistration,  // text: as +CEREG has it
        kConnected,
        kReleased,
        kAsleep,
        kAwake,
        kUp,     // a datagram leaves the antenna, whatever becomes of it
        kDown,   // a datagram reaches the antenna
        kHeard,  // text: a line from the node
        kSaid,   // text: a line of an answer, or a URC
    };
    Kind kind;
    SteadyTime at;
    std::string_view text{};
    std::uint16_t port = 0;  // kUp, kDown: of the socket
    Address remote{};
    std::uint32_t flags = 0;  // kUp
    ByteView datagram{};
};
using ModemListener = std::function<void(const ModemEvent&)>;

// Thread: its owner's.
class Modem {
public:
    struct Uplink {
        std::uint16_t outside_port;  // of the NAT, a small number below kOutsidePorts
        bool opens_mapping;          // the outside port is a new one: nobody has seen it yet
        Address to;
        Bytes datagram;
    };
    static constexpr std::uint16_t kOutsidePorts = ModemAir::kOutsidePorts;

    // It is switched on at `now`.
    Modem(const ModemOptions& options, std::uint64_t seed, Now now, ModemListener listener = {});

    // What the node puts on the wire. What it has received from there by `now`.
    void receive(ByteView bytes, Now now);
    Bytes transmit(Now now);

    // A datagram that came to an outside port. The next one that leaves from there by `now`.
    void arrive(std::uint16_t outside_port, const Address& from, ByteView datagram, Now now);
    std::optional<Uplink> take_uplink(Now now);

    void advance(Now now);
    std::optional<SteadyTime> deadline() const;

    // Restarts by itself. `cause` as REBOOT_CAUSE_ has it: "UNKNOWN", "WATCHDOG", "SECURITY_RESET_PIN".
    void restart(std::string_view cause, Now now);
    // False: it is dead until true, which starts it.
    void set_power(bool on, Now now);
    void rebind(Now now);
    void lose_network(Registration as, milliseconds duration, Now now);
    ModemAccidents& accidents() { return state_.accidents; }

    const ModemState& state() const { return state_; }
    const ModemAir& air() const { return air_; }
    const ModemEar& ear() const { return ear_; }

private:
    struct Running {
        AtCommand command;
        SteadyTime done_at;
    };

    void step(Now now);
    void settle(Now now);
    void apply(ModemRadio::Change change, Now now);
    void apply(const RadioUplink& uplink, Now now);
    void apply(const RadioDownlink& downlink, Now now);
    void carry(Now now);
    void forget_closed(SteadyTime now);
    ModemEar::Attention attention(SteadyTime now) const;
    void listen(Now now);
    void start_line(const std::string& line, Now now);
    void start_command(Now now);
    void finish_command(Now now);
    void answer(const AtAnswer& answer, Now now);
    void urc(const std::string& text, Now now);
    void go_down(std::string_view cause, SteadyTime now);
    void come_up(Now now);
    void draw_restart(SteadyTime now);
    void tell(ModemEvent event) const {
        if (listener_) listener_(event);
    }

    ModemState state_;
    ModemAir air_;
    ModemEar ear_;
    ModemLines lines_;
    ModemListener listener_;

    bool powered_ = true;
    std::string cause_;                      // of the last start
    std::optional<SteadyTime> up_at_;        // while it starts
    std::optional<SteadyTime> restarts_at_;  // by itself
    std::deque<std::string> lines_to_do_;    // came while it was busy
    std::deque<AtCommand> commands_to_do_;   // of the present line
    std::optional<Running> running_;
    std::optional<unsigned> next_baud_;  // when all is said
    SteadyTime active_at_;               // when the UART last had a reason to be awake
    Bytes said_;
    std::deque<Uplink> uplinks_;
};

}  // namespace narrowgate::sim
