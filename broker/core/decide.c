/* The way of every fact: decided, put into the open batch of its shard, applied, indexed; nothing else changes a job. */
#include "sched_state.h"

struct sl_shard *sl_shard_of(struct sl_sched *self, struct sl_job_id id) {
    return &self->shards[sl_job_shard(id, self->config.shard_count)];
}

struct sl_pipeline_entry *sl_pipeline_find(void *context, struct sl_digest digest) {
    struct sl_sched *self = context;
    struct sl_pipeline_entry *entry = sl_idmap_find(&self->pipelines, digest.bytes);
    if (!entry) self->missed = digest;
    return entry;
}

struct sl_transition sl_transition_of_job(const struct sl_sched *self, const struct sl_job *job,
                                          enum sl_transition_kind kind) {
    return (struct sl_transition){.kind = kind, .job = job->id, .wall_ms = self->wall_ms, .run = job->run_number};
}

struct sl_transition sl_transition_of_stage(const struct sl_sched *self, const struct sl_stage_run *stage,
                                            enum sl_transition_kind kind) {
    struct sl_transition transition = sl_transition_of_job(self, stage->job, kind);
    transition.stage = stage->index;
    transition.attempt = stage->attempt;
    return transition;
}

/* Room for the group in the open batch, in the effects and among the timers. */
static int reserve(struct sl_sched *self, struct sl_shard *shard, const struct sl_transition *transitions,
                   uint32_t count, const struct sl_job *job) {
    size_t bytes = 64;
    for (uint32_t i = 0; i < count; i++) bytes += sl_transition_size_max(&transitions[i]);
    uint32_t effects = 16 + (job ? sl_watch_count(self, job, transitions[count - 1].kind == SL_TR_ENDED) : 0);
    if (job && job->run) effects += job->run->running_count;
    /* A batch holds whole groups: the one at hand opens the next batch when this one would grow too large (reliability, B3 rule 4). */
    bool full = shard->batch_count + count > SL_BATCH_TRANSITIONS_MAX || shard->batch.size + bytes > SL_BATCH_BYTES_MAX;
    int rc = full && shard->batch_count > 0 ? sl_shard_seal_commit(self, shard) : SL_OK;
    if (!rc) rc = sl_buf_reserve(&shard->batch, bytes);
    if (!rc) rc = sl_buf_reserve(&self->scratch, bytes);
    if (!rc) rc = sl_effects_reserve(self, effects);
    if (!rc) rc = sl_heap_reserve(&self->timers, 2);
    return rc;
}

static void put_in_batch(struct sl_sched *self, struct sl_shard *shard, const struct sl_transition *transition) {
    size_t before = shard->batch.size;
    if (shard->batch.size == 0) sl_batch_begin(&shard->batch, shard->commit_n, shard->digest);
    sl_batch_add(&shard->batch, &self->scratch, transition);
    SL_ASSERT(!shard->batch.failed);
    shard->batch_count++;
    self->undurable_bytes += shard->batch.size - before;
    self->figures.transitions++;
}

/* The stages that a transition takes off their lists before it is applied, and puts on others afterwards. */
static void leave(struct sl_sched *self, struct sl_job *job, const struct sl_transition *t) {
    sl_job_leave(self, job);
    if (!job->run) return;
    if (t->kind == SL_TR_ENDED) {
        for (uint16_t i = 0; i < job->run->stage_count; i++) sl_stage_leave(self, &job->run->stages[i]);
    } else if (t->kind != SL_TR_FIELD_SET && t->kind != SL_TR_SUBMITTED && t->kind != SL_TR_REMOVED) {
        sl_stage_leave(self, &job->run->stages[t->stage]);
    }
}

static void join(struct sl_sched *self, struct sl_job *job, const struct sl_transition *t, bool first_start) {
    sl_job_join(self, job);
    if (!job->run || t->kind == SL_TR_ENDED || t->kind == SL_TR_FIELD_SET || t->kind == SL_TR_REMOVED) return;
    if (first_start) {
        for (uint16_t i = 0; i < job->run->stage_count; i++) sl_stage_join(self, &job->run->stages[i]);
        return;
    }
    sl_stage_join(self, &job->run->stages[t->stage]);
    if (t->kind != SL_TR_SUCCEEDED) return;
    const struct sl_stage *declared = &job->pipeline->pipeline->stages[t->stage];
    for (uint16_t i = 0; i < declared->successor_count; i++) {
        struct sl_stage_run *successor = &job->run->stages[declared->successors[i]];
        if (successor->state == SL_STAGE_READY) sl_stage_join(self, successor);
    }
}

static void carry_out(struct sl_sched *self, struct sl_shard *shard, const struct sl_transition *transition,
                      struct sl_prepared *prepared) {
    struct sl_job *job = prepared->job;
    bool first_start = transition->kind == SL_TR_STARTED && !job->run;
    put_in_batch(self, shard, transition);
    uint64_t n = sl_shard_tag(shard);
    if (!prepared->is_new) leave(self, job, transition);
    (void)sl_apply(&shard->table, n, transition, prepared);
    join(self, job, transition, first_start);
    sl_job_touch(self, job, n);
    if (transition->kind == SL_TR_ENDED) self->figures.ended_total++;
}

int sl_decide(struct sl_sched *self, struct sl_job *job, const struct sl_transition *transitions, uint32_t count) {
    struct sl_shard *shard = sl_shard_of(self, job->id);
    struct sl_prepared prepared[2];
    SL_ASSERT(count >= 1 && count <= 2);
    SL_ASSERT(sl_shard_is_open(shard));
    SL_ASSERT(job->facts);
    int rc = reserve(self, shard, transitions, count, job);
    if (rc) return rc;
    for (uint32_t i = 0; i < count; i++) {
        rc = sl_apply_prepare(&shard->table, &transitions[i], sl_pipeline_find, self, &prepared[i]);
        SL_ASSERT(rc == SL_OK || rc == SL_E_NO_MEMORY);
        if (rc == SL_OK) continue;
        while (i > 0) sl_apply_discard(&shard->table, &prepared[--i]);
        return rc;
    }
    for (uint32_t i = 0; i < count; i++) carry_out(self, shard, &transitions[i], &prepared[i]);
    bool ended = transitions[count - 1].kind == SL_TR_ENDED;
    if (job->watched == SL_WATCHED_ALL || (job->watched == SL_WATCHED_END && ended)) sl_watch_changed(self, job);
    if (job->watched && ended) sl_watch_end(self, job);
    return SL_OK;
}

int sl_decide_new(struct sl_sched *self, struct sl_shard *shard, const struct sl_transition *transition,
                  struct sl_job **out_job) {
    struct sl_prepared prepared;
    SL_ASSERT(transition->kind == SL_TR_SUBMITTED);
    SL_ASSERT(sl_shard_is_open(shard));
    int rc = reserve(self, shard, transition, 1, NULL);
    if (rc) return rc;
    rc = sl_apply_prepare(&shard->table, transition, sl_pipeline_find, self, &prepared);
    SL_ASSERT(rc == SL_OK || rc == SL_E_NO_MEMORY);
    if (rc) return rc;
    struct sl_job *job = prepared.job;
    carry_out(self, shard, transition, &prepared);
    *out_job = job;
    return SL_OK;
}
