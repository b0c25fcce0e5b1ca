/* One attempt as the plugin sees it: what stands behind sluice_ctx and sluice_out, and the table of functions that a plugin may
 * call. What becomes of the output afterwards is in output.h. */
#ifndef SL_STAGEHOST_ATTEMPT_H
#define SL_STAGEHOST_ATTEMPT_H

#include "frame.h"

#include "base/buf.h"
#include "base/id.h"
#include "base/limits.h"
#include "sluice/stage.h"

#include <signal.h>

/* Where notes of a running attempt go: to the worker. */
struct sl_attempt_sink {
    void (*progress)(void *context, const struct sl_pipe_note *note);
    int (*field)(void *context, const struct sl_pipe_note *note); /* 0, or negative: it cannot be delivered */
    void (*log)(void *context, sluice_log_level level, const char *text);
    void *context;
    const volatile sig_atomic_t *stopping; /* not 0: the attempt was told to stop. Borrowed */
    volatile sig_atomic_t *cooperates;     /* set to 1 when the stage asks whether it was. Borrowed */
};

/* The state keys of a stage, and what the attempt has written for each. */
struct sl_keys {
    const char *names[SL_STATE_KEYS_MAX]; /* borrowed */
    uint32_t count;
};

struct sluice_out {
    bool in_handler;
    bool has_output;
    struct sl_buf output;
    struct sl_buf problem; /* a sentence: the attempt can only fail */
    struct sl_keys keys;
    struct sl_buf state;   /* values, in the order written */
    size_t offset[SL_STATE_KEYS_MAX];
    size_t size[SL_STATE_KEYS_MAX]; /* 0: not written */
};

enum { SL_ATTEMPT_TOKEN_SIZE = 128 };

struct sluice_ctx {
    const struct sl_attempt_sink *sink; /* borrowed */
    sluice_task facts;
    uint64_t nonce;
    char job_id[SL_ID_TEXT_SIZE];
    char token[SL_ATTEMPT_TOKEN_SIZE];
    struct sl_buf texts; /* tenant and doc_key, each with its NUL */
    struct sl_buf error; /* of `fail`: clean UTF-8 */
    uint32_t field_count;
    uint64_t progress_at; /* monotonic ns of the last one that was passed on */
};

/* What plugins may call. Static. */
const sluice_host *sl_attempt_host(void);

void sl_attempt_init(struct sluice_ctx *ctx, struct sluice_out *out, const struct sl_attempt_sink *sink);
void sl_attempt_fini(struct sluice_ctx *ctx, struct sluice_out *out);

/* Makes both ready for the next attempt. 0, or SL_E_NO_MEMORY. */
int sl_attempt_begin(struct sluice_ctx *ctx, struct sluice_out *out, const struct sl_pipe_task *task,
                     const struct sl_keys *keys);

/* Notes why the attempt can only fail; the first reason stays. */
void sl_attempt_problem(struct sluice_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
