/* The core looks at itself: every list against every counter, every state against the list it names. For tests. */
#include "sched_state.h"

#include "base/text.h"

struct checker {
    const struct sl_sched *sched;
    char *why;
    size_t size;
    uint64_t jobs[SL_JOB_STATE_COUNT], ready, running, queued, assigned, dirty, active, ended;
    int rc;
};

static void claim(struct checker *self, bool holds, const char *sentence) {
    if (holds || self->rc) return;
    self->rc = SL_E_DAMAGED;
    sl_text_format(self->why, self->size, "%s", sentence);
}

static void check_stage(struct checker *self, const struct sl_job *job, const struct sl_stage_run *stage) {
    bool on_list = sl_link_is_on(&stage->link), timed = sl_heap_holds(&stage->timer);
    claim(self, stage->job == job, "a stage knows its job");
    if (job->corrupt) return;
    switch ((enum sl_stage_state)stage->state) {
    case SL_STAGE_WAITING:
        claim(self, stage->pending > 0 && !on_list && !timed, "a waiting stage waits for predecessors and is on no list");
        break;
    case SL_STAGE_READY:
        claim(self, stage->pending == 0 && on_list && !timed, "a ready stage is on its type's list");
        self->ready++;
        break;
    case SL_STAGE_RUNNING:
        claim(self, timed, "a running stage has a deadline");
        claim(self, on_list == (stage->session != NULL), "a running stage is on its session's list, if it has a session");
        self->running++;
        self->assigned += stage->session != NULL;
        break;
    case SL_STAGE_BACKOFF:
        claim(self, on_list != timed, "a stage in backoff waits for its time or is due");
        self->ready += on_list;
        break;
    default:
        claim(self, !on_list && !timed, "a stage that has ended is on no list");
        break;
    }
}

static uint32_t missing_predecessors(const struct sl_job *job, uint16_t index) {
    const struct sl_stage *declared = &job->pipeline->pipeline->stages[index];
    uint32_t missing = 0;
    for (uint16_t i = 0; i < declared->predecessor_count; i++) {
        missing += job->run->stages[declared->predecessors[i]].state != SL_STAGE_SUCCEEDED;
    }
    return missing;
}

static void check_run(struct checker *self, const struct sl_job *job) {
    uint32_t succeeded = 0, running = 0, ready = 0;
    for (uint16_t i = 0; i < job->run->stage_count; i++) {
        const struct sl_stage_run *stage = &job->run->stages[i];
        check_stage(self, job, stage);
        claim(self, stage->pending == missing_predecessors(job, i), "a stage's pending count is what the graph says");
        succeeded += stage->state == SL_STAGE_SUCCEEDED;
        running += stage->state == SL_STAGE_RUNNING;
        ready += stage->state == SL_STAGE_READY;
    }
    claim(self, succeeded == job->run->succeeded_count, "a run's count of succeeded stages is right");
    claim(self, running == job->run->running_count, "a run's count of running stages is right");
    claim(self, ready == job->run->ready_count, "a run's count of ready stages is right");
}

static void check_job(struct checker *self, const struct sl_shard *shard, const struct sl_job *job) {
    claim(self, job->indexed && sl_link_is_on(&job->queue), "a job is on the list of its status");
    claim(self, (job->first_unsettled > 0) == sl_link_is_on(&job->dirty), "a changed job is on its shard's list");
    claim(self, job->first_unsettled == 0 || job->facts, "a changed job has its facts in memory");
    claim(self, job->at <= shard->n_sealed + 1, "a job is not ahead of its log");
    claim(self, job->first_unsettled <= job->at, "a job's oldest unsettled commit is not newer than its newest");
    claim(self, (job->run != NULL) || job->state != SL_JOB_PROCESSING, "a job under way has a run");
    self->jobs[job->state]++;
    bool terminal = sl_job_state_is_terminal((enum sl_job_state)job->state);
    self->queued += job->state == SL_JOB_QUEUED && !job->corrupt;
    self->dirty += job->first_unsettled > 0;
    self->ended += terminal;
    self->active += !terminal && (job->state == SL_JOB_PROCESSING || job->corrupt);
    if (job->run) check_run(self, job);
}

static void check_shard(struct checker *self, const struct sl_shard *shard) {
    size_t cursor = 0;
    const struct sl_job *job;
    self->dirty = self->active = self->ended = 0;
    if (shard->state != SL_SHARD_OPEN) {
        claim(self, shard->writes.count == 0 || shard->state != SL_SHARD_FOREIGN, "a shard of others has no writes here");
        return;
    }
    while ((job = sl_idmap_each(&shard->table.jobs, &cursor))) check_job(self, shard, job);
    claim(self, self->dirty == shard->dirty.count, "the list of changed jobs is whole");
    claim(self, self->active == shard->active.count, "the list of jobs under way is whole");
    claim(self, self->ended == shard->ended.count, "the list of ended jobs is whole");
    claim(self, shard->n_durable + shard->writes.count == shard->n_sealed, "every sealed write is kept until its reply");
    claim(self, shard->ckpt <= shard->commit_n && shard->commit_n <= shard->n_sealed, "the checkpoint is behind the log");
    claim(self, (shard->batch_count > 0) == (shard->batch.size > 0), "an open batch holds transitions");
    uint64_t first = 0;
    for (struct sl_link *link = sl_list_first(&shard->dirty); link; link = sl_list_next(&shard->dirty, link)) {
        job = SL_CONTAINER(link, const struct sl_job, dirty);
        claim(self, job->first_unsettled >= first, "changed jobs are in the order of their first change");
        claim(self, job->first_unsettled > shard->ckpt, "the checkpoint contains no unsettled commit");
        first = job->first_unsettled;
    }
}

