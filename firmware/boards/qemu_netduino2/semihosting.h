// SPDX-License-Identifier: Apache-2.0
//
// Calls to the emulator ("Semihosting for AArch32 and AArch64", Arm). On a board without a debugger each
// would be a fault: for the emulated one alone.
#ifndef NARROWGATE_FIRMWARE_BOARDS_QEMU_NETDUINO2_SEMIHOSTING_H
#define NARROWGATE_FIRMWARE_BOARDS_QEMU_NETDUINO2_SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Random bytes of the machine that runs the emulator.
bool sh_entropy(uint8_t* bytes, size_t size);

// The number behind "key=" among the arguments of -semihosting-config; false: it is not there.
bool sh_argument(const char* key, uint32_t* value);

#endif
