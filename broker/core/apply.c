/* Transitions applied to jobs; see apply.h. Each case changes what its transition says and what follows from the graph. */
#include "apply.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "pipeline_entry.h"

/* History of one group: two transitions whose texts are bounded. */
enum { HISTORY_FIXED_BYTES = 96 };

static size_t history_bytes(const struct sl_transition *t) {
    switch (t->kind) {
    case SL_TR_ATTEMPT_FAILED:
        return HISTORY_FIXED_BYTES + t->failed.error.size + t->failed.detail.size;
    case SL_TR_STARTED:
        return HISTORY_FIXED_BYTES + t->started.worker.size;
    case SL_TR_RETURNED:
        return HISTORY_FIXED_BYTES + t->returned.size;
    case SL_TR_ENDED:
        return HISTORY_FIXED_BYTES + t->ended.reason.size;
    case SL_TR_FIELD_SET:
        return HISTORY_FIXED_BYTES + t->field.name.size;
    case SL_TR_REMOVED:
        return 0; /* what is removed has no history any more */
    case SL_TR_SUBMITTED:
    case SL_TR_SUCCEEDED:
    case SL_TR_NONE:
        break;
    }
    return HISTORY_FIXED_BYTES;
}

static struct sl_field *find_field(const struct sl_job *job, struct sl_bytes name) {
    for (struct sl_field *field = job->fields; field; field = field->next) {
        if (sl_bytes_equal(sl_bytes(field->name, field->name_size), name)) return field;
    }
    return NULL;
}

/* Whether the stage that a transition names can take it. */
static bool stage_fits(const struct sl_job *job, const struct sl_transition *t) {
    if (sl_job_state_is_terminal((enum sl_job_state)job->state)) return false;
    if (t->run != job->run_number || t->item != 0) return false;
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    if (t->stage >= pipeline->stage_count) return false;
    if (!job->run) return t->kind == SL_TR_STARTED && pipeline->stages[t->stage].predecessor_count == 0;
    const struct sl_stage_run *stage = &job->run->stages[t->stage];
    if (t->kind == SL_TR_STARTED) {
        bool startable = stage->state == SL_STAGE_READY || stage->state == SL_STAGE_BACKOFF;
        return startable && t->attempt == stage->attempt + 1;
    }
    /* A stage may also fail before an attempt: its input cannot be assembled. */
    bool fails_ready = t->kind == SL_TR_ATTEMPT_FAILED && t->failed.final && stage->state == SL_STAGE_READY;
    return (stage->state == SL_STAGE_RUNNING || fails_ready) && t->attempt == stage->attempt;
}

static bool is_legal(const struct sl_job *job, const struct sl_transition *t) {
    switch (t->kind) {
    case SL_TR_SUBMITTED:
        return job == NULL;
    case SL_TR_STARTED:
    case SL_TR_SUCCEEDED:
    case SL_TR_ATTEMPT_FAILED:
    case SL_TR_RETURNED:
        return job && stage_fits(job, t);
    case SL_TR_ENDED:
        return job && t->run == job->run_number && sl_job_state_is_terminal(t->ended.state) &&
               sl_job_state_may_move((enum sl_job_state)job->state, t->ended.state);
    case SL_TR_FIELD_SET:
        return job && !sl_job_state_is_terminal((enum sl_job_state)job->state) && t->field.name.size > 0;
    case SL_TR_REMOVED:
        return job && t->run == job->run_number && sl_job_state_is_terminal((enum sl_job_state)job->state) && !job->removed;
    case SL_TR_NONE:
        break;
    }
    return false;
}

static int prepare_blob(struct sl_job_table *table, struct sl_bytes bytes, struct sl_blob **out) {
    *out = sl_blob_new(table->alloc, bytes);
    return *out ? SL_OK : SL_E_NO_MEMORY;
}

static int prepare_submitted(struct sl_job_table *table, const struct sl_transition *t, sl_pipeline_finder find,
                             void *context, struct sl_prepared *prepared) {
    struct sl_pipeline_entry *pipeline = find(context, t->submitted.pipeline);
    if (!pipeline) return SL_E_NOT_FOUND;
    prepared->is_new = true;
    prepared->job = sl_pool_take(table->pool, sizeof *prepared->job);
    if (!prepared->job) return SL_E_NO_MEMORY;
    prepared->job->id = t->job;
    prepared->job->pipeline = pipeline;
    int rc = sl_idmap_reserve(&table->jobs, 1);
    if (!rc) rc = prepare_blob(table, t->submitted.facts, &prepared->first);
    if (!rc) rc = prepare_blob(table, t->submitted.payload, &prepared->second);
    return rc;
}

static int prepare_field(struct sl_job_table *table, const struct sl_transition *t, struct sl_prepared *prepared) {
    if (!find_field(prepared->job, t->field.name)) {
        prepared->field = sl_pool_take(table->pool, sizeof *prepared->field + t->field.name.size);
        if (!prepared->field) return SL_E_NO_MEMORY;
        prepared->field->name_size = (uint8_t)t->field.name.size;
        memcpy(prepared->field->name, t->field.name.data, t->field.name.size);
    }
    return prepare_blob(table, t->field.value, &prepared->first);
}

