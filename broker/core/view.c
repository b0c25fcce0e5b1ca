/* A job as people see it: the maps that the command line prints as JSON. Names and order are those of shapes.md. */
#include "sched_state.h"

#include "base/outcome.h"
#include "base/text.h"

static void put_text(struct sl_buf *buf, const char *key, struct sl_bytes text) {
    sl_mp_key(buf, key);
    sl_mp_str(buf, text);
}

static void put_text_or_nil(struct sl_buf *buf, const char *key, struct sl_bytes text) {
    sl_mp_key(buf, key);
    if (text.size) {
        sl_mp_str(buf, text);
    } else {
        sl_mp_nil(buf);
    }
}

static void put_uint(struct sl_buf *buf, const char *key, uint64_t value) {
    sl_mp_key(buf, key);
    sl_mp_uint(buf, value);
}

static void put_time(struct sl_buf *buf, const char *key, uint64_t wall_ms) {
    char text[SL_TIME_TEXT_SIZE];
    sl_mp_key(buf, key);
    if (wall_ms == 0) {
        sl_mp_nil(buf);
        return;
    }
    sl_text_time(wall_ms, text);
    sl_mp_str(buf, sl_text(text));
}

static uint64_t started_ms(const struct sl_job *job) {
    uint64_t least = 0;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        uint64_t at = job->run->stages[i].started_ms;
        if (at > 0 && (least == 0 || at < least)) least = at;
    }
    return least;
}

static uint32_t retries(const struct sl_stage_run *stage) {
    return stage->tries > 1 ? stage->tries - 1u : 0;
}

/* The stage that a person would name as the one at work: running, else waiting to, else failed, else nothing. */
static struct sl_bytes current_stage(const struct sl_job *job) {
    static const enum sl_stage_state order[] = {SL_STAGE_RUNNING, SL_STAGE_BACKOFF, SL_STAGE_READY, SL_STAGE_FAILED};
    for (size_t k = 0; job->run && k < sizeof order / sizeof *order; k++) {
        for (uint16_t i = 0; i < job->run->stage_count; i++) {
            if (job->run->stages[i].state == order[k]) return job->pipeline->pipeline->stages[i].name;
        }
    }
    return sl_bytes(NULL, 0);
}

static struct sl_bytes sub_state(const struct sl_job *job) {
    if (job->corrupt) return sl_text("corrupt");
    if (sl_job_state_is_terminal((enum sl_job_state)job->state)) return sl_bytes(NULL, 0);
    bool backoff = false;
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    for (uint16_t i = 0; i < pipeline->stage_count; i++) {
        bool ready = job->run ? job->run->stages[i].state == SL_STAGE_READY : pipeline->stages[i].predecessor_count == 0;
        if (ready && job->pipeline->types[i]->offers.count == 0) return sl_text("no-worker");
        if (job->run && job->run->stages[i].state == SL_STAGE_RUNNING) return sl_bytes(NULL, 0);
        backoff = backoff || (job->run && job->run->stages[i].state == SL_STAGE_BACKOFF);
    }
    return backoff ? sl_text("backoff") : sl_bytes(NULL, 0);
}

static void put_retries(struct sl_buf *buf, const struct sl_job *job) {
    uint64_t total = 0;
    uint32_t stages = 0;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        total += retries(&job->run->stages[i]);
        stages += retries(&job->run->stages[i]) > 0;
    }
    put_uint(buf, "retry_count", total);
    sl_mp_key(buf, "retry_count_per_stage");
    sl_mp_map(buf, stages);
    for (uint16_t i = 0; stages > 0 && i < job->run->stage_count; i++) {
        const struct sl_stage_run *stage = &job->run->stages[i];
        if (retries(stage) == 0) continue;
        sl_mp_str(buf, job->pipeline->pipeline->stages[i].name);
        sl_mp_uint(buf, retries(stage));
    }
}

