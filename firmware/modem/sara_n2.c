// SPDX-License-Identifier: Apache-2.0
#include "modem/sara_n2.h"

#include <string.h>

#include "modem/sara_n2_parts.h"

// Between two commands: the modem's manual asks for 20 ms.
#define BETWEEN_COMMANDS_MS 20u

// An "AT" that wakes the modem may lose its first byte, or all of them. The next one must come before it
// sleeps again, which nobody says the time of: 250 ms, doubled with each to 2 s.
#define WAKE_ANSWER_MS 250u
#define WAKE_DOUBLINGS 3u
#define WAKE_ATTEMPTS 6u

// Reset and supply: how long they are moved, and how long the modem may take to its first words.
#define RESET_HELD_MS 500u
#define SUPPLY_OFF_MS 3000u
#define BOOT_MS 10000u
#define AFTER_BOOT_MS 1000u

// Commands without an answer in a row, then words do not help.
#define FAILURES_MAX 4u

// Rests: 30 s, doubled with each in a row up to an hour, and up to a quarter more.
#define REST_MS 30000u
#define REST_DOUBLINGS 7u
#define REST_MAX_MS 3600000u

static const at_unsolicited kUnsolicited[] = {
    {"+NSONMI", false, SN_INCOMING},  {"+CEREG", false, SN_REGISTRATION},
    {"+CSCON", false, SN_CONNECTION}, {"+NPSMR", false, SN_POWER_SAVING},
    {"REBOOT", true, SN_BOOT},        {"u-blox", true, SN_BOOT},
    {"Neul", true, SN_BOOT},
};

static bool is_traffic(sn_phase phase) {
    return phase == SN_OPENING || phase == SN_READY;
}

static bool on_answer(void* context, const char* line) {
    sara_n2* sn = (sara_n2*)context;
    sn_log(sn, PORT_LOG_DEBUG, "< ", line);
    return is_traffic(sn->phase) ? sn_traffic_answer(sn, line) : sn_attach_answer(sn, line);
}

static bool flag_of(const char* line, const char* prefix) {
    at_fields fields = at_fields_of(line, prefix);
    return at_integer(&fields) == 1;
}

// Whether it has answered since it was started, so that its first words are a surprise.
static bool is_up(const sara_n2* sn) {
    return sn->phase >= SN_IDENTIFYING || (sn->phase == SN_WAKING && sn->after_waking > SN_IDENTIFYING);
}

static void on_unsolicited(void* context, int id, const char* line) {
    sara_n2* sn = (sara_n2*)context;
    int32_t stat = 0;
    sn_log(sn, PORT_LOG_DEBUG, "< ", line);
    switch (id) {
        case SN_INCOMING:
            sn->may_have_data = true;
            break;
        case SN_REGISTRATION:
            if (sn_read_registration(line, false, &stat)) sn->registration = stat;
            break;
        case SN_CONNECTION:
            sn->connected = flag_of(line, "+CSCON");
            break;
        case SN_POWER_SAVING:
            sn->power_saving = flag_of(line, "+NPSMR");
            break;
        default:
            // Several lines, one boot.
            if (!sn->rebooted && is_up(sn)) {
                ++sn->counts.boots;
                sn_log(sn, PORT_LOG_WARNING, "has restarted by itself", "");
            }
            sn->rebooted = true;
            break;
    }
}

bool sn_read_registration(const char* line, bool answers, int32_t* stat) {
    at_fields fields = at_fields_of(line, "+CEREG");
    const int32_t first = at_integer(&fields);
    const bool second_is_number = at_more(&fields) && !at_is_quoted(&fields);
    if (answers) {
        if (!second_is_number) return false;
        *stat = at_integer(&fields);
    } else {
        *stat = first;
    }
    return !fields.failed;
}

void sn_log(const sara_n2* sn, port_level level, const char* text, const char* detail) {
    char line[96];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, "modem: ");
    bs_put(&out, text);
    bs_put(&out, detail);
    sn->port->log(sn->port->self, level, line);
}

