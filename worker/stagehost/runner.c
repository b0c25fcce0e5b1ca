/* Definitions, instances, and the calls into a plugin; see runner.h. */
#include "runner.h"

#include "catalog.h"
#include "output.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/idmap.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/text.h"
#include "model/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SENTENCE_SIZE = 1024 };

struct instance {
    struct sl_link link; /* on runner->instances, the one used last at the end */
    struct instance **place;
    const sluice_registration *registration;
    void *self; /* the plugin's */
    char callable[SL_KEY_MAX + 1]; /* whose registration it is, as in the task; "": the first provider's */
};

struct definition {
    uint8_t digest[16]; /* first, because sl_idmap wants it there */
    struct sl_pipeline *pipeline;
    struct instance *instances[]; /* one a stage; NULL: not open */
};

struct sl_runner {
    struct sl_catalog *catalog;
    char *data_directory;
    struct sl_idmap definitions;
    struct sl_list instances;

    struct sluice_ctx ctx;
    struct sluice_out out;
    struct sl_buf values;
    struct sl_buf snapshot;
    struct sl_buf sentence;
};

int sl_runner_new(const struct sl_pipe_setup *setup, const struct sl_attempt_sink *sink, struct sl_runner **out_self) {
    struct sl_runner *self = calloc(1, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    sl_idmap_init(&self->definitions, sl_alloc_system(), 0);
    sl_list_init(&self->instances);
    sl_attempt_init(&self->ctx, &self->out, sink);
    sl_buf_init(&self->values, sl_alloc_system());
    sl_buf_init(&self->snapshot, sl_alloc_system());
    sl_buf_init(&self->sentence, sl_alloc_system());
    self->data_directory = strndup((const char *)setup->data_directory.data, setup->data_directory.size);
    self->catalog = sl_catalog_new(sl_attempt_host(), setup->directory_count, setup->directories, setup->provider_count,
                                   setup->providers);
    if (!self->data_directory || !self->catalog) {
        sl_runner_free(&self);
        return SL_E_NO_MEMORY;
    }
    *out_self = self;
    return SL_OK;
}

static void close_instance(struct sl_runner *self, struct instance *instance) {
    sl_list_remove(&self->instances, &instance->link);
    *instance->place = NULL;
    if (instance->registration->close) instance->registration->close(instance->self);
    free(instance);
}

static struct instance *oldest(struct sl_runner *self) {
    return SL_CONTAINER(sl_list_first(&self->instances), struct instance, link);
}

void sl_runner_free(struct sl_runner **out_self) {
    struct sl_runner *self = *out_self;
    if (!self) return;
    while (self->instances.count) close_instance(self, oldest(self));
    size_t cursor = 0;
    struct definition *definition;
    while ((definition = sl_idmap_each(&self->definitions, &cursor))) {
        sl_pipeline_free(&definition->pipeline);
        free(definition);
    }
    sl_idmap_fini(&self->definitions);
    sl_catalog_free(&self->catalog);
    sl_attempt_fini(&self->ctx, &self->out);
    sl_buf_fini(&self->values);
    sl_buf_fini(&self->snapshot);
    sl_buf_fini(&self->sentence);
    free(self->data_directory);
    free(self);
    *out_self = NULL;
}

int sl_runner_define(struct sl_runner *self, struct sl_digest digest, struct sl_bytes canonical) {
    if (sl_idmap_find(&self->definitions, digest.bytes)) return SL_OK;
    struct sl_pipeline *pipeline;
    if (sl_idmap_reserve(&self->definitions, 1)) return SL_E_NO_MEMORY;
    int rc = sl_pipeline_from_canonical(canonical, sl_alloc_system(), &pipeline);
    if (rc) return rc;
    struct definition *definition = calloc(1, sizeof *definition + pipeline->stage_count * sizeof(struct instance *));
    if (!definition) {
        sl_pipeline_free(&pipeline);
        return SL_E_NO_MEMORY;
    }
    memcpy(definition->digest, digest.bytes, sizeof definition->digest);
    definition->pipeline = pipeline;
    sl_idmap_insert(&self->definitions, definition);
    return SL_OK;
}

/* Ends a result that no plugin code made. */
static void conclude(struct sl_runner *self, struct sl_pipe_result *result, enum sl_outcome outcome, const char *sentence) {
    sl_buf_clear(&self->sentence);
    sl_text_clean(&self->sentence, sl_text(sentence), SL_REASON_MAX);
    *result = (struct sl_pipe_result){.nonce = result->nonce, .duration_us = result->duration_us, .outcome = outcome};
    result->error = sl_buf_bytes(&self->sentence);
}

static int open_self(struct sl_runner *self, const struct sl_pipeline *pipeline, uint16_t index,
                     const sluice_registration *registration, void **out_self, char *error) {
    const struct sl_stage *stage = &pipeline->stages[index];
    *out_self = NULL;
    if (!registration->open) return 0;
    const sluice_definition definition = {
        .size = sizeof definition,
        .pipeline = (const char *)pipeline->name.data,
        .version = (const char *)pipeline->version.data,
        .name = (const char *)stage->name.data,
        .type = registration->stage_type,
        .config = {.data = stage->config.data, .size = stage->config.size},
        .data_directory = self->data_directory,
    };
    error[0] = '\0';
    int rc = registration->open(&definition, out_self, error, SENTENCE_SIZE);
    error[SENTENCE_SIZE - 1] = '\0';
    if (rc && !error[0]) (void)snprintf(error, SENTENCE_SIZE, "the stage refused to open, without saying why");
    return rc;
}

/* The stage's instance, opened now if it is not; else NULL, with the result filled. One that another registration opened is closed. */
static struct instance *instance_of(struct sl_runner *self, struct definition *definition, const struct sl_pipe_task *task,
                                    struct sl_pipe_result *result) {
    char error[SENTENCE_SIZE];
    uint16_t index = task->token.stage;
    struct instance *instance = definition->instances[index];
    if (instance && !sl_bytes_is(task->callable, instance->callable)) {
        close_instance(self, instance);
        instance = NULL;
    }
    if (instance) {
        sl_list_remove(&self->instances, &instance->link);
        sl_list_append(&self->instances, &instance->link);
        return instance;
    }
    const sluice_registration *registration = sl_catalog_find(self->catalog, task->callable,
                                                              definition->pipeline->stages[index].type, error, sizeof error);
    if (!registration) {
        conclude(self, result, SL_OUTCOME_RETURNED, error);
        return NULL;
    }
    if (self->instances.count >= SL_INSTANCES_MAX) close_instance(self, oldest(self));
    instance = calloc(1, sizeof *instance);
    if (!instance) {
        conclude(self, result, SL_OUTCOME_RETURNED, "out of memory for an instance of the stage");
        return NULL;
    }
    if (open_self(self, definition->pipeline, index, registration, &instance->self, error)) {
        free(instance);
        conclude(self, result, SL_OUTCOME_PERMANENT, error);
        return NULL;
    }
    instance->registration = registration;
    memcpy(instance->callable, task->callable.data ? (const char *)task->callable.data : "", task->callable.size);
    instance->place = &definition->instances[index];
    *instance->place = instance;
    sl_list_append(&self->instances, &instance->link);
    return instance;
}

/* The state keys after overrides: an explicit "none" of the pipeline is an override too (seed, row 19). */
static void resolve_keys(const struct sl_stage *stage, const sluice_registration *registration, struct sl_keys *keys) {
    keys->count = 0;
    if (stage->has_state_keys) {
        for (uint32_t i = 0; i < stage->state_keys.count && i < SL_STATE_KEYS_MAX; i++) {
            keys->names[keys->count++] = (const char *)stage->state_keys.items[i].data;
        }
        return;
    }
    for (size_t i = 0; registration->state_keys && registration->state_keys[i]; i++) {
        keys->names[keys->count++] = registration->state_keys[i];
    }
}

static uint64_t now_us(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time); /* cannot fail for this clock */
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

static void conclude_failure(struct sl_runner *self, sluice_outcome outcome, struct sl_pipe_result *result) {
    bool retryable = outcome == SLUICE_FAILED_RETRYABLE;
    char text[96];
    if (outcome != SLUICE_FAILED_PERMANENT && !retryable) {
        (void)snprintf(text, sizeof text, "the stage returned %d, which is no outcome", (int)outcome);
        conclude(self, result, SL_OUTCOME_PERMANENT, text);
        return;
    }
    conclude(self, result, retryable ? SL_OUTCOME_RETRYABLE : SL_OUTCOME_PERMANENT,
             "the stage failed without saying why");
    if (self->ctx.error.size) result->error = sl_buf_bytes(&self->ctx.error);
}

void sl_runner_run(struct sl_runner *self, const struct sl_pipe_task *task, struct sl_pipe_result *out_result) {
    struct sl_pipe_result *result = out_result;
    *result = (struct sl_pipe_result){.nonce = task->token.nonce};
    uint64_t start = now_us();
    struct definition *definition = sl_idmap_find(&self->definitions, task->definition.bytes);
    if (!definition || task->token.stage >= definition->pipeline->stage_count) {
        conclude(self, result, SL_OUTCOME_RETURNED, "the pipeline's definition has not arrived");
        return;
    }
    struct instance *instance = instance_of(self, definition, task, result);
    if (!instance) return;
    const struct sl_stage *stage = &definition->pipeline->stages[task->token.stage];
    struct sl_keys keys;
    resolve_keys(stage, instance->registration, &keys);
    if (sl_attempt_begin(&self->ctx, &self->out, task, &keys)) {
        conclude(self, result, SL_OUTCOME_RETURNED, "out of memory for the attempt");
        return;
    }
    const sluice_bytes upstream = {.data = task->input.data, .size = task->input.size};
    sluice_outcome outcome = instance->registration->execute(instance->self, &self->ctx, upstream, &self->out);
    if (outcome == SLUICE_DONE) {
        sl_output_finish(&self->out, instance->registration, (const char *)stage->name.data, &self->values,
                         &self->snapshot, result);
    }
    result->duration_us = now_us() - start;
    if (self->out.problem.size) {
        conclude(self, result, SL_OUTCOME_PERMANENT, "");
        result->error = sl_buf_bytes(&self->out.problem);
    } else if (outcome != SLUICE_DONE) {
        conclude_failure(self, outcome, result);
    }
}
