/* Finished jobs are kept for a time and up to a number of bytes, then removed by a transition of their own, the oldest first (design
 * page, 5). Each record says when it was written and how many bytes its shard had finished by then, so the sum of those kept is the
 * difference between the newest and the oldest: nothing is counted in Redis, and a takeover reads a few records. The owner remembers
 * when the oldest is due; a look reads the oldest few, and what is due is removed. The next look waits until these have left memory, so
 * there are never more than SL_REMOVALS_MAX of a shard under way. */
#include "sched_state.h"

enum { PAGE_MIN = 4, NEWEST = 8, LOOKS_A_LIFE = 64, LOOK_WAIT_MS_MAX = 60000, FULL_WAIT_MS = 1000 };

/* A shard's part of what the cluster may keep; UINT64_MAX: all of it. */
static uint64_t bytes_max(const struct sl_sched *self) {
    if (self->config.retention_bytes == 0) return UINT64_MAX;
    return self->config.retention_bytes / self->config.shard_count;
}

static bool keeps_too_much(const struct sl_sched *self, const struct sl_shard *shard) {
    const struct sl_retention *retention = &shard->retention;
    return retention->total > retention->base && retention->total - retention->base > bytes_max(self);
}

/* Shard time from which on a record is old enough. */
static uint64_t old_ms(const struct sl_sched *self, uint64_t since_ms) {
    uint64_t at = since_ms + self->config.retention_ms;
    return self->config.retention_ms == 0 || at < since_ms ? UINT64_MAX : at;
}

static uint64_t due_ns(const struct sl_sched *self, const struct sl_shard *shard, uint64_t since_ms) {
    uint64_t at = old_ms(self, since_ms);
    return at == UINT64_MAX ? UINT64_MAX : sl_shard_time_to_ns(shard, at);
}

/* Jobs that end one after the other are removed several at a time: what is due may wait a little. */
static uint64_t wait_ns(const struct sl_sched *self, uint64_t ms_max) {
    uint64_t ms = self->config.retention_ms ? self->config.retention_ms / LOOKS_A_LIFE + 1 : ms_max;
    return (ms < ms_max ? ms : ms_max) * 1000000u;
}

static void rest(struct sl_retention *retention, uint64_t until) {
    if (until > retention->rest_until) retention->rest_until = until;
}

void sl_retention_finished(struct sl_sched *self, struct sl_shard *shard, uint64_t total) {
    struct sl_retention *retention = &shard->retention;
    retention->finished_since = true;
    if (!retention->any) {
        retention->any = true;
        retention->base = retention->total;
        retention->due_at = due_ns(self, shard, sl_shard_time(shard, self->now));
    }
    retention->total = total;
}

uint64_t sl_retention_deadline(const struct sl_sched *self, const struct sl_shard *shard) {
    const struct sl_retention *retention = &shard->retention;
    bool may = retention->any && !retention->looking && retention->removing == 0 && !self->draining && !shard->releasing;
    if (!may) return UINT64_MAX;
    uint64_t at = keeps_too_much(self, shard) ? 0 : retention->due_at;
    return at > retention->rest_until ? at : retention->rest_until;
}

int sl_retention_turn(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_retention *retention = &shard->retention;
    if (sl_retention_deadline(self, shard) > self->now) return SL_OK;
    if (self->undurable_bytes >= SL_UNDURABLE_BYTES_PRESSURE) { /* what clients want comes first */
        rest(retention, self->now + wait_ns(self, FULL_WAIT_MS));
        return SL_OK;
    }
    struct sl_ledger_call call = {
        .verb = SL_LEDGER_READ_OLDEST, .shard = shard->index, .cursor = retention->passed_over, .count = retention->page};
    int rc = sl_read_send(self, SL_READ_RETENTION, call, NULL);
    if (rc) return rc;
    retention->looking = true;
    retention->over = false;
    /* Also one whose settle is on its way: the read may be performed before it. */
    retention->finished_since = shard->ended.count > 0;
    return SL_OK;
}

