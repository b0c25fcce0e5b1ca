/* Where jobs and stages stand: on exactly the list that their state names. Leave the old list, change, join the new one. */
#include "sched_state.h"

static struct sl_type *type_of(const struct sl_stage_run *stage) {
    return stage->job->pipeline->types[stage->index];
}

static void join_ready(struct sl_sched *self, struct sl_stage_run *stage) {
    struct sl_type *type = type_of(stage);
    sl_list_append(&type->ready, &stage->link);
    if (!sl_link_is_on(&type->waiting)) sl_list_append(&self->types_waiting, &type->waiting);
    self->figures.stages_ready++;
}

static void leave_ready(struct sl_sched *self, struct sl_stage_run *stage) {
    struct sl_type *type = type_of(stage);
    sl_list_remove(&type->ready, &stage->link);
    if (type->ready.count == 0) sl_list_remove(&self->types_waiting, &type->waiting);
    SL_ASSERT(self->figures.stages_ready > 0);
    self->figures.stages_ready--;
}

void sl_stage_set_timer(struct sl_sched *self, struct sl_stage_run *stage, uint64_t at) {
    sl_heap_remove(&self->timers, &stage->timer);
    sl_heap_insert(&self->timers, &stage->timer, at);
}

void sl_stage_join(struct sl_sched *self, struct sl_stage_run *stage) {
    struct sl_shard *shard = sl_shard_of(self, stage->job->id);
    if (stage->job->corrupt) return;
    if (stage->state == SL_STAGE_READY) {
        join_ready(self, stage);
    } else if (stage->state == SL_STAGE_BACKOFF) {
        uint64_t due = sl_shard_time_to_ns(shard, stage->until_ms);
        if (due <= self->now) {
            join_ready(self, stage);
        } else {
            sl_stage_set_timer(self, stage, due);
        }
    } else if (stage->state == SL_STAGE_RUNNING) {
        self->figures.stages_running++;
        /* Until a session is given to it: it may still be running where nobody has reported it yet. */
        sl_stage_set_timer(self, stage, self->now + (uint64_t)self->config.lost_ms * 1000000u);
    }
}

/* The stages of a parked job stand nowhere. */
void sl_stage_leave(struct sl_sched *self, struct sl_stage_run *stage) {
    if (stage->job->corrupt) return;
    sl_heap_remove(&self->timers, &stage->timer);
    if (stage->state == SL_STAGE_RUNNING) {
        SL_ASSERT(self->figures.stages_running > 0);
        self->figures.stages_running--;
        if (!stage->session) return;
        sl_list_remove(&stage->session->in_flight, &stage->link);
        SL_ASSERT(self->slots_used > 0);
        self->slots_used--;
        stage->session = NULL;
    } else if (sl_link_is_on(&stage->link)) {
        leave_ready(self, stage);
    }
}

void sl_stage_assign(struct sl_sched *self, struct sl_stage_run *stage, struct sl_session *session) {
    SL_ASSERT(stage->state == SL_STAGE_RUNNING);
    if (stage->session) {
        sl_list_remove(&stage->session->in_flight, &stage->link);
        self->slots_used--;
    }
    stage->session = session;
    stage->missing = 0;
    if (!session) return;
    sl_list_append(&session->in_flight, &stage->link);
    self->slots_used++;
    uint64_t limit_ms = (uint64_t)stage->timeout_ms + self->config.timeout_grace_ms;
    sl_stage_set_timer(self, stage, self->now + limit_ms * 1000000u);
}

static void join_queue(struct sl_sched *self, struct sl_job *job) {
    struct sl_pipeline_entry *pipeline = job->pipeline;
    sl_list_append(&pipeline->queue, &job->queue);
    self->queued_total++;
    if (!pipeline->ahead_end) pipeline->ahead_end = &job->queue;
    job->ahead = false;
}

static void leave_queue(struct sl_sched *self, struct sl_job *job) {
    struct sl_pipeline_entry *pipeline = job->pipeline;
    if (pipeline->ahead_end == &job->queue) pipeline->ahead_end = sl_list_next(&pipeline->queue, &job->queue);
    if (job->ahead) pipeline->ahead_count--;
    job->ahead = false;
    sl_list_remove(&pipeline->queue, &job->queue);
    SL_ASSERT(self->queued_total > 0);
    self->queued_total--;
}

