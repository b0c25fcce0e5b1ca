/* Settling: behind the commits the owner writes the records of changed jobs, moves the checkpoint, and trims the log. A settle is
 * sealed only when no transition is unsealed: then memory equals the log up to the newest commit (reliability, B3 rules 2 and 3). */
#include "sched_state.h"

enum { KEY_BYTES = 18 }; /* "j:" and the id */

/* What one settle gathers. Redis pays for each operation, so what goes into a key that all jobs share is one operation a settle. */
struct gathering {
    struct sl_buf ops;   /* the operations on keys of single jobs, without the array's head */
    struct sl_buf live;  /* fields and values that `live` gets */
    struct sl_buf left;  /* fields that `live` loses */
    struct sl_buf ended; /* scores and members that `ended` gets */
    struct sl_buf unlisted; /* members that `ended` loses */
    struct sl_buf buried; /* fields and values that `gone` gets */
    uint32_t op_count, live_count, left_count, ended_count, unlisted_count, buried_count;
    uint64_t finished_bytes; /* of all jobs that the shard ever finished, with those gathered here */
    uint32_t record_count;
    bool full;           /* a job did not fit as a whole: it comes again */
};

static void gathering_init(struct gathering *self, const struct sl_alloc *alloc) {
    *self = (struct gathering){.op_count = 0};
    sl_buf_init(&self->ops, alloc);
    sl_buf_init(&self->live, alloc);
    sl_buf_init(&self->left, alloc);
    sl_buf_init(&self->ended, alloc);
    sl_buf_init(&self->unlisted, alloc);
    sl_buf_init(&self->buried, alloc);
}

static void gathering_fini(struct gathering *self) {
    sl_buf_fini(&self->ops);
    sl_buf_fini(&self->live);
    sl_buf_fini(&self->left);
    sl_buf_fini(&self->ended);
    sl_buf_fini(&self->unlisted);
    sl_buf_fini(&self->buried);
}

static size_t gathered_bytes(const struct gathering *self) {
    return self->ops.size + self->live.size + self->left.size + self->ended.size + self->unlisted.size + self->buried.size;
}

static void put_job_key(struct sl_buf *buf, struct sl_job_id id) {
    uint8_t key[KEY_BYTES] = {'j', ':'};
    memcpy(key + 2, id.bytes, 16);
    sl_mp_bin(buf, sl_bytes(key, sizeof key));
}

/* HSET of one field of the job's own key. */
static void put_field(struct gathering *self, struct sl_job_id id, struct sl_bytes field, struct sl_bytes value) {
    sl_mp_array(&self->ops, 3);
    sl_mp_key(&self->ops, "HSET");
    put_job_key(&self->ops, id);
    sl_mp_array(&self->ops, 2);
    self->op_count++;
    sl_mp_bin(&self->ops, field);
    sl_mp_bin(&self->ops, value);
}

static bool has_room(struct gathering *self, size_t more) {
    size_t bytes = gathered_bytes(self);
    bool room = bytes == 0 || bytes + more <= SL_SETTLE_BYTES_MAX;
    if (!room) self->full = true;
    return room;
}

/* The parts that stand in fields of their own: first, so that the head that rests on them comes last. */
static bool put_payload(struct sl_sched *self, struct gathering *gathering, struct sl_job *job) {
    if (job->payload_settled || !job->payload || job->payload->size <= SL_PAYLOAD_INLINE_MAX) return true;
    if (!has_room(gathering, job->payload->size)) return false;
    sl_buf_clear(&self->scratch);
    (void)sl_buf_append(&self->scratch, job->payload->data, job->payload->size); /* kept in scratch.failed */
    sl_record_seal(&self->scratch, 0);
    gathering->ops.failed |= self->scratch.failed;
    put_field(gathering, job->id, sl_text("p"), sl_buf_bytes(&self->scratch));
    job->payload_settled = true;
    return true;
}

