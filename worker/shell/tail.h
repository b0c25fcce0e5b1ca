/* The last bytes that a stage host wrote to stdout and stderr, and where the running attempt's part of them begins. */
#ifndef SL_SHELL_TAIL_H
#define SL_SHELL_TAIL_H

#include "base/buf.h"
#include "base/bytes.h"

#include <stdint.h>

enum { SL_TAIL_SIZE = 64 << 10 };

struct sl_tail {
    uint64_t total;    /* bytes ever written */
    uint64_t mark;     /* value of total when the running attempt began */
    uint8_t bytes[SL_TAIL_SIZE]; /* a ring */
};

/* Nothing was written. */
void sl_tail_reset(struct sl_tail *self);

void sl_tail_add(struct sl_tail *self, struct sl_bytes bytes);

/* What was written since the mark, at most size_max bytes of it, the last ones; as clean lines: UTF-8, control characters escaped.
 * Appended to out; failure is kept in out->failed. */
void sl_tail_text(const struct sl_tail *self, size_t size_max, struct sl_buf *out);

#endif