static int prepare_parts(struct sl_job_table *table, const struct sl_transition *t, struct sl_prepared *prepared) {
    struct sl_job *job = prepared->job;
    if (t->kind == SL_TR_REMOVED) return SL_OK;
    int rc = sl_job_history_reserve(table, job, 2 * history_bytes(t));
    if (rc) return rc;
    switch (t->kind) {
    case SL_TR_STARTED:
        if (job->run) return SL_OK;
        prepared->run = sl_run_new(table, job->pipeline->pipeline, job->run_number);
        return prepared->run ? SL_OK : SL_E_NO_MEMORY;
    case SL_TR_SUCCEEDED:
        return prepare_blob(table, t->succeeded.output, &prepared->first);
    case SL_TR_ENDED:
        return t->ended.reason.size ? prepare_blob(table, t->ended.reason, &prepared->first) : SL_OK;
    case SL_TR_FIELD_SET:
        return prepare_field(table, t, prepared);
    case SL_TR_ATTEMPT_FAILED:
    case SL_TR_RETURNED:
    case SL_TR_SUBMITTED:
    case SL_TR_REMOVED:
    case SL_TR_NONE:
        break;
    }
    return SL_OK;
}

int sl_apply_prepare(struct sl_job_table *table, const struct sl_transition *transition, sl_pipeline_finder find,
                     void *context, struct sl_prepared *out_prepared) {
    struct sl_prepared prepared = {.job = sl_job_find(table, transition->job)};
    if (!is_legal(prepared.job, transition)) return SL_E_DAMAGED;
    int rc = transition->kind == SL_TR_SUBMITTED ? prepare_submitted(table, transition, find, context, &prepared)
                                                 : prepare_parts(table, transition, &prepared);
    if (rc) {
        sl_apply_discard(table, &prepared);
        return rc;
    }
    *out_prepared = prepared;
    return SL_OK;
}

void sl_apply_discard(struct sl_job_table *table, struct sl_prepared *prepared) {
    sl_blob_drop(table->alloc, &prepared->first);
    sl_blob_drop(table->alloc, &prepared->second);
    sl_run_free(table, &prepared->run);
    if (prepared->field) sl_pool_give(table->pool, prepared->field, sizeof *prepared->field + prepared->field->name_size);
    prepared->field = NULL;
    if (prepared->is_new && prepared->job) sl_pool_give(table->pool, prepared->job, sizeof *prepared->job);
    prepared->job = NULL;
}

/* Hands a prepared blob to its place in a job. */
static struct sl_blob *settle_blob(struct sl_job_table *table, struct sl_blob **blob) {
    struct sl_blob *taken = *blob;
    if (taken) table->blob_bytes += taken->size;
    *blob = NULL;
    return taken;
}

static void replace_blob(struct sl_job_table *table, struct sl_blob **place, struct sl_blob **blob) {
    if (*place) table->blob_bytes -= (*place)->size;
    sl_blob_drop(table->alloc, place);
    *place = settle_blob(table, blob);
}

static void move_job(struct sl_job *job, enum sl_job_state to) {
    SL_ASSERT(sl_job_state_may_move((enum sl_job_state)job->state, to));
    job->state = (uint8_t)to;
}

static void move_stage(struct sl_run *run, struct sl_stage_run *stage, enum sl_stage_state to) {
    SL_ASSERT(sl_stage_state_may_move((enum sl_stage_state)stage->state, to));
    run->ready_count -= stage->state == SL_STAGE_READY;
    run->running_count -= stage->state == SL_STAGE_RUNNING;
    stage->state = (uint8_t)to;
    run->ready_count += to == SL_STAGE_READY;
    run->running_count += to == SL_STAGE_RUNNING;
    run->succeeded_count += to == SL_STAGE_SUCCEEDED;
}

static void apply_submitted(struct sl_job_table *table, uint64_t n, const struct sl_transition *t,
                            struct sl_prepared *prepared) {
    struct sl_job *job = prepared->job;
    job->state = SL_JOB_QUEUED;
    job->once = t->submitted.once;
    job->run_number = t->run;
    job->created_ms = t->wall_ms;
    job->created_n = n;
    job->request = t->submitted.request;
    job->facts = settle_blob(table, &prepared->first);
    job->payload = settle_blob(table, &prepared->second);
    sl_idmap_insert(&table->jobs, job);
}

static void apply_started(struct sl_job *job, const struct sl_transition *t, struct sl_prepared *prepared) {
    if (!job->run) {
        job->run = prepared->run;
        prepared->run = NULL;
        for (uint16_t i = 0; i < job->run->stage_count; i++) job->run->stages[i].job = job;
    }
    move_job(job, SL_JOB_PROCESSING);
    struct sl_stage_run *stage = &job->run->stages[t->stage];
    move_stage(job->run, stage, SL_STAGE_RUNNING);
    stage->attempt = t->attempt;
    stage->tries++;
    stage->nonce = t->started.nonce;
    stage->epoch = t->started.epoch;
    stage->attempts_max = (uint16_t)t->started.attempts_max;
    stage->crashes_max = (uint16_t)t->started.crashes_max;
    stage->timeout_ms = t->started.timeout_ms;
    stage->backoff = t->started.backoff;
    stage->idempotent = t->started.idempotent;
    stage->until_ms = 0;
    if (stage->started_ms == 0) stage->started_ms = t->wall_ms;
}