static bool put_outputs(struct gathering *self, struct sl_job *job) {
    bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        struct sl_stage_run *stage = &job->run->stages[i];
        if (!stage->output || stage->output_settled) continue;
        if (ended && stage->output->size <= SL_OUTPUT_INLINE_MAX) continue;
        if (!has_room(self, stage->output->size)) return false;
        char field[SL_OUTPUT_FIELD_SIZE];
        size_t size = sl_output_field(field, job->run_number, i);
        put_field(self, job->id, sl_bytes(field, size), sl_blob_bytes(stage->output));
        stage->output_settled = true;
    }
    return true;
}

static void put_history(struct sl_sched *self, struct gathering *gathering, struct sl_job *job) {
    if (job->history_size == 0) return;
    char field[32] = "h.";
    size_t size = 2 + sl_decimal(job->at, field + 2);
    sl_buf_clear(&self->scratch);
    (void)sl_buf_append(&self->scratch, job->history->data, job->history_size); /* kept in scratch.failed */
    sl_record_seal(&self->scratch, 0);
    gathering->ops.failed |= self->scratch.failed;
    put_field(gathering, job->id, sl_bytes(field, size), sl_buf_bytes(&self->scratch));
}

static void put_live_head(struct sl_sched *self, struct gathering *gathering, struct sl_job *job) {
    sl_buf_clear(&self->scratch);
    sl_record_head(&self->scratch, job);
    gathering->live.failed |= self->scratch.failed;
    sl_mp_bin(&gathering->live, sl_bytes(job->id.bytes, 16));
    sl_mp_bin(&gathering->live, sl_buf_bytes(&self->scratch));
    gathering->live_count += 2;
}

static void put_ended_record(struct sl_sched *self, const struct sl_shard *shard, struct gathering *gathering,
                             struct sl_job *job) {
    sl_buf_clear(&self->scratch);
    uint64_t before = gathering->finished_bytes;
    gathering->finished_bytes = sl_record_ended(&self->scratch, job, sl_shard_time(shard, self->now), before);
    gathering->ops.failed |= self->scratch.failed;
    put_field(gathering, job->id, sl_text("r"), sl_buf_bytes(&self->scratch));
    char score[24];
    size_t score_size = sl_decimal(job->at, score);
    sl_mp_bin(&gathering->ended, sl_bytes(score, score_size));
    sl_mp_bin(&gathering->ended, sl_bytes(job->id.bytes, 16));
    gathering->ended_count += 2;
    if (!job->in_live) return;
    sl_mp_bin(&gathering->left, sl_bytes(job->id.bytes, 16));
    gathering->left_count++;
}

/* All that stands of a removed job goes; its tombstone takes its place. */
static void put_removal(struct sl_sched *self, const struct sl_shard *shard, struct gathering *gathering,
                        const struct sl_job *job) {
    struct sl_facts facts = {.kind = 0};
    (void)sl_facts_read(sl_blob_bytes(job->facts), &facts); /* checked when its record was read */
    struct sl_tombstone tombstone = {.at = job->at,
                                     .state = (enum sl_job_state)job->state,
                                     .kind = facts.kind,
                                     .run = job->run_number,
                                     .request = job->request,
                                     .removed_ms = sl_shard_time(shard, self->now),
                                     .wall_ms = job->updated_ms};
    sl_mp_array(&gathering->ops, 3);
    sl_mp_key(&gathering->ops, "DEL");
    put_job_key(&gathering->ops, job->id);
    sl_mp_array(&gathering->ops, 0);
    gathering->op_count++;
    sl_mp_bin(&gathering->unlisted, sl_bytes(job->id.bytes, 16));
    gathering->unlisted_count++;
    sl_buf_clear(&self->scratch);
    sl_tombstone_put(&self->scratch, &tombstone);
    gathering->buried.failed |= self->scratch.failed;
    sl_mp_bin(&gathering->buried, sl_bytes(job->id.bytes, 16));
    sl_mp_bin(&gathering->buried, sl_buf_bytes(&self->scratch));
    gathering->buried_count += 2;
}