static void put_fields(struct sl_buf *buf, const struct sl_job *job) {
    uint32_t count = 0;
    for (const struct sl_field *field = job->fields; field; field = field->next) count++;
    sl_mp_key(buf, "fields");
    sl_mp_map(buf, count);
    for (const struct sl_field *field = job->fields; field; field = field->next) {
        sl_mp_str(buf, sl_bytes(field->name, field->name_size));
        sl_mp_raw(buf, sl_blob_bytes(field->value));
    }
}

static void put_stages(struct sl_buf *buf, const struct sl_job *job) {
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    sl_mp_key(buf, "stages");
    sl_mp_map(buf, pipeline->stage_count);
    for (uint16_t i = 0; i < pipeline->stage_count; i++) {
        const struct sl_stage_run *stage = job->run ? &job->run->stages[i] : NULL;
        enum sl_stage_state unstarted = pipeline->stages[i].predecessor_count ? SL_STAGE_WAITING : SL_STAGE_READY;
        if (sl_job_state_is_terminal((enum sl_job_state)job->state)) unstarted = SL_STAGE_CANCELLED;
        sl_mp_str(buf, pipeline->stages[i].name);
        sl_mp_map(buf, 4);
        sl_mp_key(buf, "state");
        sl_mp_key(buf, sl_stage_state_word(stage ? (enum sl_stage_state)stage->state : unstarted));
        put_uint(buf, "attempts", stage ? stage->tries : 0);
        put_uint(buf, "output_count", stage ? stage->count : 0);
        put_uint(buf, "duration_ms", stage ? stage->duration_ms : 0);
    }
}

static void put_move(struct sl_buf *buf, enum sl_job_state from, enum sl_job_state to, struct sl_bytes stage,
                     struct sl_bytes reason, uint64_t wall_ms) {
    sl_mp_map(buf, 5);
    sl_mp_key(buf, "from");
    sl_mp_key(buf, sl_job_state_word(from));
    sl_mp_key(buf, "to");
    sl_mp_key(buf, sl_job_state_word(to));
    put_text_or_nil(buf, "stage", stage);
    put_text_or_nil(buf, "reason", reason);
    put_time(buf, "timestamp", wall_ms);
}

static void put_moves(struct sl_buf *buf, const struct sl_job *job) {
    uint64_t started = started_ms(job);
    bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
    enum sl_job_state before = started ? SL_JOB_PROCESSING : SL_JOB_QUEUED;
    struct sl_bytes first = job->pipeline->pipeline->stages[job->pipeline->pipeline->topological[0]].name;
    sl_mp_key(buf, "history");
    sl_mp_array(buf, (uint32_t)(started > 0) + (uint32_t)ended);
    if (started) put_move(buf, SL_JOB_QUEUED, SL_JOB_PROCESSING, first, sl_text("started"), started);
    if (!ended) return;
    struct sl_bytes reason = job->reason ? sl_blob_bytes(job->reason) : sl_text("all stages succeeded");
    put_move(buf, before, (enum sl_job_state)job->state, current_stage(job), reason, job->updated_ms);
}

static void put_times(struct sl_buf *buf, const struct sl_job *job) {
    bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
    put_time(buf, "created_at", job->created_ms);
    put_time(buf, "updated_at", job->updated_ms);
    put_time(buf, "completed_at", ended ? job->updated_ms : 0);
    sl_mp_key(buf, "duration_seconds");
    if (ended) {
        uint64_t took = job->updated_ms > job->created_ms ? job->updated_ms - job->created_ms : 0;
        sl_mp_double(buf, (double)took / 1000.0);
    } else {
        sl_mp_nil(buf);
    }
}

