// SPDX-License-Identifier: Apache-2.0
//
// A NB-IoT module's standing with its network, in virtual time: registration, connection, release
// assistance, paging and power saving mode.
//
//   off -- search -- registered, idle <--> connected
//                       |  T3324 after the release
//                     power saving -- an uplink or T3412 --> connected
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "sim/chance.hpp"
#include "sim/modem_options.hpp"

namespace narrowgate::sim {

// Flags of AT+NSOSTF.
inline constexpr std::uint32_t kFlagHighPriority = 0x100;
inline constexpr std::uint32_t kFlagReleaseNow = 0x200;         // after this message
inline constexpr std::uint32_t kFlagReleaseAfterReply = 0x400;  // after the next downlink

// +CEREG (3GPP TS 27.007 section 10.1.22).
enum class Registration : std::uint8_t {
    kNone = 0,
    kHome = 1,
    kSearching = 2,
    kDenied = 3,
    kUnknown = 4,
    kRoaming = 5,
};

struct RadioUplink {
    unsigned socket;
    std::uint16_t port;  // of the socket
    Address to;
    std::uint32_t flags;
    std::uint32_t sequence;  // 0: none
    Bytes datagram;
};

struct RadioDownlink {
    std::uint16_t port;
    Address from;
    Bytes datagram;
};

struct PsmTimers {
    seconds periodic;  // T3412 extended
    seconds active;    // T3324
};

// Thread: its owner's.
class ModemRadio {
public:
    enum class Change : std::uint8_t { kRegistration, kConnected, kReleased, kAsleep, kAwake };
    // What has come of it: a change of state, a datagram that goes on air or one that has come from there.
    using Outcome = std::variant<Change, RadioUplink, RadioDownlink>;

    ModemRadio(const ModemOptions& options, std::uint64_t seed)
        : network_(options.network),
          flap_every_(options.defects.flap_every),
          flap_time_(options.defects.flap_time),
          chance_(seed) {}

    void switch_on() { on_ = true; }
    void switch_off();
    void attach(SteadyTime now);
    void detach();
    // Takes effect at the next release of the connection.
    void set_psm(std::optional<PsmTimers> timers) { psm_ = timers; }

    // False when too many wait already.
    bool send(RadioUplink uplink, SteadyTime now);
    void arrive(RadioDownlink downlink, SteadyTime now);
    // The network is lost, and back after `duration`.
    void lose_network(Registration as, milliseconds duration, SteadyTime now);

    void advance(SteadyTime now);
    std::optional<Outcome> take();
    std::optional<SteadyTime> deadline() const;

    bool is_on() const { return on_; }
    Registration registration() const { return registration_; }
    bool is_registered() const {
        return registration_ == Registration::kHome || registration_ == Registration::kRoaming;
    }
    bool is_connected() const { return connected_; }
    bool is_asleep() const { return asleep_; }
    std::uint64_t lost_downlinks() const { return lost_downlinks_; }

private:
    using Moment = std::optional<SteadyTime>;

    void set_registration(Registration registration);
    void find_network(SteadyTime now);
    void connect_at(SteadyTime at);
    void connect(SteadyTime now);
    void release(SteadyTime now);
    void drop_connection();
    void send_waiting(SteadyTime now);
    void wake();

    const ModemNetwork network_;
    const std::optional<milliseconds> flap_every_;
    const milliseconds flap_time_;
    Chance chance_;

    bool on_ = false;
    Registration registration_ = Registration::kNone;
    unsigned attempts_ = 0;
    bool connected_ = false;
    bool asleep_ = false;
    bool awaits_reply_ = false;  // 0x400
    bool releases_now_ = false;  // 0x200: nothing prolongs the connection but another uplink
    bool updates_ = false;       // connects for a periodic update alone
    std::optional<PsmTimers> psm_;
    std::deque<RadioUplink> uplinks_;      // wait for a connection
    std::deque<RadioDownlink> downlinks_;  // the network holds them
    std::deque<Outcome> outcomes_;
    Moment finds_at_, flaps_at_, connects_at_, releases_at_, sleeps_at_, updates_at_;
    std::uint64_t lost_downlinks_ = 0;
};

}  // namespace narrowgate::sim