/* A guess of the head's size, to keep a settle near its limit. */
static size_t record_size(const struct sl_job *job) {
    if (job->removed) return 256;
    size_t size = 256 + job->history_size + (job->facts ? job->facts->size : 0);
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        const struct sl_blob *output = job->run->stages[i].output;
        size += 64 + (output && output->size <= SL_OUTPUT_INLINE_MAX ? output->size : 0);
    }
    return size;
}

/* Whether the whole job went into the settle. */
static bool gather(struct sl_sched *self, struct sl_shard *shard, struct gathering *gathering, struct sl_job *job) {
    if (!job->removed && (!put_payload(self, gathering, job) || !put_outputs(gathering, job))) return false;
    if (!has_room(gathering, record_size(job))) return false;
    bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
    if (job->removed) {
        put_removal(self, shard, gathering, job);
    } else if (ended) {
        put_ended_record(self, shard, gathering, job);
    } else {
        put_history(self, gathering, job);
        put_live_head(self, gathering, job);
    }
    shard->settling[gathering->record_count++] = job;
    job->settling = true;
    return true;
}

static bool may_gather(const struct gathering *self) {
    return !self->full && self->record_count < SL_SETTLE_RECORDS_MAX && !self->ops.failed;
}

static void gather_ended(struct sl_sched *self, struct sl_shard *shard, struct gathering *gathering) {
    struct sl_link *link = sl_list_first(&shard->ended);
    for (; link && may_gather(gathering); link = sl_list_next(&shard->ended, link)) {
        struct sl_job *job = SL_CONTAINER(link, struct sl_job, queue);
        if (!job->settling) (void)gather(self, shard, gathering, job); /* a false one is noted in `full` */
    }
}

/* Whether jobs under way are settled whatever their age: the log behind the checkpoint is too long, or the broker stops. */
static bool is_pressed(const struct sl_sched *self, const struct sl_shard *shard) {
    return self->draining || shard->log_bytes > SL_LOG_BYTES_MAX / self->config.shard_count;
}

static uint32_t age_ms(const struct sl_sched *self, const struct sl_job *job) {
    return (uint32_t)(self->now / 1000000u) - job->dirty_since_ms;
}

static void gather_old(struct sl_sched *self, struct sl_shard *shard, struct gathering *gathering) {
    struct sl_link *link = sl_list_first(&shard->dirty);
    for (; link && may_gather(gathering); link = sl_list_next(&shard->dirty, link)) {
        struct sl_job *job = SL_CONTAINER(link, struct sl_job, dirty);
        if (sl_job_state_is_terminal((enum sl_job_state)job->state)) continue;
        if (age_ms(self, job) < self->config.settle_ms && !is_pressed(self, shard)) break;
        (void)gather(self, shard, gathering, job); /* a false one is noted in `full` */
    }
}

/* The jobs that went in whole are as their records say. */
static void mark_settled(struct sl_sched *self, struct sl_shard *shard, const struct gathering *gathering) {
    bool finished = false;
    for (uint32_t i = 0; i < gathering->record_count; i++) {
        struct sl_job *job = shard->settling[i];
        SL_ASSERT(job->first_unsettled > 0 && job->settling);
        job->first_unsettled = 0;
        sl_list_remove(&shard->dirty, &job->dirty);
        job->payload_settled = true;
        bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
        if (ended) shard->ended_settling++;
        if (job->removed) sl_sweep_buried(self, shard, job);
        finished = finished || (ended && !job->removed);
        job->in_live = !ended;
        sl_job_history_clear(&shard->table, job);
    }
    if (finished) sl_retention_finished(self, shard, gathering->finished_bytes);
    shard->settling_count = gathering->record_count;
    self->figures.records += gathering->record_count;
}