void sl_view_job(struct sl_sched *self, struct sl_buf *buf, const struct sl_job *job) {
    char id[SL_ID_TEXT_SIZE];
    struct sl_facts facts = {.kind = 0};
    (void)self;
    (void)sl_facts_read(sl_blob_bytes(job->facts), &facts); /* absent facts show as absent */
    sl_id_to_text(job->id.bytes, id);
    sl_mp_map(buf, 24);
    put_text(buf, "job_id", sl_text(id));
    put_text_or_nil(buf, "doc_key", facts.kind == 2 ? facts.key : sl_bytes(NULL, 0));
    put_text_or_nil(buf, "key", facts.kind == 1 ? facts.key : sl_bytes(NULL, 0));
    put_text(buf, "tenant_id", facts.tenant.size ? facts.tenant : sl_text("default"));
    put_text(buf, "pipeline", job->pipeline->pipeline->name);
    put_text(buf, "pipeline_version", job->pipeline->pipeline->version);
    put_uint(buf, "run", job->run_number);
    put_text(buf, "status", sl_text(sl_job_state_word((enum sl_job_state)job->state)));
    put_text_or_nil(buf, "sub_state", sub_state(job));
    put_text_or_nil(buf, "current_stage", current_stage(job));
    put_text(buf, "phase", sl_text("phase-1"));
    put_uint(buf, "attempts", job->run_number);
    put_retries(buf, job);
    bool failed = job->state == SL_JOB_FAILED || job->state == SL_JOB_CANCELLED;
    put_text_or_nil(buf, "error_reason", failed ? sl_blob_bytes(job->reason) : sl_bytes(NULL, 0));
    put_times(buf, job);
    put_fields(buf, job);
    sl_mp_key(buf, "gate_state");
    sl_mp_map(buf, 0);
    sl_mp_key(buf, "metadata");
    if (facts.labels.size) {
        sl_mp_raw(buf, facts.labels);
    } else {
        sl_mp_map(buf, 0);
    }
    put_stages(buf, job);
    put_moves(buf, job);
}

/* One line of history (transition.h) as a map. */
static void put_event(struct sl_buf *buf, const struct sl_job *job, struct sl_mp_reader *reader) {
    (void)sl_mp_read_array(reader, 8);
    enum sl_transition_kind kind = (enum sl_transition_kind)sl_mp_read_uint(reader, SL_TR_FIELD_SET);
    uint64_t n = sl_mp_read_uint(reader, UINT64_MAX);
    uint64_t wall_ms = sl_mp_read_uint(reader, UINT64_MAX);
    uint64_t run = sl_mp_read_uint(reader, UINT32_MAX);
    uint64_t stage = sl_mp_read_uint(reader, SL_STAGES_MAX);
    uint64_t attempt = sl_mp_read_uint(reader, UINT32_MAX);
    unsigned outcome = (unsigned)sl_mp_read_uint(reader, UINT32_MAX);
    struct sl_bytes text = {NULL, 0}, detail = {NULL, 0};
    if (kind == SL_TR_ATTEMPT_FAILED) {
        (void)sl_mp_read_array(reader, 2);
        text = sl_mp_read_str(reader, SL_REASON_MAX);
        detail = sl_mp_read_str(reader, SL_REASON_MAX);
    } else if (!sl_mp_read_nil(reader)) {
        text = sl_mp_read_str(reader, SL_REASON_MAX);
    }
    if (reader->rc) return;
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    bool of_stage = attempt > 0 && stage < pipeline->stage_count;
    bool worker = kind == SL_TR_STARTED;
    sl_mp_map(buf, 10);
    put_uint(buf, "n", n);
    put_time(buf, "at", wall_ms);
    put_text(buf, "event", sl_text(sl_transition_word(kind)));
    put_uint(buf, "run", run);
    put_text_or_nil(buf, "stage", of_stage ? pipeline->stages[stage].name : sl_bytes(NULL, 0));
    put_uint(buf, "attempt", attempt);
    const char *word = kind == SL_TR_ATTEMPT_FAILED ? sl_outcome_text(outcome)
                       : kind == SL_TR_SUCCEEDED    ? "done"
                       : kind == SL_TR_ENDED && outcome < SL_JOB_STATE_COUNT
                           ? sl_job_state_word((enum sl_job_state)outcome)
                           : "";
    put_text_or_nil(buf, "outcome", sl_text(word));
    put_text_or_nil(buf, "reason", worker ? sl_bytes(NULL, 0) : text);
    put_text_or_nil(buf, "detail", detail);
    put_text_or_nil(buf, "worker", worker ? text : sl_bytes(NULL, 0));
}

