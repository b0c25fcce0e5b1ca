/* What a plugin may call during an attempt; see attempt.h, and stage.h for the contract. */
#include "attempt.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PROGRESS_EVERY_NS = 200 * 1000 * 1000, LOG_LINE_MAX = 8 << 10 };

_Static_assert((unsigned)SL_VALUE_BYTES_MAX == SLUICE_VALUE_BYTES_MAX, "the header and the limits say the same");
_Static_assert(SL_VALUE_DEPTH_MAX == SLUICE_VALUE_DEPTH_MAX, "the header and the limits say the same");
_Static_assert(SL_VALUE_NODES_MAX == SLUICE_VALUE_NODES_MAX, "the header and the limits say the same");

void sl_attempt_problem(struct sluice_out *out, const char *format, ...) {
    char sentence[512];
    if (out->problem.size) return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    sl_text_clean(&out->problem, sl_text(sentence), SL_REASON_MAX);
}

/* Whether bytes are one value within the limits; if not, the attempt has a problem. */
static bool check_value(struct sluice_out *out, const char *what, const void *data, size_t size) {
    if (size > SL_VALUE_BYTES_MAX) {
        sl_attempt_problem(out, "value-too-large: %s has %zu bytes; a value has at most %d", what, size, SL_VALUE_BYTES_MAX);
        return false;
    }
    int rc = data ? sl_mp_check(sl_bytes(data, size), SL_VALUE_DEPTH_MAX, SL_VALUE_NODES_MAX) : SL_E_TRUNCATED;
    if (rc == SL_E_LIMIT) {
        sl_attempt_problem(out, "value-too-large: %s is deeper than %d or has more than %d objects", what,
                           SL_VALUE_DEPTH_MAX, SL_VALUE_NODES_MAX);
    } else if (rc) {
        sl_attempt_problem(out, "invalid-value: %s is not exactly one msgpack object (%s)", what, sl_err_text(rc));
    }
    return rc == SL_OK;
}

static int out_write(sluice_out *out, const void *data, size_t size) {
    if (!out) return -1;
    if (out->in_handler) {
        sl_attempt_problem(out, "output-twice: the output was written in output_handler; it is written in execute");
        return -1;
    }
    if (!check_value(out, "the output", data, size)) return -1;
    sl_buf_clear(&out->output);
    if (sl_buf_append(&out->output, data, size)) {
        sl_attempt_problem(out, "out of memory for the output");
        return -1;
    }
    out->has_output = true;
    return 0;
}

static int find_key(const struct sl_keys *keys, const char *name) {
    for (uint32_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->names[i], name) == 0) return (int)i;
    }
    return -1;
}

static int state_write(sluice_out *out, const char *key, const void *data, size_t size) {
    if (!out) return -1;
    int index = key ? find_key(&out->keys, key) : -1;
    if (!out->in_handler) {
        sl_attempt_problem(out, "undeclared-key: state keys are written in output_handler, not in execute");
        return -1;
    }
    if (index < 0) {
        sl_attempt_problem(out, "undeclared-key: \"%.64s\" is no state key of this stage", key ? key : "");
        return -1;
    }
    char what[96];
    (void)snprintf(what, sizeof what, "the value of \"%.64s\"", key);
    if (!check_value(out, what, data, size)) return -1;
    if (out->state.size + size > SL_STATE_BYTES_MAX) {
        sl_attempt_problem(out, "state-too-large: the state keys have more than %d bytes together", SL_STATE_BYTES_MAX);
        return -1;
    }
    size_t offset = out->state.size;
    if (sl_buf_append(&out->state, data, size)) {
        sl_attempt_problem(out, "out of memory for a state key");
        return -1;
    }
    out->offset[index] = offset;
    out->size[index] = size;
    return 0;
}

static uint64_t now_ns(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time); /* cannot fail for this clock */
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int progress(sluice_ctx *ctx, uint64_t done, uint64_t total) {
    if (!ctx) return 1;
    *ctx->sink->cooperates = 1;
    uint64_t now = now_ns();
    if (ctx->progress_at == 0 || now - ctx->progress_at >= PROGRESS_EVERY_NS) {
        ctx->progress_at = now;
        ctx->sink->progress(ctx->sink->context, &(struct sl_pipe_note){.nonce = ctx->nonce, .done = done, .total = total});
    }
    return *ctx->sink->stopping ? 1 : 0;
}

static void log_line(sluice_ctx *ctx, sluice_log_level level, const char *text) {
    if (!ctx || !text) return;
    struct sl_buf line;
    sl_buf_init(&line, sl_alloc_system());
    sl_text_escape(&line, sl_bytes(text, strnlen(text, LOG_LINE_MAX)));
    (void)sl_buf_append(&line, "", 1); /* kept in line.failed */
    if (!line.failed) ctx->sink->log(ctx->sink->context, level, (const char *)line.data);
    sl_buf_fini(&line);
}

