/* Endpoints as people write them: tcp://HOST:PORT, ipc://PATH. */
#ifndef SL_CLIENT_ENDPOINT_H
#define SL_CLIENT_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SL_ENDPOINT_HOST_SIZE = 256 };

struct sl_endpoint {
    bool is_ipc;
    char host[SL_ENDPOINT_HOST_SIZE]; /* without brackets; for ipc the path */
    uint16_t port;                    /* tcp */
};

/* Reads an endpoint that a client may connect to: a name or address and a port from 1 to 65535, or a path of at most 107 bytes.
 * 0; SL_E_BAD_INPUT, or SL_E_LIMIT for a path that is too long, with one sentence in error. */
int sl_endpoint_read(const char *text, struct sl_endpoint *out_endpoint, char *error, size_t error_size);

/* Whether a connection is refused right now: nobody listens there. False when that is not known (no answer, no such name). Does not
 * wait; names are looked up only when they are addresses or "localhost". */
bool sl_endpoint_is_refused(const struct sl_endpoint *self);

#endif
