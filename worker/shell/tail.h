/* The last bytes that a stage host wrote to stdout and stderr, and which of them are one attempt's: those since the mark, up to the
 * first separator (frame.h); or, for a task that follows, those behind its separator, up to the next one. */
#ifndef SL_SHELL_TAIL_H
#define SL_SHELL_TAIL_H

#include "base/buf.h"
#include "base/bytes.h"

#include <stdint.h>

enum { SL_TAIL_SIZE = 64 << 10 };

struct sl_tail {
    uint64_t total;    /* bytes ever written */
    uint64_t mark;     /* value of total when an idle host was given a task: those that follow are behind separators */
    uint8_t bytes[SL_TAIL_SIZE]; /* a ring */
};

/* Nothing was written. */
void sl_tail_reset(struct sl_tail *self);

void sl_tail_add(struct sl_tail *self, struct sl_bytes bytes);

/* What one attempt wrote (`follows`: the sequence of a task that follows; NULL: the first one), at most size_max bytes of it, the last
 * ones; as clean lines: UTF-8, control characters escaped. Appended to out; failure is kept in out->failed. */
void sl_tail_text(const struct sl_tail *self, const uint32_t *follows, size_t size_max, struct sl_buf *out);

#endif
