/* Attempts in the worker's own loop, for stage types whose registration allows it. */
#include "worker.h"

#include "base/err.h"

#include <signal.h>
#include <stdlib.h>

/* Nobody can tell an inline attempt to stop: while it runs, nothing else does. */
static volatile sig_atomic_t never;
static volatile sig_atomic_t ignored;

static void on_progress(void *context, const struct sl_pipe_note *note) {
    (void)context;
    (void)note;
}

/* The attempt runs while effects are carried out, so the agent hears of the field right after them. */
static int on_field(void *context, const struct sl_pipe_note *note) {
    struct sl_worker *self = context;
    struct sl_agent_event event = {.kind = SL_AGENT_INLINE_FIELD, .nonce = note->nonce};
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    if (sl_buf_append(&text, note->name.data, note->name.size) || sl_buf_append(&text, note->value.data, note->value.size)) {
        sl_worker_out_of_memory();
    }
    const uint8_t *copy = sl_worker_later(self, &event, sl_buf_bytes(&text));
    struct sl_agent_event *later = &self->pending[self->pending_count - 1].event;
    later->field.name = sl_bytes(copy, note->name.size);
    later->field.value = sl_bytes(copy + note->name.size, note->value.size);
    sl_buf_fini(&text);
    return SL_OK;
}

static void on_log(void *context, sluice_log_level level, const char *text) {
    (void)context;
    enum sl_log_level levels[] = {SL_LOG_DEBUG, SL_LOG_INFO, SL_LOG_WARNING, SL_LOG_ERROR};
    sl_log((unsigned)level < 4 ? levels[level] : SL_LOG_INFO, "%s", text);
}

static int make_types(struct sl_worker *self) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->plugins->count; i++) count += self->plugins->items[i].type_count;
    self->agent_types = calloc(count ? count : 1, sizeof *self->agent_types);
    if (!self->agent_types) return SL_E_NO_MEMORY;
    for (uint32_t i = 0; i < self->plugins->count; i++) {
        const struct sl_plugin *plugin = &self->plugins->items[i];
        for (uint32_t k = 0; k < plugin->type_count; k++) {
            const struct sl_plugin_type *type = &plugin->types[k];
            if (!type->is_first) continue;
            self->agent_types[self->agent_type_count++] = (struct sl_agent_type){
                .name = type->name, .runs_inline = self->options->is_inline && type->inline_allowed};
        }
    }
    return SL_OK;
}

int sl_inline_new(struct sl_worker *self) {
    struct sl_bytes stream = sl_buf_bytes(&self->setup), body;
    struct sl_pipe_setup setup;
    unsigned kind;
    int rc = make_types(self);
    if (rc || !self->options->is_inline) return rc;
    self->sink = (struct sl_attempt_sink){.progress = on_progress, .field = on_field, .log = on_log, .context = self,
                                          .stopping = &never, .cooperates = &ignored};
    rc = sl_pipe_next(&stream, &body, &kind);
    if (rc > 0) rc = sl_pipe_read_setup(body, &setup);
    return rc ? rc : sl_runner_new(&setup, &self->sink, &self->runner);
}

void sl_inline_free(struct sl_worker *self) {
    sl_runner_free(&self->runner);
    free(self->agent_types);
}

void sl_inline_run(struct sl_worker *self, const struct sl_agent_effect *effect) {
    const struct sl_agent_task *task = effect->give.task;
    const struct sl_pipe_task frame = {
        .token = task->token,
        .definition = task->definition,
        .timeout_ms = task->timeout_ms,
        .tenant = task->tenant,
        .doc_key = task->doc_key,
        .callable = task->callable,
        .input = task->input,
    };
    struct sl_pipe_result result;
    int rc = sl_runner_define(self->runner, effect->give.digest, effect->give.canonical);
    if (rc == SL_E_NO_MEMORY) sl_worker_out_of_memory();
    sl_runner_run(self->runner, &frame, &result); /* a pipeline that is not known is a result too */
    struct sl_agent_event event = {.kind = SL_AGENT_INLINE_DONE};
    event.done.token = task->token;
    event.done.result = (struct sl_agent_result){
        .outcome = result.outcome,
        .value_count = result.value_count,
        .values = result.values,
        .output = result.output,
        .count = result.count,
        .duration_us = result.duration_us,
        .error = result.error,
    };
    (void)sl_worker_later(self, &event, sl_bytes(NULL, 0));
}