void sl_job_join(struct sl_sched *self, struct sl_job *job) {
    struct sl_shard *shard = sl_shard_of(self, job->id);
    SL_ASSERT(!job->indexed);
    job->indexed = true;
    self->figures.jobs[job->state]++;
    if (job->state == SL_JOB_QUEUED && !job->corrupt) {
        join_queue(self, job);
    } else if (!sl_job_state_is_terminal((enum sl_job_state)job->state)) {
        sl_list_append(&shard->active, &job->queue);
    } else {
        sl_list_append(&shard->ended, &job->queue);
    }
}

void sl_job_leave(struct sl_sched *self, struct sl_job *job) {
    struct sl_shard *shard = sl_shard_of(self, job->id);
    SL_ASSERT(job->indexed);
    job->indexed = false;
    SL_ASSERT(self->figures.jobs[job->state] > 0);
    self->figures.jobs[job->state]--;
    if (job->state == SL_JOB_QUEUED && !job->corrupt) {
        leave_queue(self, job);
    } else if (!sl_job_state_is_terminal((enum sl_job_state)job->state)) {
        sl_list_remove(&shard->active, &job->queue);
    } else {
        sl_list_remove(&shard->ended, &job->queue);
    }
}

void sl_job_touch(struct sl_sched *self, struct sl_job *job, uint64_t n) {
    struct sl_shard *shard = sl_shard_of(self, job->id);
    if (job->first_unsettled == 0) {
        job->first_unsettled = n;
        job->dirty_since_ms = (uint32_t)(self->now / 1000000u);
        sl_list_append(&shard->dirty, &job->dirty);
    }
    bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
    uint32_t wait_ms = ended ? SL_SETTLE_ENDED_AFTER_MS : self->config.settle_ms;
    uint64_t due = self->now + (uint64_t)wait_ms * 1000000u;
    if (due < shard->settle_at) shard->settle_at = due;
}

/* Takes every job of a shard off every list and frees it: the shard is not ours, or is read anew. */
void sl_shard_forget(struct sl_sched *self, struct sl_shard *shard) {
    size_t cursor = 0;
    struct sl_job *job;
    while ((job = sl_idmap_each(&shard->table.jobs, &cursor))) {
        if (!job->indexed) continue;
        for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) sl_stage_leave(self, &job->run->stages[i]);
        sl_job_leave(self, job);
    }
    uint64_t seed = shard->table.jobs.seed;
    sl_job_table_fini(&shard->table);
    sl_job_table_init(&shard->table, &self->pool, &self->alloc, seed);
    sl_list_init(&shard->dirty);
    sl_list_init(&shard->active);
    sl_list_init(&shard->ended);
    while (shard->log.count > 0) {
        struct sl_log_entry *entry = SL_CONTAINER(sl_list_first(&shard->log), struct sl_log_entry, link);
        sl_list_remove(&shard->log, &entry->link);
        sl_pool_give(&self->pool, entry, sizeof *entry);
    }
    shard->log_bytes = 0;
    sl_parked_clear(self, shard);
    sl_reads_forget(self, shard);
}

uint64_t sl_hot_bytes(const struct sl_sched *self) {
    uint64_t bytes = 0;
    for (uint16_t i = 0; i < self->config.shard_count; i++) bytes += self->shards[i].table.blob_bytes;
    return bytes;
}

uint32_t sl_shard_running(const struct sl_shard *shard) {
    uint32_t count = 0;
    size_t cursor = 0;
    const struct sl_job *job;
    while ((job = sl_idmap_each(&shard->table.jobs, &cursor))) {
        for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
            uint8_t state = job->run->stages[i].state;
            count += state == SL_STAGE_RUNNING || state == SL_STAGE_BACKOFF;
        }
    }
    return count;
}

/* Puts every job of a recovered shard on its lists, in the order of submission, not of the table. */
void sl_shard_index(struct sl_sched *self, struct sl_shard *shard) {
    size_t cursor = 0;
    struct sl_job *job;
    struct sl_list order;
    sl_list_init(&order);
    while ((job = sl_idmap_each(&shard->table.jobs, &cursor))) sl_list_append(&order, &job->queue);
    sl_jobs_sort(&order);
    struct sl_link *link;
    while ((link = sl_list_first(&order))) {
        job = SL_CONTAINER(link, struct sl_job, queue);
        sl_list_remove(&order, link);
        sl_job_join(self, job);
        if (job->state != SL_JOB_PROCESSING) continue;
        for (uint16_t i = 0; i < job->run->stage_count; i++) sl_stage_join(self, &job->run->stages[i]);
    }
}