/* The look ends with a job that stays for now: the next one is due with it, or when too much is kept, and not at once. */
static void stop_at(struct sl_sched *self, struct sl_retention *retention, uint64_t due_at) {
    uint64_t soonest = self->now + wait_ns(self, LOOK_WAIT_MS_MAX);
    retention->over = true;
    retention->due_at = due_at > soonest ? due_at : soonest;
    rest(retention, self->now + wait_ns(self, FULL_WAIT_MS));
}

static void end_look(struct sl_sched *self, struct sl_retention *retention) {
    retention->looking = false;
    if (retention->over) {
        retention->page = PAGE_MIN;
        return;
    }
    retention->due_at = self->now; /* all of the page go: what stands behind it is looked at when they are gone */
    if (retention->page < SL_REMOVALS_MAX) retention->page *= 2;
}

static void take_oldest(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    struct sl_retention *retention = &shard->retention;
    int rc = reply->status == SL_LEDGER_OK ? SL_OK : SL_E_DAMAGED;
    for (size_t i = 0; i < reply->item_count && rc == SL_OK; i++) {
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_RECORD, .shard = shard->index};
        if (reply->items[i].key.size != sizeof call.job.bytes) continue;
        memcpy(call.job.bytes, reply->items[i].key.data, sizeof call.job.bytes);
        rc = sl_read_send(self, SL_READ_RETENTION, call, NULL);
        if (rc == SL_OK) retention->loads++;
    }
    if (retention->loads > 0) return;
    if (rc == SL_OK && reply->item_count == 0 && !retention->finished_since) {
        retention->looking = retention->any = false;
        return;
    }
    stop_at(self, retention, self->now);
    end_look(self, retention);
}

/* It stays until a person has seen to it. */
static void pass_over(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id) {
    char text[128] = "a finished job cannot be read, and is not removed: ";
    sl_id_to_text(id.bytes, text + strlen(text));
    sl_alarm(self, shard, text);
    shard->retention.passed_over++;
}

int sl_retention_revive(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id,
                        const struct sl_ledger_reply *reply, struct sl_job **out_job) {
    struct sl_job *job;
    int rc = sl_idmap_reserve(&shard->table.jobs, 1);
    if (!rc) rc = sl_job_from_reply(self, shard, id, reply, &job);
    if (rc) return rc;
    if (!sl_job_state_is_terminal((enum sl_job_state)job->state)) {
        sl_job_free(&shard->table, &job);
        return SL_E_DAMAGED;
    }
    job->in_live = false;
    sl_idmap_insert(&shard->table.jobs, job);
    *out_job = job;
    return SL_OK;
}

/* 0, or as sl_retention_revive; then nothing has changed. */
static int remove_job(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id,
                      const struct sl_ledger_reply *reply) {
    struct sl_job *job;
    int rc = sl_retention_revive(self, shard, id, reply, &job);
    if (rc) return rc;
    sl_job_join(self, job);
    struct sl_transition removed = sl_transition_of_job(self, job, SL_TR_REMOVED);
    rc = sl_decide(self, job, &removed, 1);
    if (rc) {
        sl_job_leave(self, job);
        sl_job_remove(&shard->table, job);
        return rc;
    }
    shard->retention.removing++;
    return SL_OK;
}

static bool read_retained(const struct sl_ledger_reply *reply, struct sl_retained *out_retained) {
    struct sl_ended ended;
    if (reply->item_count == 0 || sl_record_read_ended(reply->items[0].value, &ended)) return false;
    *out_retained = ended.retained;
    return true;
}

/* Its record comes again behind the pipeline that it names. 0, or SL_E_NO_MEMORY. */
static int read_behind_pipeline(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_RECORD, .shard = shard->index, .job = id};
    int rc = sl_lack_ask(self, shard, SL_READ_RETENTION);
    if (!rc) rc = sl_read_send(self, SL_READ_RETENTION, call, NULL);
    if (!rc) shard->retention.loads++;
    return rc;
}