static void fail(sluice_ctx *ctx, const char *sentence) {
    if (!ctx || !sentence) return;
    sl_buf_clear(&ctx->error);
    sl_text_clean(&ctx->error, sl_bytes(sentence, strnlen(sentence, SL_REASON_MAX)), SL_REASON_MAX);
}

static int field_set(sluice_ctx *ctx, const char *field, const void *data, size_t size) {
    if (!ctx || !field || !data || !sl_text_is_field(sl_text(field))) return -1;
    if (size > SL_FIELD_BYTES_MAX || ctx->field_count >= SL_FIELDS_MAX) return -1;
    if (sl_mp_check(sl_bytes(data, size), SL_VALUE_DEPTH_MAX, SL_VALUE_NODES_MAX)) return -1;
    const struct sl_pipe_note note = {.nonce = ctx->nonce, .name = sl_text(field), .value = sl_bytes(data, size)};
    if (ctx->sink->field(ctx->sink->context, &note)) return -1;
    ctx->field_count++;
    return 0;
}

static const sluice_task *task_of(sluice_ctx *ctx) {
    static const sluice_task none = {.size = sizeof none, .job_id = "", .tenant_id = "", .doc_key = "", .attempt_token = ""};
    return ctx ? &ctx->facts : &none;
}

static const sluice_host host = {
    .size = sizeof host,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .out_write = out_write,
    .state_write = state_write,
    .progress = progress,
    .log = log_line,
    .fail = fail,
    .field_set = field_set,
    .task = task_of,
};

const sluice_host *sl_attempt_host(void) {
    return &host;
}

void sl_attempt_init(struct sluice_ctx *ctx, struct sluice_out *out, const struct sl_attempt_sink *sink) {
    memset(ctx, 0, sizeof *ctx);
    memset(out, 0, sizeof *out);
    ctx->sink = sink;
    sl_buf_init(&ctx->texts, sl_alloc_system());
    sl_buf_init(&ctx->error, sl_alloc_system());
    sl_buf_init(&out->output, sl_alloc_system());
    sl_buf_init(&out->problem, sl_alloc_system());
    sl_buf_init(&out->state, sl_alloc_system());
}

void sl_attempt_fini(struct sluice_ctx *ctx, struct sluice_out *out) {
    sl_buf_fini(&ctx->texts);
    sl_buf_fini(&ctx->error);
    sl_buf_fini(&out->output);
    sl_buf_fini(&out->problem);
    sl_buf_fini(&out->state);
}

static void write_token(struct sluice_ctx *ctx, const struct sl_token *token) {
    sl_id_to_text(token->job.bytes, ctx->job_id);
    (void)snprintf(ctx->token, sizeof ctx->token, "%s.%" PRIu32 ".%u.%" PRIu32 ".%016" PRIx64, ctx->job_id, token->run,
                   token->stage, token->attempt, token->nonce);
}

int sl_attempt_begin(struct sluice_ctx *ctx, struct sluice_out *out, const struct sl_pipe_task *task,
                     const struct sl_keys *keys) {
    sl_buf_clear(&ctx->texts);
    if (sl_buf_reserve(&ctx->texts, task->tenant.size + task->doc_key.size + 2)) return SL_E_NO_MEMORY;
    sl_buf_put(&ctx->texts, task->tenant.data, task->tenant.size);
    sl_buf_put(&ctx->texts, "", 1);
    sl_buf_put(&ctx->texts, task->doc_key.data, task->doc_key.size);
    sl_buf_put(&ctx->texts, "", 1);
    sl_buf_clear(&ctx->error);
    ctx->nonce = task->token.nonce;
    ctx->field_count = 0;
    ctx->progress_at = 0;
    write_token(ctx, &task->token);
    ctx->facts = (sluice_task){.size = sizeof ctx->facts, .run = task->token.run, .attempt = task->token.attempt};
    ctx->facts.timeout_ms = task->timeout_ms;
    ctx->facts.job_id = ctx->job_id;
    ctx->facts.tenant_id = (const char *)ctx->texts.data;
    ctx->facts.doc_key = (const char *)ctx->texts.data + task->tenant.size + 1;
    ctx->facts.attempt_token = ctx->token;

    out->in_handler = out->has_output = false;
    out->keys = *keys;
    sl_buf_clear(&out->output);
    sl_buf_clear(&out->problem);
    sl_buf_clear(&out->state);
    memset(out->size, 0, sizeof out->size);
    return SL_OK;
}
