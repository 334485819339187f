// SPDX-License-Identifier: Apache-2.0
//
// Between the files of the node; nothing for others. node.c has its life; node_link.c carries requests
// through session and modem to the gateway, and answers back.
#ifndef NARROWGATE_FIRMWARE_APP_NODE_PARTS_H
#define NARROWGATE_FIRMWARE_APP_NODE_PARTS_H

#include "app/node.h"

void nd_log(const nd_node* node, port_level level, const char* text, const char* detail);
// For events that a person may wait for.
void nd_log_count(const nd_node* node, const char* text, uint32_t count, const char* rest);
uint32_t nd_now(const nd_node* node);
uint32_t nd_now_s(const nd_node* node);
uint32_t nd_random(const nd_node* node);
bool nd_wants_to_send(const nd_node* node);

// Moves bytes, sessions and requests; milliseconds until the next call.
uint32_t nd_link_step(nd_node* node);

#endif
