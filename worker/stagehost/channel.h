/* The host's end of its socket to the worker: whole frames in, whole frames out, blocking. */
#ifndef SL_STAGEHOST_CHANNEL_H
#define SL_STAGEHOST_CHANNEL_H

#include "base/buf.h"

struct sl_channel {
    int fd; /* borrowed */
    struct sl_buf in;
    size_t in_at; /* bytes of in that were taken */
};

void sl_channel_init(struct sl_channel *self, int fd);
void sl_channel_fini(struct sl_channel *self);

/* The next frame, waiting for it; its body is borrowed until the next call. 1; 0 when the worker closed the socket; negative when
 * the socket failed or carried nonsense. */
int sl_channel_next(struct sl_channel *self, struct sl_bytes *out_body, unsigned *out_kind);

/* Sends bytes that are whole frames. 0, or SL_E_IO: the worker is gone. */
int sl_channel_send(struct sl_channel *self, struct sl_bytes frames);

#endif