uint32_t sn_random(const sara_n2* sn) {
    uint8_t bytes[4] = {0};
    // For jitter and port numbers alone: without entropy the clock is spread enough.
    if (!sn->port->entropy(sn->port->self, bytes, sizeof bytes)) return sn_now(sn) * UINT32_C(2654435761);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void sn_init(sara_n2* sn, const sn_options* options, const port_table* port) {
    memset(sn, 0, sizeof *sn);
    sn->options = *options;
    sn->port = port;
    sn->socket = -1;
    sn->registration = -1;
    sn->counts.last_error = -1;
    sn->pause_until = sn_now(sn);
    const at_listener listener = {sn, on_answer, on_unsolicited, kUnsolicited,
                                  sizeof kUnsolicited / sizeof kUnsolicited[0]};
    at_init(&sn->at, &listener);
}

void sn_enter(sara_n2* sn, sn_phase phase) {
    sn->phase = phase;
    sn->step = 0;
    sn->attempts = 0;
    sn->timing = false;
}

void sn_pause(sara_n2* sn, uint32_t ms) {
    sn->pause_until = sn_now(sn) + ms;
}

void sn_limit(sara_n2* sn, uint32_t ms) {
    sn->timing = true;
    sn->deadline = sn_now(sn) + ms;
}

bool sn_is_past_limit(const sara_n2* sn) {
    return sn->timing && port_reached(sn_now(sn), sn->deadline);
}

void sn_begin(sara_n2* sn, const at_command* command) {
    sn_log(sn, PORT_LOG_DEBUG, "> ", command->text);
    at_begin(&sn->at, command);
}

void sn_ask(sara_n2* sn, const char* text, const char* prefix, uint32_t timeout_ms) {
    const at_command command = {
        .text = text, .prefix = prefix, .timeout_ms = timeout_ms, .hex_field = AT_NO_FIELD};
    sn->answer_seen = false;
    sn_begin(sn, &command);
}

// The phase that waits keeps its step and its limit: it goes on where it was.
void sn_wake(sara_n2* sn, sn_phase phase) {
    sn->after_waking = phase;
    sn->phase = SN_WAKING;
    sn->attempts = 0;
}

// Whatever was said to the modem is forgotten, on both sides.
static void hang_up(sara_n2* sn) {
    at_reset(&sn->at);
    sn->tx_size = sn->tx_at = 0;
    sn->registration = -1;
    sn->attached = sn->connected = sn->power_saving = false;
    sn_traffic_lost(sn);
}

void sn_restart(sara_n2* sn) {
    ++sn->counts.resets;
    sn_log(sn, PORT_LOG_WARNING, "does not answer, is reset", "");
    hang_up(sn);
    sn->rebooted = false;
    if (sn->rests_due++ < 3) {
        sn_enter(sn, SN_BOOTING);
    } else {
        sn->rests_due = 0;
        sn_rest(sn);
    }
}

void sn_rest(sara_n2* sn) {
    ++sn->counts.attach_rests;
    uint32_t ms = REST_MS << (sn->rests < REST_DOUBLINGS ? sn->rests : REST_DOUBLINGS);
    if (ms > REST_MAX_MS) ms = REST_MAX_MS;
    if (sn->rests < UINT8_MAX) ++sn->rests;
    ms += sn_random(sn) % (ms / 4);
    sn->failures = 0;
    sn_enter(sn, SN_RESTING);
    sn_limit(sn, ms);
}

void sn_start(sara_n2* sn, int32_t socket) {
    sn->port->modem_power(sn->port->self, true);
    sn->port->modem_reset(sn->port->self, false);
    sn->configure_anew = socket == SN_CONFIGURE_ANEW;
    sn->socket = socket >= 0 ? socket : -1;
    sn->sockets_to_close = socket >= 0 ? 0 : SN_SOCKETS;
    sn->heard_at = sn_now(sn);
    sn_enter(sn, SN_IDENTIFYING);
    sn_wake(sn, SN_IDENTIFYING);
}

static void boot(sara_n2* sn) {
    const port_table* port = sn->port;
    // Each second time by the supply: there are states that a reset does not end.
    const bool by_supply = sn->rests_due % 2 == 0;
    switch (sn->step) {
        case 0:
            if (by_supply)
                port->modem_power(port->self, false);
            else
                port->modem_reset(port->self, true);
            sn_pause(sn, by_supply ? SUPPLY_OFF_MS : RESET_HELD_MS);
            sn->step = 1;
            break;
        case 1:
            port->modem_power(port->self, true);
            port->modem_reset(port->self, false);
            sn->step = 2;
            sn_limit(sn, BOOT_MS);
            break;
        default:
            if (!sn->rebooted && !sn_is_past_limit(sn)) return;
            sn->rebooted = false;
            sn_enter(sn, SN_IDENTIFYING);
            sn_wake(sn, SN_IDENTIFYING);
            sn_pause(sn, AFTER_BOOT_MS);
            break;
    }
}

// Its first words came unasked.
static void boot_again(sara_n2* sn) {
    hang_up(sn);
    sn->configure_anew = true;
    sn_enter(sn, SN_BOOTING);
    sn->step = 2;
    sn_limit(sn, BOOT_MS);
}

static void wake_result(sara_n2* sn, at_result result) {
    if (result == AT_OK) {
        sn->phase = sn->after_waking;
        sn->attempts = 0;
        sn->power_saving = false;
    } else if (++sn->attempts == WAKE_ATTEMPTS) {
        sn_restart(sn);
    }
}

static void log_result(const sara_n2* sn) {
    static const char* const kResults[] = {"", "", "OK", "ERROR ", "garbled", "nothing"};
    char line[24];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, kResults[sn->at.result]);
    if (sn->at.result == AT_ERROR) bs_put_signed(&out, sn->at.error_code);
    sn_log(sn, PORT_LOG_DEBUG, "< ", line);
}

