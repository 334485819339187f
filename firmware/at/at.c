// SPDX-License-Identifier: Apache-2.0
#include "at/at.h"

#include <string.h>

#include "port/port.h"

void at_init(at_client* a, const at_listener* listener) {
    memset(a, 0, sizeof *a);
    a->listener = *listener;
}

static void begin_line(at_client* a) {
    a->line_size = 0;
    a->line_cut = false;
    a->in_quotes = false;
    a->field = 0;
    a->in_sink_line = false;
    a->half = false;
}

void at_reset(at_client* a) {
    begin_line(a);
    a->result = AT_IDLE;
    a->waiting = false;
}

void at_begin(at_client* a, const at_command* command) {
    a->command = *command;
    a->result = AT_PENDING;
    a->error_code = -1;
    a->sink_size = 0;
    a->garbled = false;
    a->pulled = 0;
    a->waiting = false;
}

// The character of a command at `position`; '\0': behind its end.
static char character_of(const at_command* command, size_t position) {
    static const char kDigits[] = "0123456789ABCDEF";
    const size_t text_size = strlen(command->text);
    if (position < text_size) return command->text[position];
    position -= text_size;
    const size_t digits = command->data == NULL ? 0 : 2 * command->data_size;
    if (position < digits) {
        const uint8_t byte = command->data[position / 2];
        return kDigits[position % 2 == 0 ? byte >> 4 : byte & 15];
    }
    position -= digits;
    const size_t tail_size = command->tail == NULL ? 0 : strlen(command->tail);
    if (position < tail_size) return command->tail[position];
    return position == tail_size ? '\r' : '\0';
}

size_t at_pull(at_client* a, char* bytes, size_t capacity, uint32_t now) {
    if (!at_is_sending(a)) return 0;
    size_t size = 0;
    while (size < capacity) {
        const char next = character_of(&a->command, a->pulled);
        if (next == '\0') break;
        bytes[size++] = next;
        ++a->pulled;
    }
    if (character_of(&a->command, a->pulled) == '\0') {
        a->waiting = true;
        a->deadline = now + a->command.timeout_ms;
    }
    return size;
}

static void finish(at_client* a, at_result result) {
    if (a->result != AT_PENDING) {
        ++a->late_results;
        return;
    }
    a->result = result;
    a->waiting = false;
}

static bool is_error(at_client* a, const char* line, const char* prefix) {
    if (!at_has_prefix(line, prefix)) return false;
    at_fields fields = at_fields_of(line, prefix);
    const int32_t code = at_integer(&fields);
    if (a->result == AT_PENDING) a->error_code = fields.failed ? -1 : code;
    finish(a, AT_ERROR);
    return true;
}

static bool is_final(at_client* a, const char* line) {
    if (strcmp(line, "OK") == 0) {
        finish(a, a->garbled ? AT_GARBLED : AT_OK);
        return true;
    }
    if (strcmp(line, "ERROR") == 0) {
        finish(a, AT_ERROR);
        return true;
    }
    return is_error(a, line, "+CME ERROR") || is_error(a, line, "+CMS ERROR");
}

static bool is_answer(const at_client* a, const char* line) {
    if (a->result != AT_PENDING) return false;
    if (a->command.prefix != NULL && a->command.prefix[0] == '\0') return true;
    if (a->command.prefix != NULL) return at_has_prefix(line, a->command.prefix);
    return line[0] >= '0' && line[0] <= '9';
}

static const at_unsolicited* unsolicited_of(const at_client* a, const char* line) {
    for (size_t i = 0; i < a->listener.table_size; ++i) {
        const at_unsolicited* entry = &a->listener.table[i];
        const bool same = entry->bare ? strncmp(line, entry->prefix, strlen(entry->prefix)) == 0
                                      : at_has_prefix(line, entry->prefix);
        if (same) return entry;
    }
    return NULL;
}

static void end_line(at_client* a) {
    const size_t size = a->line_size;
    const bool cut = a->line_cut;
    const bool bad_data = a->in_sink_line && a->half;
    a->line[size] = '\0';
    begin_line(a);
    if (size == 0) return;
    if (bad_data) at_fail(a);
    const char* line = a->line;
    // The command itself: a modem that echoes.
    if (strncmp(line, "AT", 2) == 0) return;
    if (is_final(a, line)) return;
    const bool answer = is_answer(a, line);
    if (cut) {
        ++a->cut_lines;
        if (answer) at_fail(a);
        return;
    }
    const at_unsolicited* entry = unsolicited_of(a, line);
    const bool any = answer && a->command.prefix != NULL && a->command.prefix[0] == '\0';
    if (answer && !(any && entry != NULL) && a->listener.on_answer(a->listener.context, line)) return;
    if (entry != NULL)
        a->listener.on_unsolicited(a->listener.context, entry->id, line);
    else
        ++a->unknown_lines;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static void take_digit(at_client* a, char c) {
    const int digit = digit_of(c);
    if (digit < 0) {
        at_fail(a);
        return;
    }
    a->half = !a->half;
    if (a->half) {
        a->high = (uint8_t)(digit << 4);
        return;
    }
    if (a->sink_size == a->command.sink_capacity) {
        at_fail(a);
        return;
    }
    a->command.sink[a->sink_size++] = (uint8_t)(a->high | digit);
}

// Whether `c` is data of the answer that goes straight to the sink.
static bool is_data(const at_client* a, char c) {
    return a->result == AT_PENDING && a->command.sink != NULL && a->command.prefix == NULL &&
           a->line_size > 0 && a->line[0] >= '0' && a->line[0] <= '9' && a->field == a->command.hex_field &&
           c != ',' && c != '"';
}

static void feed_character(at_client* a, char c) {
    if (c == '\r' || c == '\n') {
        end_line(a);
        return;
    }
    if (c < ' ' || c > '~') return;  // what a rebooting modem says between two baud rates
    if (is_data(a, c)) {
        a->in_sink_line = true;
        take_digit(a, c);
        return;
    }
    if (c == '"') a->in_quotes = !a->in_quotes;
    if (c == ',' && !a->in_quotes && a->field < AT_NO_FIELD - 1) ++a->field;
    if (a->line_size == AT_LINE_BYTES - 1) {
        a->line_cut = true;
        return;
    }
    a->line[a->line_size++] = c;
}

void at_feed(at_client* a, const uint8_t* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i)
        feed_character(a, (char)bytes[i]);
}

void at_lost_bytes(at_client* a) {
    if (a->result == AT_PENDING) at_fail(a);
}

uint32_t at_step(at_client* a, uint32_t now) {
    if (a->result != AT_PENDING || !a->waiting) return PORT_NEVER;
    if (port_reached(now, a->deadline)) {
        a->waiting = false;
        a->result = AT_TIMEOUT;
        return 0;
    }
    return port_until(now, a->deadline);
}
