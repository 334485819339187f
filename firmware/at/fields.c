// SPDX-License-Identifier: Apache-2.0
#include "at/fields.h"

#include <string.h>

bool at_has_prefix(const char* line, const char* prefix) {
    const size_t size = strlen(prefix);
    return strncmp(line, prefix, size) == 0 && (line[size] == ':' || line[size] == ',' || line[size] == '\0');
}

static const char* past_spaces(const char* text) {
    while (*text == ' ')
        ++text;
    return text;
}

at_fields at_fields_of(const char* line, const char* prefix) {
    if (prefix != NULL) {
        line += strlen(prefix);
        if (*line == ':' || *line == ',') ++line;
    }
    line = past_spaces(line);
    return (at_fields){.next = *line == '\0' ? NULL : line};
}

bool at_more(const at_fields* fields) {
    return fields->next != NULL;
}

bool at_is_quoted(const at_fields* fields) {
    return fields->next != NULL && *fields->next == '"';
}

// Takes one field: [*begin, *end), quotes taken off.
static bool take(at_fields* fields, const char** begin, const char** end) {
    const char* at = fields->next;
    *begin = *end = at;
    if (at == NULL) return false;
    if (*at == '"') {
        *begin = ++at;
        while (*at != '\0' && *at != '"')
            ++at;
        *end = at;
        if (*at == '"') ++at;
        at = past_spaces(at);
    } else {
        while (*at != '\0' && *at != ',')
            ++at;
        *end = at;
    }
    // What stands between a closing quote and a comma belongs to no field.
    if (*at != ',' && *at != '\0') {
        fields->failed = true;
        while (*at != ',' && *at != '\0')
            ++at;
    }
    fields->next = *at == ',' ? past_spaces(at + 1) : NULL;
    return true;
}

static bool integer_of(const char* begin, const char* end, int32_t* value) {
    const bool negative = begin != end && *begin == '-';
    if (negative) ++begin;
    if (begin == end || end - begin > 10) return false;
    int64_t sum = 0;
    for (; begin != end; ++begin) {
        if (*begin < '0' || *begin > '9') return false;
        sum = sum * 10 + (*begin - '0');
    }
    if (negative) sum = -sum;
    if (sum > INT32_MAX || sum < INT32_MIN) return false;
    *value = (int32_t)sum;
    return true;
}

int32_t at_integer(at_fields* fields) {
    const char* begin;
    const char* end;
    int32_t value = 0;
    if (!take(fields, &begin, &end) || !integer_of(begin, end, &value)) fields->failed = true;
    return value;
}

int32_t at_integer_or(at_fields* fields, int32_t otherwise) {
    const char* begin;
    const char* end;
    int32_t value = otherwise;
    if (take(fields, &begin, &end) && begin != end && !integer_of(begin, end, &value)) fields->failed = true;
    return value;
}

void at_string(at_fields* fields, char* text, size_t capacity) {
    const char* begin;
    const char* end;
    if (!take(fields, &begin, &end)) {
        fields->failed = true;
        text[0] = '\0';
        return;
    }
    size_t size = (size_t)(end - begin);
    if (size >= capacity) {
        fields->failed = true;
        size = 0;
    }
    memcpy(text, begin, size);
    text[size] = '\0';
}

void at_skip(at_fields* fields) {
    const char* begin;
    const char* end;
    if (!take(fields, &begin, &end)) fields->failed = true;
}