void sl_view_submitted(struct sl_buf *buf, const struct sl_job *job) {
    sl_mp_map(buf, 10);
    put_uint(buf, "n", job->created_n);
    put_time(buf, "at", job->created_ms);
    put_text(buf, "event", sl_text(sl_transition_word(SL_TR_SUBMITTED)));
    put_uint(buf, "run", job->run_number);
    put_text_or_nil(buf, "stage", sl_bytes(NULL, 0));
    put_uint(buf, "attempt", 0);
    static const char *const empty[] = {"outcome", "reason", "detail", "worker"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) put_text_or_nil(buf, empty[i], sl_bytes(NULL, 0));
}

void sl_view_history(struct sl_buf *buf, const struct sl_job *job, struct sl_bytes history, uint32_t *count) {
    struct sl_mp_reader reader = sl_mp_reader(history);
    while (reader.at != reader.end && reader.rc == SL_OK) {
        size_t before = buf->size;
        put_event(buf, job, &reader);
        if (buf->size > before) (*count)++;
    }
}

/* Whether a later stage, in topological order, wrote the key too. */
static bool is_overwritten(const struct sl_job *job, uint16_t place, struct sl_bytes key) {
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    for (uint16_t i = (uint16_t)(place + 1); i < pipeline->stage_count; i++) {
        struct sl_output output;
        const struct sl_blob *record = job->run->stages[pipeline->topological[i]].output;
        if (!record || sl_output_read(sl_blob_bytes(record), &output)) continue;
        if (sl_output_value(&output, key).size) return true;
    }
    return false;
}

static uint32_t put_values(struct sl_buf *buf, const struct sl_job *job, bool write) {
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    uint32_t count = 0;
    for (uint16_t i = 0; job->run && i < pipeline->stage_count; i++) {
        struct sl_output output;
        const struct sl_blob *record = job->run->stages[pipeline->topological[i]].output;
        if (!record || sl_output_read(sl_blob_bytes(record), &output)) continue;
        struct sl_mp_reader reader = output.values;
        for (uint32_t k = 0; k < output.value_count; k++) {
            struct sl_bytes key = sl_mp_read_str(&reader, SL_NAME_MAX);
            struct sl_bytes value = sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
            if (is_overwritten(job, i, key)) continue;
            count++;
            if (!write) continue;
            sl_mp_str(buf, key);
            sl_mp_raw(buf, value);
        }
    }
    return count;
}

/* Whether a stage's output stands under no state key: it is told as the stage's result. */
static bool is_result(const struct sl_blob *record, struct sl_output *out_output) {
    return record && sl_output_read(sl_blob_bytes(record), out_output) == SL_OK && out_output->value_count == 0 &&
           out_output->output.size > 0;
}

static uint32_t count_results(const struct sl_job *job) {
    struct sl_output output;
    uint32_t count = 0;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) count += is_result(job->run->stages[i].output, &output);
    return count;
}

static void put_results(struct sl_buf *buf, const struct sl_job *job, uint32_t count) {
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    struct sl_output output;
    sl_mp_key(buf, SL_RESULTS_KEY);
    sl_mp_map(buf, count);
    for (uint16_t i = 0; i < pipeline->stage_count; i++) {
        uint16_t stage = pipeline->topological[i];
        if (!is_result(job->run->stages[stage].output, &output)) continue;
        sl_mp_str(buf, pipeline->stages[stage].name);
        sl_mp_map(buf, 2);
        put_text(buf, "type", output.type);
        sl_mp_key(buf, "output");
        sl_mp_raw(buf, output.output);
    }
}

void sl_view_state(struct sl_buf *buf, const struct sl_job *job) {
    uint32_t results = count_results(job);
    sl_mp_map(buf, put_values(buf, job, false) + (results > 0));
    (void)put_values(buf, job, true);
    if (results > 0) put_results(buf, job, results);
}
