// SPDX-License-Identifier: Apache-2.0
//
// What a person at the serial console reads and may say. It is also where a node stays that has no good
// provisioning.
#ifndef NARROWGATE_FIRMWARE_BOARDS_COMMON_CONSOLE_H
#define NARROWGATE_FIRMWARE_BOARDS_COMMON_CONSOLE_H

#include "app/node.h"
#include "boards/common/board.h"
#include "port/port.h"

#ifdef __cplusplus
extern "C" {
#endif

// port_table.log of a board: the line, with time and level, unless the level is above what is wanted.
void cs_log(void* self, port_level level, const char* text);

// The lines of a start.
void cs_say_start(bd_boot boot, const cr_fault* fault);
void cs_say_identity(const nd_node* node);
// What a block that is not good lacks.
void cs_say_provisioning(const nd_node* node);
// What the node has cost so far: stack, TLS pool.
void cs_say_cost(const nd_node* node);

// Takes what was typed. Commands: help, show, log, reset.
void cs_turn(const nd_node* node);

#ifdef __cplusplus
}
#endif

#endif
