/* A small stage host for tests: loads one plugin by dlopen, gives it a real sluice_host table, and runs its stages on msgpack
 * values, with the rules of sluice/stage.h (limits, declared keys, output_handler, output_counter). */
#ifndef SL_TEST_STAGE_BENCH_H
#define SL_TEST_STAGE_BENCH_H

#include <sluice/stage.h>

#include "base/buf.h"

struct sl_bench;       /* one loaded plugin */
struct sl_bench_stage; /* one opened stage of it */

enum { SL_BENCH_KEYS_MAX = 16, SL_BENCH_SENTENCE_MAX = 8192 };

/* What one attempt did. The buffers are owned; sl_bench_result_fini frees them. */
struct sl_bench_result {
    sluice_outcome outcome; /* after output_handler */
    struct sl_buf output;   /* empty when nothing was written */
    int64_t count;          /* of output_counter, or the default rule */
    uint32_t key_count;
    struct {
        const char *name; /* borrowed from the registration */
        struct sl_buf value;
    } keys[SL_BENCH_KEYS_MAX];
    char sentence[SL_BENCH_SENTENCE_MAX]; /* of fail, or of the host's own refusal */
    char log[SL_BENCH_SENTENCE_MAX];      /* the last line */
    uint32_t progress_count;
    uint32_t field_count; /* ledger fields that were set */
};

/* The facts of the next attempt, and whether its job is cancelled. Zero members get defaults. */
struct sl_bench_attempt {
    uint32_t number;
    uint32_t timeout_ms;
    const char *doc_key;
    bool is_cancelled;
};

/* Loads the plugin. NULL with a sentence in `error` when it does not load or has another ABI. */
struct sl_bench *sl_bench_load(const char *path, char *error, size_t error_size);
/* Closes the library and frees. NULL is allowed. */
void sl_bench_free(struct sl_bench **self);

uint32_t sl_bench_type_count(const struct sl_bench *self);
const sluice_registration *sl_bench_type_at(const struct sl_bench *self, uint32_t index);

/* Opens a stage of this type with a config as JSON text. NULL with the stage's sentence in `error` when open refuses. */
struct sl_bench_stage *sl_bench_open(struct sl_bench *self, const char *type, const char *config_json,
                                     const char *data_directory, char *error, size_t error_size);
void sl_bench_close(struct sl_bench_stage **self);

/* Makes one attempt. `attempt` may be NULL: the first one. The result is initialised here, whatever happens. */
void sl_bench_run(struct sl_bench_stage *self, const struct sl_bench_attempt *attempt, struct sl_bytes upstream,
                  struct sl_bench_result *out_result);
void sl_bench_result_fini(struct sl_bench_result *self);

/* The value of a state key of the result, or the output when `key` is NULL; empty when there is none. */
struct sl_bytes sl_bench_value(const struct sl_bench_result *self, const char *key);

#endif
