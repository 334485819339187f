// SPDX-License-Identifier: Apache-2.0
//
// The switches of a simulated SARA-N2. The defaults are what is known of the module; what is not known of
// it, or what its relatives (BC95, BC68: the same chip family) do differently, is a mode here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "narrowgate/base/clock.hpp"
#include "sim/link.hpp"

namespace narrowgate::sim {

// How a datagram that came is announced by +NSONMI.
enum class Announcement : std::uint8_t {
    kEach,      // every one
    kOnce,      // one that comes to an empty buffer; the others when it has been emptied
    kOneByOne,  // one that comes to an empty buffer; the next when the one before has been read
};

// What +NSORF answers when nothing has come.
enum class EmptyRead : std::uint8_t {
    kOk,      // OK alone
    kShort,   // three fields: socket, data, remaining: 0,"",0
    kCommas,  // six fields, all but the first and last empty: 0,,,,,0
    kSilent,  // nothing at all
};

// What the last field of +NSORF counts.
enum class Remaining : std::uint8_t {
    kSocket,    // all that waits
    kDatagram,  // what is left of this datagram; others may wait behind it
};

// How errors are numbered under AT+CMEE=1.
enum class ErrorNumbers : std::uint8_t {
    kStandard,  // 3GPP TS 27.007 section 9.2, and 159
    kVendor,    // 512 to 528 where the chip family has one that fits
    kStrange,   // none that anybody knows
};

enum class Banner : std::uint8_t {
    kUblox,  // REBOOT_CAUSE_..., u-blox, OK
    kNeul,   // the same of older firmware: Neul
    kNone,   // not a word
};

// What is done with +NSOST where there is no network.
enum class SendUnregistered : std::uint8_t {
    kRefused,
    kSwallowed,  // answered as if it were sent
};

struct ModemIdentity {
    std::string manufacturer = "u-blox";
    std::string model = "SARA-N211";
    std::string firmware = "06.57,A07.03";
    std::string imei = "357520070000001";
    std::string imsi = "001010000000001";
    std::string iccid = "89882280666000000001";
    std::string address = "10.0.0.2";  // that the network gives it
};

// The AT interface.
struct ModemManners {
    unsigned baud = 9600;  // 8N1; 0: not paced
    bool echo = false;     // after a start
    milliseconds answer_delay{20};
    milliseconds answer_jitter{0};       // added, evenly drawn
    milliseconds radio_on_time{2'000};   // that AT+CFUN=1 takes to answer
    bool answers_garbage = false;        // a line that does not begin with AT is answered ERROR
    bool loses_input_when_busy = false;  // what comes before an answer is complete; else it waits
    bool announcement_space = true;      // "+NSONMI: 0,12"; else "+NSONMI:0,12"
    Announcement announcement = Announcement::kEach;
    EmptyRead empty_read = EmptyRead::kOk;
    Remaining remaining = Remaining::kSocket;
    bool lone_carriage_return = false;  // before the answer of +NSORF
    ErrorNumbers error_numbers = ErrorNumbers::kStandard;
    bool attach_is_disabled = true;  // AT+CGATT=1 under AUTOCONNECT: error 51
    bool sequence_numbers = false;   // a sixth field of +NSOST, and +NSOSTR (BC95)
    bool has_natspeed = false;       // AT+NATSPEED
    bool signal_in_tenths = true;    // +NUESTATS: dBm / 10; else dBm
    SendUnregistered send_unregistered = SendUnregistered::kRefused;
};

// Starting, and sleeping.
struct ModemLife {
    bool autoconnect = true;  // as AT+NCONFIG="AUTOCONNECT" finds it at first
    Banner banner = Banner::kUblox;
    milliseconds boot_time{3'000};
    unsigned boot_noise = 12;                // bytes before the banner
    bool keeps_psm_settings = true;          // AT+CPSMS over a restart
    bool keeps_sockets_in_psm = true;        // else they are closed when it falls asleep
    unsigned wake_lost_bytes = 1;            // of what the node says to a sleeping module
    bool wake_loss_varies = false;           // evenly drawn from none to that
    bool wake_garbles = false;               // those bytes become noise instead
    milliseconds wake_time{0};               // in which all is lost
    milliseconds falls_asleep_after{1'000};  // of silence on the UART, in power saving mode
};

// The network, and the module's place in it.
struct ModemNetwork {
    milliseconds search_time{3'000};
    bool roaming = false;          // +CEREG 5 instead of 1
    unsigned denied_attempts = 0;  // +CEREG 3 at first, so many times
    milliseconds denied_retry{30'000};
    milliseconds connect_time{300};   // until +CSCON: 1, when there is something to send
    milliseconds inactivity{20'000};  // until +CSCON: 0, without release assistance
    milliseconds release_time{100};   // the same with it
    milliseconds paging_time{1'280};  // until a downlink finds a module that listens
    milliseconds update_time{500};    // of connection for a periodic update
    bool grants_psm = true;
    bool holds_downlinks_in_psm = true;        // until it is awake; else they are lost
    std::size_t uplink_queue = 4;              // datagrams that wait for a connection; above: error 159
    LinkOptions link;                          // each way
    milliseconds nat_timeout{0};               // of a mapping without uplinks; 0: never
    std::optional<milliseconds> rebind_every;  // mean time between new outside ports; none: never
};

// What goes wrong at random. Probabilities from 0 to 1.
struct ModemDefects {
    double lost_urc = 0;           // a URC
    double urc_in_answer = 0;      // a URC is kept for the next answer, and comes in the middle of it
    milliseconds urc_hold{2'000};  // so long at most
    double lost_answer = 0;        // a command, which is carried out all the same
    double busy_send = 0;          // +NSOST: error 159
    double reboot_in_send = 0;     // +NSOST: restarts without an answer; half of them have sent the datagram
    std::optional<milliseconds> reboot_every;  // mean
    std::optional<milliseconds> flap_every;    // mean time until the registration is lost: +CEREG 0, 2 or 3
    milliseconds flap_time{5'000};             // until it is back
};

struct ModemOptions {
    ModemIdentity identity;
    ModemManners manners;
    ModemLife life;
    ModemNetwork network;
    ModemDefects defects;
};

// A modem with all its modes drawn and every defect at work, for lives at random: those that come once in a
// while come every few minutes to hours, those of a command or datagram every twentieth to hundredth time.
ModemOptions draw_modem(std::uint64_t seed);

}  // namespace narrowgate::sim
