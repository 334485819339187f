// SPDX-License-Identifier: Apache-2.0
//
// A session over sleep and reset, in memory that the board retains. The rule that keeps a nonce from being
// used twice (RFC 5116 section 3.1): a stored session is used once. It is invalid from the moment it is read,
// before anything can be sent in it; what goes to sleep again stores it again. A loss of supply in between
// costs a handshake, no secret.
#ifndef NARROWGATE_FIRMWARE_DTLS_STORED_H
#define NARROWGATE_FIRMWARE_DTLS_STORED_H

#include "dtls/client.h"

#ifdef __cplusplus
extern "C" {
#endif

// A saved context is 214 bytes with a connection ID of 8.
#define DT_CONTEXT_BYTES_MAX 256u

// In retained memory, which may hold anything.
typedef struct dt_stored {
    uint32_t mark;
    uint32_t size;
    uint32_t crc;  // of identity, key, size and context: another provisioning does not fit
    uint8_t context[DT_CONTEXT_BYTES_MAX];
} dt_stored;

// Closes an established client into `stored`. False: a datagram still waits, or a handshake is not over; the
// client goes on and `stored` is invalid.
bool dt_store(dt_client* client, dt_stored* stored);

// Takes the session out of `stored`, which is invalid afterwards, come what may. True: the client is
// established.
bool dt_restore(dt_client* client, dt_stored* stored);

// Whether there is something to restore, as far as can be told without doing it.
bool dt_is_stored(const dt_client* client, const dt_stored* stored);

#ifdef __cplusplus
}
#endif

#endif
