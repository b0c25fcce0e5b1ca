/* Failure sentences and cancellation of one attempt. */
#include "attempt.h"

#include <stdarg.h>
#include <stdio.h>

enum { SENTENCE_BYTES_MAX = 2048 };

sluice_outcome sl_attempt_fail(const struct sl_attempt *self, sluice_outcome outcome, const char *format, ...) {
    char sentence[SENTENCE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments); /* A sentence that is too long is cut. */
    va_end(arguments);
    self->host->fail(self->ctx, sentence);
    return outcome;
}

sluice_outcome sl_attempt_no_memory(const struct sl_attempt *self) {
    return sl_attempt_fail(self, SLUICE_FAILED_RETRYABLE,
                           "This stage found no memory: give the worker more, or fewer slots.");
}

bool sl_attempt_cancelled(const struct sl_attempt *self, uint64_t done, uint64_t total) {
    if (self->host->progress(self->ctx, done, total) == 0) return false;
    (void)sl_attempt_fail(self, SLUICE_FAILED_RETRYABLE, "The job was cancelled.");
    return true;
}

sluice_outcome sl_attempt_read(const struct sl_attempt *self, sluice_bytes upstream, struct sl_input *out_input) {
    if (sl_input_parse(out_input, upstream) == 0) return SLUICE_DONE;
    return sl_attempt_fail(self, SLUICE_FAILED_PERMANENT, "What came in is not a readable value.");
}