/* The least number that no record contains, nor one gathered for the settle at hand, less one; never above the newest sealed commit. */
static uint64_t settled_n(const struct sl_shard *shard) {
    struct sl_link *oldest = sl_list_first(&shard->dirty);
    while (oldest && SL_CONTAINER(oldest, struct sl_job, dirty)->settling) oldest = sl_list_next(&shard->dirty, oldest);
    if (!oldest) return shard->commit_n;
    uint64_t first = SL_CONTAINER(oldest, struct sl_job, dirty)->first_unsettled;
    return first - 1 < shard->commit_n ? first - 1 : shard->commit_n;
}

/* What the log says of a job that is parked and may go on later stays. */
static uint64_t checkpoint(const struct sl_shard *shard) {
    uint64_t n = settled_n(shard);
    return shard->held_from && shard->held_from - 1 < n ? shard->held_from - 1 : n;
}

/* Also what is held, since no settle makes that shorter. */
static void trim_log(struct sl_sched *self, struct sl_shard *shard, uint64_t settled) {
    struct sl_link *link;
    while ((link = sl_list_first(&shard->log))) {
        struct sl_log_entry *entry = SL_CONTAINER(link, struct sl_log_entry, link);
        if (entry->n > settled) return;
        shard->log_bytes -= entry->size;
        sl_list_remove(&shard->log, link);
        sl_pool_give(&self->pool, entry, sizeof *entry);
    }
}

static void put_shared(struct sl_buf *buf, const char *verb, const char *key, const struct sl_buf *items, uint32_t count) {
    buf->failed |= items->failed;
    if (count == 0) return;
    sl_mp_array(buf, 3);
    sl_mp_key(buf, verb);
    sl_mp_key(buf, key);
    sl_mp_array(buf, count);
    sl_mp_raw(buf, sl_buf_bytes(items));
}

/* The array of operations as one block: parts that stand alone before the heads that rest on them. NULL: no memory. */
static struct sl_blob *make_body(struct sl_sched *self, const struct sl_shard *shard, const struct gathering *gathering,
                                 uint64_t ckpt) {
    struct sl_buf *body = &self->scratch;
    struct sl_buf dropped; /* tombstones that `gone` loses */
    uint32_t dropped_count = sl_sweep_count(shard, ckpt);
    uint32_t shared = 0u + (gathering->live_count > 0) + (gathering->left_count > 0) + (gathering->ended_count > 0) +
                      (gathering->unlisted_count > 0) + (gathering->buried_count > 0) + (dropped_count > 0);
    sl_buf_init(&dropped, &self->alloc);
    sl_sweep_put(shard, ckpt, &dropped);
    sl_buf_clear(body);
    sl_mp_array(body, gathering->op_count + shared);
    sl_mp_raw(body, sl_buf_bytes(&gathering->ops));
    put_shared(body, "HSET", SL_BUG(self, 26) ? "forgotten" : "live", &gathering->live, gathering->live_count);
    put_shared(body, "ZADD", "ended", &gathering->ended, gathering->ended_count);
    put_shared(body, "HDEL", "live", &gathering->left, gathering->left_count);
    put_shared(body, "ZREM", "ended", &gathering->unlisted, gathering->unlisted_count);
    put_shared(body, "HSET", "gone", &gathering->buried, gathering->buried_count);
    put_shared(body, "HDEL", "gone", &dropped, dropped_count);
    sl_buf_fini(&dropped);
    return body->failed || gathering->ops.failed ? NULL : sl_blob_new(&self->alloc, sl_buf_bytes(body));
}

/* Ended jobs soon, so that they leave memory; those under way when they are old, since most end before that and need no second
 * record. */
static void plan_next(const struct sl_sched *self, struct sl_shard *shard) {
    struct sl_link *oldest = sl_list_first(&shard->dirty);
    uint32_t rest_ms = SL_SETTLE_ENDED_AFTER_MS;
    if (shard->ended.count == shard->ended_settling && oldest) {
        uint32_t age = age_ms(self, SL_CONTAINER(oldest, struct sl_job, dirty));
        rest_ms = age < self->config.settle_ms ? self->config.settle_ms - age : 0;
    }
    shard->settle_at = oldest ? self->now + (uint64_t)rest_ms * 1000000u : UINT64_MAX;
}

