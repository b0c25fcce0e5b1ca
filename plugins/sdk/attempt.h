/* One call of execute: the host's table and what it passed, and the way to say why it failed. */
#ifndef SL_SDK_ATTEMPT_H
#define SL_SDK_ATTEMPT_H

#include <stdbool.h>
#include <sluice/stage.h>

#include "input.h"

struct sl_attempt {
    const sluice_host *host;
    sluice_ctx *ctx;
    sluice_out *out;
};

/* Passes one sentence, made by a printf format, to the host, and returns `outcome`, so that a caller can return it. */
sluice_outcome sl_attempt_fail(const struct sl_attempt *self, sluice_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Parses what came in; the caller closes it with sl_input_fini. SLUICE_DONE, or a failure with a sentence. */
sluice_outcome sl_attempt_read(const struct sl_attempt *self, sluice_bytes upstream, struct sl_input *out_input);

/* The failure of an attempt that found no memory: retryable. */
sluice_outcome sl_attempt_no_memory(const struct sl_attempt *self);

/* Reports progress; true when the job was cancelled, then the sentence is set and the caller returns
 * SLUICE_FAILED_RETRYABLE. */
bool sl_attempt_cancelled(const struct sl_attempt *self, uint64_t done, uint64_t total);

#endif
