// SPDX-License-Identifier: Apache-2.0
//
// One AT command at a time, and whatever a modem says by itself. Fed by bytes; needs 96 bytes for a line
// however long the line is, because hexadecimal data are turned into bytes as they come and go (a SARA-N2
// knows no other form). Opens nothing, reads no clock, allocates nothing.
//
//     at_begin(&at, &command, now);
//     loop: at_pull(&at) -> uart; at_feed(&at, bytes) -> lines to the listener; at_step(&at, now)
//     until at.result is not AT_PENDING.
#ifndef NARROWGATE_FIRMWARE_AT_AT_H
#define NARROWGATE_FIRMWARE_AT_AT_H

#include "at/fields.h"

#ifdef __cplusplus
extern "C" {
#endif

// A line longer than that is cut, and a command whose answer it is has failed: hexadecimal data do not count.
#define AT_LINE_BYTES 96u

// For at_command.hex_field.
#define AT_NO_FIELD 0xffu

typedef enum at_result {
    AT_IDLE,     // no command was begun
    AT_PENDING,  // the answer is not complete
    AT_OK,
    AT_ERROR,    // "ERROR"; or "+CME ERROR: n" and "+CMS ERROR: n", `error_code` is n (-1: none)
    AT_GARBLED,  // OK came, but an answer before it was cut, was no hexadecimal, or made no sense to the
                 // listener
    AT_TIMEOUT,  // no final answer
} at_result;

// What points somewhere must stay there until the result is there.
typedef struct at_command {
    const char* text;     // without the end of line
    const uint8_t* data;  // follows as hexadecimal digits; null: none
    size_t data_size;
    const char* tail;  // follows them; null: nothing
    // Of the lines of the answer, "+CEREG"; null: they begin with a digit ("0,87"); "": any that is not
    // unsolicited.
    const char* prefix;
    uint32_t timeout_ms;  // from when all of it was pulled
    // Of an answer without prefix, the field (from 0) that is hexadecimal data, and where they go.
    uint8_t hex_field;
    uint8_t* sink;
    size_t sink_capacity;
} at_command;

// What a modem says by itself: lines that begin like that.
typedef struct at_unsolicited {
    const char* prefix;  // "+NSONMI", or the beginning of a bare line: "REBOOT"
    bool bare;           // any line that begins so, whatever follows
    int id;
} at_unsolicited;

// Called inside at_feed(). Lines end in 0 and are valid during the call.
typedef struct at_listener {
    void* context;
    // A line of the answer. False: it is none of this answer, look among the unsolicited.
    bool (*on_answer)(void* context, const char* line);
    void (*on_unsolicited)(void* context, int id, const char* line);
    const at_unsolicited* table;
    size_t table_size;
} at_listener;

// Members are at_'s own but for result, error_code, sink_size and the counters.
typedef struct at_client {
    at_listener listener;
    at_command command;
    at_result result;
    int32_t error_code;
    size_t sink_size;  // bytes of hexadecimal data of this command's answer
    bool garbled;

    // The command on its way out: a position in text, digits, tail and end of line.
    size_t pulled;
    bool waiting;  // all is out, `deadline` holds
    uint32_t deadline;

    char line[AT_LINE_BYTES];
    size_t line_size;
    bool line_cut;
    bool in_quotes;
    uint8_t field;
    bool in_sink_line;
    bool half;  // a digit of two
    uint8_t high;

    uint32_t unknown_lines;  // neither an answer nor known: counted, never a reason to stop
    uint32_t cut_lines;
    uint32_t late_results;  // final answers when nothing was asked
} at_client;

// `listener` is copied; its table must outlive `a`.
void at_init(at_client* a, const at_listener* listener);

// Begins a command; what was pending is forgotten.
void at_begin(at_client* a, const at_command* command);

// The next bytes to be sent to the modem, at most `capacity`; 0: none.
size_t at_pull(at_client* a, char* bytes, size_t capacity, uint32_t now);
// Whether at_pull() has more to give.
static inline bool at_is_sending(const at_client* a) {
    return a->result == AT_PENDING && !a->waiting;
}

void at_feed(at_client* a, const uint8_t* bytes, size_t size);

// Bytes of the modem were lost: what is being answered cannot be trusted.
void at_lost_bytes(at_client* a);
// For a listener: the answer makes no sense.
static inline void at_fail(at_client* a) {
    a->garbled = true;
}

// Lets time pass; milliseconds until the command times out, PORT_NEVER without one.
uint32_t at_step(at_client* a, uint32_t now);

// Forgets a half line and the pending command.
void at_reset(at_client* a);

#ifdef __cplusplus
}
#endif

#endif
