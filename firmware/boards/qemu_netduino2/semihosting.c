// SPDX-License-Identifier: Apache-2.0
#include "boards/qemu_netduino2/semihosting.h"

#include <string.h>

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_READ = 0x06, SYS_GET_CMDLINE = 0x15 };

#define MODE_READ_BINARY 1u

static uint32_t call(uint32_t operation, const void* arguments) {
    register uint32_t r0 __asm("r0") = operation;
    register const void* r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t address_of(const void* object) {
    return (uint32_t)(uintptr_t)object;
}

bool sh_entropy(uint8_t* bytes, size_t size) {
    static const char kName[] = "/dev/urandom";
    const uint32_t open[3] = {address_of(kName), MODE_READ_BINARY, sizeof kName - 1};
    const uint32_t file = call(SYS_OPEN, open);
    if (file == UINT32_MAX) return false;
    const uint32_t read[3] = {file, address_of(bytes), (uint32_t)size};
    const uint32_t missing = call(SYS_READ, read);
    call(SYS_CLOSE, &file);
    return missing == 0;
}

bool sh_argument(const char* key, uint32_t* value) {
    static char line[128];
    struct {
        char* text;
        uint32_t size;
    } arguments = {line, sizeof line};
    if (line[0] == '\0' && call(SYS_GET_CMDLINE, &arguments) != 0) return false;
    const size_t size = strlen(key);
    // The first one is the program's name.
    for (const char* at = line; (at = strchr(at, ' ')) != NULL;) {
        ++at;
        if (strncmp(at, key, size) != 0 || at[size] != '=') continue;
        *value = 0;
        for (at += size + 1; *at >= '0' && *at <= '9'; ++at)
            *value = *value * 10 + (uint32_t)(*at - '0');
        return true;
    }
    return false;
}