static void check_sessions(struct checker *self) {
    const struct sl_list *sessions = &self->sched->sessions;
    uint64_t in_flight = 0, slots = 0;
    for (struct sl_link *link = sl_list_first(sessions); link; link = sl_list_next(sessions, link)) {
        const struct sl_session *session = SL_CONTAINER(link, struct sl_session, link);
        in_flight += session->in_flight.count;
        slots += session->slots;
        const struct sl_session *newest = sl_session_of_peer(self->sched, session->peer);
        claim(self, newest && newest->number >= session->number, "the newest session of a peer is found by it");
    }
    claim(self, in_flight == self->assigned, "each assigned attempt is on one session's list");
    claim(self, in_flight == self->sched->slots_used, "the count of used slots is right");
    claim(self, slots == self->sched->slots_total, "the count of slots is right");
}

static void check_totals(struct checker *self) {
    const struct sl_sched *sched = self->sched;
    for (int i = 0; i < SL_JOB_STATE_COUNT; i++) {
        claim(self, self->jobs[i] == sched->figures.jobs[i], "the counts of jobs by status are right");
    }
    claim(self, self->ready == sched->figures.stages_ready, "the count of ready stages is right");
    claim(self, self->running == sched->figures.stages_running, "the count of running stages is right");
    claim(self, self->queued == sched->queued_total, "the count of queued jobs is right");
    uint64_t queued = 0, ready = 0;
    const struct sl_list *pipelines = &sched->pipeline_list;
    for (struct sl_link *link = sl_list_first(pipelines); link; link = sl_list_next(pipelines, link)) {
        queued += SL_CONTAINER(link, const struct sl_pipeline_entry, link)->queue.count;
    }
    for (struct sl_link *link = sl_list_first(&sched->types); link; link = sl_list_next(&sched->types, link)) {
        const struct sl_type *type = SL_CONTAINER(link, const struct sl_type, link);
        ready += type->ready.count;
        claim(self, (type->ready.count > 0) == sl_link_is_on(&type->waiting), "a type with ready stages waits to start");
    }
    ready += sched->undecided.ready.count;
    claim(self, (sched->undecided.ready.count > 0) == sl_link_is_on(&sched->undecided.waiting), "undecided stages wait to start");
    claim(self, sched->undecided.offers.count == 0, "nobody offers what is undecided");
    claim(self, queued == self->queued, "each queued job is on its pipeline's queue");
    claim(self, ready == self->ready, "each ready stage is on its type's list");
}

int sl_sched_check(const struct sl_sched *self, char *out_why, size_t size) {
    struct checker checker = {.sched = self, .why = out_why, .size = size};
    for (uint16_t i = 0; i < self->config.shard_count; i++) check_shard(&checker, &self->shards[i]);
    check_sessions(&checker);
    check_totals(&checker);
    return checker.rc;
}

static int put_state(struct sl_buf *buf, const struct sl_job *job) {
    struct sl_buf state;
    sl_buf_init(&state, buf->alloc);
    sl_record_state(&state, job);
    sl_mp_array(buf, 3);
    sl_mp_bin(buf, sl_bytes(job->id.bytes, sizeof job->id.bytes));
    sl_mp_bool(buf, sl_job_state_is_terminal((enum sl_job_state)job->state));
    sl_mp_bin(buf, sl_buf_bytes(&state));
    buf->failed |= state.failed;
    sl_buf_fini(&state);
    return buf->failed ? SL_E_NO_MEMORY : SL_OK;
}

/* The job with the least id above `after`. */
static const struct sl_job *next_by_id(const struct sl_idmap *jobs, const struct sl_job *after) {
    const struct sl_job *best = NULL, *job;
    size_t cursor = 0;
    while ((job = sl_idmap_each(jobs, &cursor))) {
        if (after && memcmp(job->id.bytes, after->id.bytes, sizeof job->id.bytes) <= 0) continue;
        if (!best || memcmp(job->id.bytes, best->id.bytes, sizeof job->id.bytes) < 0) best = job;
    }
    return best;
}

int sl_sched_dump(const struct sl_sched *self, uint16_t shard, struct sl_buf *buf) {
    const struct sl_shard *from = &self->shards[shard];
    if (from->state != SL_SHARD_OPEN) return SL_E_AGAIN;
    const struct sl_job *job = NULL;
    while ((job = next_by_id(&from->table.jobs, job))) {
        int rc = put_state(buf, job);
        if (rc) return rc;
    }
    return SL_OK;
}