static void take_result(sara_n2* sn) {
    const at_result result = sn->at.result;
    log_result(sn);
    sn->at.result = AT_IDLE;
    if (result == AT_TIMEOUT && sn->phase != SN_WAKING) ++sn->counts.timeouts;
    if (result == AT_GARBLED) ++sn->counts.garbled;
    if (result == AT_ERROR && sn->phase != SN_WAKING) {
        ++sn->counts.errors;
        sn->counts.last_error = sn->at.error_code;
    }
    sn_pause(sn, BETWEEN_COMMANDS_MS);
    if (sn->phase == SN_WAKING) {
        wake_result(sn, result);
        return;
    }
    const sn_phase asked_in = sn->phase;
    if (is_traffic(asked_in))
        sn_traffic_result(sn, result);
    else
        sn_attach_result(sn, result);
    if (result != AT_TIMEOUT) {
        sn->failures = 0;
        if (result == AT_OK) sn->rests_due = 0;
    } else if (++sn->failures == FAILURES_MAX) {
        sn->failures = 0;
        sn_restart(sn);
    } else if (sn->phase == asked_in && asked_in != SN_RESTING) {
        sn_wake(sn, asked_in);
    }
}

static void ask(sara_n2* sn) {
    switch (sn->phase) {
        case SN_OFF:
        case SN_UNKNOWN:
            break;
        case SN_BOOTING:
            boot(sn);
            break;
        case SN_WAKING:
            sn_ask(sn, "AT", NULL,
                   WAKE_ANSWER_MS << (sn->attempts < WAKE_DOUBLINGS ? sn->attempts : WAKE_DOUBLINGS));
            break;
        case SN_OPENING:
        case SN_READY:
            sn_traffic_ask(sn);
            break;
        default:
            sn_attach_ask(sn);
            break;
    }
}

static void take_input(sara_n2* sn) {
    uint8_t bytes[32];
    if (sn->port->uart_lost(sn->port->self) != 0) at_lost_bytes(&sn->at);
    size_t size;
    // At most what a line of 9600 baud brings in a second, then others have their turn.
    for (int i = 0; i < 32 && (size = sn->port->uart_read(sn->port->self, bytes, sizeof bytes)) > 0; ++i) {
        sn->heard_at = sn_now(sn);
        at_feed(&sn->at, bytes, size);
    }
}

// False: the line takes no more now.
static bool give_output(sara_n2* sn) {
    for (;;) {
        if (sn->tx_at == sn->tx_size) {
            sn->tx_at = 0;
            sn->tx_size = at_pull(&sn->at, sn->tx, sizeof sn->tx, sn_now(sn));
            if (sn->tx_size == 0) return true;
        }
        const size_t taken =
            sn->port->uart_write(sn->port->self, (const uint8_t*)sn->tx + sn->tx_at, sn->tx_size - sn->tx_at);
        if (taken == 0) return false;
        sn->tx_at += taken;
    }
}

uint32_t sn_step(sara_n2* sn) {
    take_input(sn);
    if (sn->phase == SN_OFF || sn->phase == SN_UNKNOWN) return PORT_NEVER;
    if (sn->rebooted && sn->phase != SN_BOOTING) boot_again(sn);
    at_step(&sn->at, sn_now(sn));
    if (sn->at.result > AT_PENDING) take_result(sn);
    const bool paused = !port_reached(sn_now(sn), sn->pause_until);
    const sn_phase phase = sn->phase;
    if (sn->at.result == AT_IDLE && !paused) ask(sn);
    if (!give_output(sn)) return 1;  // a byte at 9600 baud
    if (sn->at.result == AT_PENDING) return at_step(&sn->at, sn_now(sn));
    if (!port_reached(sn_now(sn), sn->pause_until)) return port_until(sn_now(sn), sn->pause_until);
    if (sn->phase != phase) return 0;
    return sn->timing ? port_until(sn_now(sn), sn->deadline) : PORT_NEVER;
}
