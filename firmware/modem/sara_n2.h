// SPDX-License-Identifier: Apache-2.0
//
// A u-blox SARA-N2 through its whole life: power, attach, power saving, one UDP socket to one gateway.
// UBX-16014887 "AT Commands Manual" is the authority; where what is known of it is not certain, the driver
// copes with every form that is reported (docs/firmware.md lists them).
//
//     sn_init(), sn_start()
//     loop: sn_step(); when sn_is_ready(): sn_send(), look at sn.sending; sn_received() until it gives null
//
// The driver speaks to the UART by its port and does not block: every call returns at once.
#ifndef NARROWGATE_FIRMWARE_MODEM_SARA_N2_H
#define NARROWGATE_FIRMWARE_MODEM_SARA_N2_H

#include "at/at.h"
#include "port/port.h"

#ifdef __cplusplus
extern "C" {
#endif

// What +NSOST takes and +NSORF gives at once.
#define SN_DATAGRAM_BYTES 512u

#define SN_TEXT_BYTES 112u  // the longest command without its data
#define SN_NAME_BYTES 32u

// Strings must live as long as the driver.
typedef struct sn_options {
    const char* gateway;  // an IPv4 address in digits: the modem resolves no names
    uint16_t gateway_port;
    const char* apn;   // "": the network's
    const char* plmn;  // "26201"; "": any network
    // Power saving mode: time awake after a connection, and the periodic update; 0 of the latter: off.
    uint32_t active_s;
    uint32_t periodic_s;
    const char* edrx;  // the four bits of AT+CEDRXS; "": off
} sn_options;

typedef enum sn_phase {
    SN_OFF,
    SN_BOOTING,      // supply or reset was moved; for its first words
    SN_WAKING,       // "AT" until it says OK
    SN_IDENTIFYING,  // which modem, which firmware
    SN_CHECKING,     // whether it was configured since it was started
    SN_CONFIGURING,
    SN_ATTACHING,
    SN_RESTING,  // the network would not have us, or the modem did not answer: later again
    SN_OPENING,  // the socket
    SN_READY,
    SN_UNKNOWN,  // the modem is none that this driver knows; `model` names it
} sn_phase;

// What becomes of a datagram.
typedef enum sn_sending {
    SN_NOTHING,
    SN_BUSY,
    SN_SENT,      // the modem took it, or may have: whether it arrives is for the layers above
    SN_NOT_SENT,  // it did not; try again when sn_is_ready()
} sn_sending;

// Release assistance: what follows this datagram (the flags of AT+NSOSTF).
typedef enum sn_release {
    SN_MORE_FOLLOWS = 0x000,   // a handshake; anything that is not over with one reply
    SN_RELEASE_NOW = 0x200,    // nothing: a NON without reply
    SN_RELEASE_AFTER = 0x400,  // one reply
} sn_release;

// Since sn_init(); for the log, and for telemetry.
typedef struct sn_counts {
    uint32_t boots;         // that nobody had asked for
    uint32_t resets;        // by us
    uint32_t timeouts;      // commands without an answer
    uint32_t garbled;       // answers that made no sense
    uint32_t errors;        // commands that were refused
    uint32_t sockets;       // opened
    uint32_t attach_rests;  // times that the network was left alone for a while
    uint32_t strangers;     // datagrams that were not the gateway's
    int32_t last_error;     // the last CME number, -1: none
} sn_counts;

// Members are sn_'s own but for phase, sending, counts, model, firmware, connected and power_saving.
typedef struct sara_n2 {
    sn_options options;
    const port_table* port;
    at_client at;

    sn_phase phase;
    sn_sending sending;
    sn_counts counts;
    char model[SN_NAME_BYTES];
    char firmware[SN_NAME_BYTES];
    bool connected;     // a radio connection is there (+CSCON)
    bool power_saving;  // the modem sleeps (+NPSMR)

    sn_phase after_waking;
    uint8_t step;       // within a phase
    uint8_t attempts;   // of what is being tried
    uint8_t wakings;    // "AT" in vain
    uint8_t failures;   // phases in a row that ended in nothing
    uint8_t rests;      // in a row
    uint8_t rests_due;  // resets in a row that did not help
    bool configure_anew;
    bool rebooted;  // its first words were heard
    bool timing;
    uint32_t deadline;     // of the phase, while `timing`
    uint32_t pause_until;  // no command before
    uint32_t heard_at;     // the last byte of the modem
    bool answer_seen;      // what a command's answer said
    int32_t answer;

    int32_t registration;  // +CEREG's <stat>, -1: not known
    bool attached;
    uint8_t denials;  // in a row

    int32_t socket;  // -1: none
    uint8_t sockets_to_close;
    bool plain_send;         // the modem has no +NSOSTF
    bool silent_when_empty;  // it does not answer +NSORF when there is nothing
    bool read_in_vain;       // the last +NSORF was not answered
    const uint8_t* out;
    size_t out_size;
    sn_release out_release;
    uint8_t out_tries;
    bool may_have_data;  // something may have arrived: read until there is nothing
    bool from_gateway;   // the datagram in `in`
    uint8_t in[SN_DATAGRAM_BYTES];
    size_t in_size;  // 0: free
    int32_t in_announced;

    char text[SN_TEXT_BYTES];
    char tx[32];  // on the way from the command to the UART
    size_t tx_size, tx_at;
} sara_n2;

// `options` is copied; `port` must outlive the driver.
void sn_init(sara_n2* sn, const sn_options* options, const port_table* port);

#define SN_SOCKETS 7u
#define SN_NO_SOCKET (-1)
#define SN_CONFIGURE_ANEW (-2)

// Brings the modem up from whatever state it is in: it may run since before our own reset. `socket`: what
// sn_socket() said before; SN_NO_SOCKET when that is not known; SN_CONFIGURE_ANEW when its settings may be
// others than `options`.
void sn_start(sara_n2* sn, int32_t socket);

// Moves bytes and states. Returns milliseconds until the next call; earlier when a byte comes.
uint32_t sn_step(sara_n2* sn);

// Registered, with a socket, and nothing is being sent.
bool sn_is_ready(const sara_n2* sn);

// Sends a datagram of at most SN_DATAGRAM_BYTES; `bytes` must stay until sn.sending is no longer SN_BUSY.
// False: not now.
bool sn_send(sara_n2* sn, const uint8_t* bytes, size_t size, sn_release release);
// Takes note of sn.sending.
void sn_sending_seen(sara_n2* sn);

// The datagram that has come from the gateway, null: none. Valid until sn_received_seen(), which makes room
// for the next.
const uint8_t* sn_received(const sara_n2* sn, size_t* size);
void sn_received_seen(sara_n2* sn);
// Looks for a datagram that was not announced: after an answer failed to come.
void sn_look(sara_n2* sn);

// For what outlives a sleep of the node.
static inline int32_t sn_socket(const sara_n2* sn) {
    return sn->socket;
}
// The modem has nothing to do: the node may sleep, and will hear no more of it.
bool sn_is_quiet(const sara_n2* sn);

#ifdef __cplusplus
}
#endif

#endif