static void apply_succeeded(struct sl_job_table *table, struct sl_job *job, const struct sl_transition *t,
                            struct sl_prepared *prepared) {
    struct sl_stage_run *stage = &job->run->stages[t->stage];
    move_stage(job->run, stage, SL_STAGE_SUCCEEDED);
    stage->outcome = SL_OUTCOME_DONE;
    stage->count = t->succeeded.count;
    stage->duration_ms = t->succeeded.duration_ms;
    stage->ended_ms = t->wall_ms;
    replace_blob(table, &stage->output, &prepared->first);
    const struct sl_stage *declared = &job->pipeline->pipeline->stages[t->stage];
    for (uint16_t i = 0; i < declared->successor_count; i++) {
        struct sl_stage_run *successor = &job->run->stages[declared->successors[i]];
        SL_ASSERT(successor->pending > 0);
        if (--successor->pending == 0) move_stage(job->run, successor, SL_STAGE_READY);
    }
}

static void apply_attempt_failed(struct sl_job *job, const struct sl_transition *t) {
    struct sl_stage_run *stage = &job->run->stages[t->stage];
    move_stage(job->run, stage, t->failed.final ? SL_STAGE_FAILED : SL_STAGE_BACKOFF);
    stage->outcome = (uint8_t)t->failed.outcome;
    stage->duration_ms = t->failed.duration_ms;
    stage->ended_ms = t->wall_ms;
    stage->until_ms = t->failed.until_ms;
    stage->returns = 0; /* an attempt was made: returns are counted in a row */
    bool crashed = t->failed.outcome == SL_OUTCOME_CRASH || t->failed.outcome == SL_OUTCOME_LOST;
    if (crashed && stage->crashes < UINT8_MAX) stage->crashes++;
}

static void apply_returned(struct sl_job *job, const struct sl_transition *t) {
    struct sl_stage_run *stage = &job->run->stages[t->stage];
    move_stage(job->run, stage, SL_STAGE_READY);
    SL_ASSERT(stage->tries > 0);
    stage->tries--;
    stage->returns++;
}

static void apply_ended(struct sl_job_table *table, struct sl_job *job, const struct sl_transition *t,
                        struct sl_prepared *prepared) {
    move_job(job, t->ended.state);
    if (prepared->first) replace_blob(table, &job->reason, &prepared->first);
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        struct sl_stage_run *stage = &job->run->stages[i];
        bool open = !sl_stage_state_is_terminal((enum sl_stage_state)stage->state);
        if (open) move_stage(job->run, stage, SL_STAGE_CANCELLED);
    }
}

static void apply_field(struct sl_job_table *table, struct sl_job *job, const struct sl_transition *t,
                        struct sl_prepared *prepared) {
    struct sl_field *field = find_field(job, t->field.name);
    if (!field) {
        struct sl_field **end = &job->fields;
        while (*end) end = &(*end)->next;
        field = *end = prepared->field;
        prepared->field = NULL;
    }
    replace_blob(table, &field->value, &prepared->first);
}

static void add_history(struct sl_job *job, uint64_t n, const struct sl_transition *t) {
    /* A buffer over the room that prepare made: it cannot grow. */
    struct sl_buf buf = {.data = job->history->data, .size = job->history_size, .capacity = job->history->size};
    sl_history_add(&buf, n, t);
    SL_ASSERT(buf.data == job->history->data);
    job->history_size = (uint32_t)buf.size;
}

struct sl_job *sl_apply(struct sl_job_table *table, uint64_t n, const struct sl_transition *t,
                        struct sl_prepared *prepared) {
    struct sl_job *job = prepared->job;
    SL_ASSERT(job);
    switch (t->kind) {
    case SL_TR_SUBMITTED:
        apply_submitted(table, n, t, prepared);
        break;
    case SL_TR_STARTED:
        apply_started(job, t, prepared);
        break;
    case SL_TR_SUCCEEDED:
        apply_succeeded(table, job, t, prepared);
        break;
    case SL_TR_ATTEMPT_FAILED:
        apply_attempt_failed(job, t);
        break;
    case SL_TR_RETURNED:
        apply_returned(job, t);
        break;
    case SL_TR_ENDED:
        apply_ended(table, job, t, prepared);
        break;
    case SL_TR_FIELD_SET:
        apply_field(table, job, t, prepared);
        break;
    case SL_TR_REMOVED:
        job->removed = true;
        break;
    case SL_TR_NONE:
        SL_ASSERT(!"a transition has a kind");
    }
    if (t->kind != SL_TR_SUBMITTED && t->kind != SL_TR_REMOVED) add_history(job, n, t);
    if (t->kind != SL_TR_REMOVED) job->updated_ms = t->wall_ms; /* what is shown of it stays as it ended */
    SL_ASSERT(job->at <= n);
    job->at = n;
    return job;
}