/* Nothing was sealed: what the gathering noted as written is not. Writing a part twice is harmless. */
static void ungather(struct sl_shard *shard, const struct gathering *gathering) {
    for (uint32_t i = 0; i < gathering->record_count; i++) shard->settling[i]->settling = false;
    for (struct sl_link *link = sl_list_first(&shard->dirty); link; link = sl_list_next(&shard->dirty, link)) {
        struct sl_job *job = SL_CONTAINER(link, struct sl_job, dirty);
        if (job->payload) job->payload_settled = false;
        for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
            if (job->run->stages[i].output) job->run->stages[i].output_settled = false;
        }
    }
}

static bool is_due(const struct sl_sched *self, const struct sl_shard *shard) {
    size_t ended = shard->ended.count - shard->ended_settling;
    bool drops = shard->sweep.drop_count > 0 && sl_sweep_count(shard, checkpoint(shard)) > 0;
    return ended >= SL_SETTLE_RECORDS_MAX || shard->settle_at <= self->now || is_pressed(self, shard) || drops;
}

/* Seals a settle if one is due and allowed now. On no memory nothing has changed. */
int sl_shard_settle(struct sl_sched *self, struct sl_shard *shard) {
    if (shard->batch_count > 0 || shard->settles_under_way > 0) return SL_OK;
    if (shard->dirty.count == 0 && shard->sweep.drop_count == 0) return SL_OK;
    if (!is_due(self, shard)) return SL_OK;
    struct gathering gathering;
    gathering_init(&gathering, &self->alloc);
    gathering.finished_bytes = shard->retention.total;
    gather_ended(self, shard, &gathering);
    gather_old(self, shard, &gathering);
    uint64_t settled = settled_n(shard), ckpt = checkpoint(shard);
    if (gathering.record_count == 0 && gathering.op_count == 0 && sl_sweep_count(shard, ckpt) == 0) {
        plan_next(self, shard);
        gathering_fini(&gathering);
        return SL_OK;
    }
    struct sl_blob *body = make_body(self, shard, &gathering, ckpt);
    gathering_fini(&gathering);
    if (!body) {
        ungather(shard, &gathering);
        return SL_E_NO_MEMORY;
    }
    sl_sweep_forget(shard, ckpt);
    mark_settled(self, shard, &gathering);
    SL_ASSERT(ckpt >= shard->ckpt);
    int rc = sl_shard_seal(self, shard, SL_LEDGER_SETTLE, ckpt, body);
    SL_ASSERT(rc == SL_OK); /* the pool's room was reserved at the start of the step */
    shard->ckpt = ckpt;
    shard->settle_n = shard->n_sealed;
    shard->settles_under_way++;
    self->figures.settles++;
    trim_log(self, shard, settled);
    plan_next(self, shard);
    return SL_OK;
}

/* The records of a settle are durable: jobs that ended leave memory, jobs that wait in a queue give back their parts. */
void sl_shard_settled(struct sl_sched *self, struct sl_shard *shard) {
    uint64_t hot = sl_hot_bytes(self);
    for (uint32_t i = 0; i < shard->settling_count; i++) {
        struct sl_job *job = shard->settling[i];
        SL_ASSERT(job->settling);
        job->settling = false;
        if (job->first_unsettled > 0) continue; /* changed meanwhile: a later settle has it */
        if (sl_job_state_is_terminal((enum sl_job_state)job->state)) {
            SL_ASSERT(shard->ended_settling > 0);
            shard->ended_settling--;
            if (job->removed) shard->retention.removing--;
            sl_job_leave(self, job);
            sl_job_remove(&shard->table, job);
        } else if (job->state == SL_JOB_QUEUED && !job->ahead && !job->loading) {
            sl_job_cool(&shard->table, job, true);
        } else if (job->state == SL_JOB_PROCESSING && !job->loading && hot > self->config.hot_bytes_max) {
            sl_job_cool(&shard->table, job, false); /* asked for again when its next stage can start */
        }
    }
    shard->settling_count = 0;
}