/* The bytes before the oldest job only grow: jobs of one settle stand in no order, and what is counted as kept must be. */
static void raise_base(struct sl_retention *retention, uint64_t base) {
    if (base > retention->base) retention->base = base;
}

static void take_record(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id,
                        const struct sl_ledger_reply *reply) {
    struct sl_retention *retention = &shard->retention;
    struct sl_retained retained;
    if (sl_job_find(&shard->table, id) || reply->status != SL_LEDGER_OK || self->draining || shard->releasing) {
        stop_at(self, retention, self->now);
        return;
    }
    if (!read_retained(reply, &retained)) {
        pass_over(self, shard, id);
        return;
    }
    raise_base(retention, retained.upto - retained.bytes);
    bool is_old = old_ms(self, retained.since_ms) <= sl_shard_time(shard, self->now);
    if (!is_old && !keeps_too_much(self, shard)) {
        stop_at(self, retention, due_ns(self, shard, retained.since_ms));
        return;
    }
    int rc = remove_job(self, shard, id, reply);
    if (rc == SL_E_AGAIN && !sl_lack_is_absent(self, shard)) {
        if (read_behind_pipeline(self, shard, id)) stop_at(self, retention, self->now);
        return;
    }
    if (rc == SL_OK) raise_base(retention, retained.upto);
    else if (rc == SL_E_NO_MEMORY) stop_at(self, retention, self->now);
    else pass_over(self, shard, id); /* it must not keep those behind it */
}

void sl_retention_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_read *read,
                       const struct sl_ledger_reply *reply) {
    struct sl_retention *retention = &shard->retention;
    if (read->call.verb == SL_LEDGER_READ_OLDEST) {
        take_oldest(self, shard, reply);
        return;
    }
    SL_ASSERT(retention->loads > 0);
    retention->loads--;
    if (!retention->over) take_record(self, shard, read->call.job, reply);
    if (retention->loads == 0) end_look(self, retention);
}

/* Recovery. Jobs of one settle stand in no order, so the sum is the greatest of the newest few. */

int sl_retention_recover(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_ENDED, .shard = shard->index, .count = NEWEST};
    shard->retention = (struct sl_retention){.total = 0};
    int rc = sl_read_send(self, SL_READ_RECOVER, call, NULL);
    if (rc == SL_OK) shard->recovery.loads++;
    return rc;
}

int sl_retention_recovered(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    struct sl_retained retained;
    int rc = SL_OK;
    if (reply->verb == SL_LEDGER_READ_RECORD) {
        if (read_retained(reply, &retained) && retained.upto > shard->retention.total) shard->retention.total = retained.upto;
        return SL_OK;
    }
    for (size_t i = 0; i < reply->item_count && rc == SL_OK; i++) {
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_RECORD, .shard = shard->index};
        if (reply->items[i].key.size != sizeof call.job.bytes) continue;
        memcpy(call.job.bytes, reply->items[i].key.data, sizeof call.job.bytes);
        rc = sl_read_send(self, SL_READ_RECOVER, call, NULL);
        if (rc == SL_OK) shard->recovery.loads++;
    }
    return rc;
}

void sl_retention_begin(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_retention *retention = &shard->retention;
    uint64_t total = retention->total;
    *retention = (struct sl_retention){.total = total,
                                       .any = self->config.retention_ms > 0 || self->config.retention_bytes > 0,
                                       .due_at = self->now,
                                       .page = PAGE_MIN};
    for (struct sl_link *link = sl_list_first(&shard->ended); link; link = sl_list_next(&shard->ended, link)) {
        retention->removing += SL_CONTAINER(link, struct sl_job, queue)->removed;
    }
    shard->sweep = (struct sl_sweep){.at = self->now, .least = UINT64_MAX};
}
