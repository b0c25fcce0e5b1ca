/* A shard's jobs from what Redis holds: the live records, then the log behind the checkpoint, replayed through the same apply as
 * live decisions. A transition numbered <= a record's `at` is in that record already (reliability, B3 rule 3). */
#include "sched_state.h"

#include "base/text.h"
#include "chain.h"

enum { LOG_PAGE = 32, READINGS = 2 /* that must show damage */ };

int sl_shard_damaged(struct sl_shard *shard, const char *format, ...) {
    va_list args;
    va_start(args, format);
    sl_text_format_list(shard->recovery.damage, sizeof shard->recovery.damage, format, args);
    va_end(args);
    return SL_E_DAMAGED;
}

static int next_read(struct sl_sched *self, struct sl_shard *shard, uint64_t cursor) {
    struct sl_ledger_call call = {.shard = shard->index, .verb = SL_LEDGER_READ_LIVE, .cursor = cursor};
    shard->recovery.reading = true;
    if (shard->recovery.live_done) {
        call = (struct sl_ledger_call){
            .shard = shard->index, .verb = SL_LEDGER_READ_LOG, .n = shard->recovery.log_from, .count = LOG_PAGE};
    }
    return sl_read_send(self, SL_READ_RECOVER, call, NULL);
}

void sl_recover_clear(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_recovery *recovery = &shard->recovery;
    struct sl_link *link;
    while ((link = sl_list_first(&recovery->entries))) {
        struct sl_replay_entry *entry = SL_CONTAINER(link, struct sl_replay_entry, link);
        sl_list_remove(&recovery->entries, link);
        sl_blob_drop(&self->alloc, &entry->batch);
        sl_pool_give(&self->pool, entry, sizeof *entry);
    }
    size_t cursor = 0;
    struct sl_seen_job *seen;
    while ((seen = sl_idmap_each(&recovery->seen, &cursor))) sl_pool_give(&self->pool, seen, sizeof *seen);
    uint64_t seed = recovery->seen.seed;
    sl_idmap_fini(&recovery->seen);
    *recovery = (struct sl_recovery){.live_done = false};
    sl_list_init(&recovery->entries);
    sl_idmap_init(&recovery->seen, &self->alloc, seed);
}

/* lacks: a pipeline, self->missed, which is read ahead of all. */
static int begin(struct sl_sched *self, struct sl_shard *shard, bool lacks) {
    SL_ASSERT(shard->state == SL_SHARD_RECOVERING);
    sl_recover_clear(self, shard);
    sl_shard_forget(self, shard);
    shard->recovery.log_from = shard->ckpt;
    int rc = lacks ? sl_lack_ask(self, shard, SL_READ_RECOVER) : SL_OK;
    if (!rc) rc = sl_retention_recover(self, shard);
    return rc ? rc : next_read(self, shard, 0);
}

int sl_recover_begin(struct sl_sched *self, struct sl_shard *shard) {
    return begin(self, shard, false);
}

void sl_recover_again(struct sl_sched *self, struct sl_shard *shard) {
    if (shard->suspicions >= READINGS) {
        sl_shard_quarantine(self, shard, shard->n_durable,
                            "%s; put back a sound copy of Redis' data (of a replica or a backup), then start the brokers again",
                            shard->recovery.damage);
        return;
    }
    (void)sl_recover_begin(self, shard); /* on no memory the next UP tries again */
}

static int note_seen(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, uint64_t at) {
    struct sl_seen_job *seen = sl_idmap_find(&shard->recovery.seen, id.bytes);
    if (!seen) {
        int rc = sl_idmap_reserve(&shard->recovery.seen, 1);
        if (rc) return rc;
        seen = sl_pool_take(&self->pool, sizeof *seen);
        if (!seen) return SL_E_NO_MEMORY;
        seen->id = id;
        sl_idmap_insert(&shard->recovery.seen, seen);
    }
    seen->at = at;
    return SL_OK;
}

/* What follows from an error that one job brought. A pipeline that Redis was not asked for stops the recovery, which begins again behind it:
 * a job is never parked for want of one that is there. Else the job is parked. */
static int park_or_stop(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, int rc) {
    bool lacks = rc == SL_E_NOT_FOUND;
    if (rc == SL_E_NO_MEMORY || (lacks && !sl_lack_is_absent(self, shard))) return rc;
    return sl_job_park(self, shard, id, lacks);
}

static int take_live(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_item *item) {
    struct sl_job_id id;
    if (item->key.size != sizeof id.bytes) return SL_OK;
    memcpy(id.bytes, item->key.data, sizeof id.bytes);
    if (sl_job_find(&shard->table, id)) return SL_OK; /* HSCAN may give a field twice */
    struct sl_job *job;
    int rc = sl_idmap_reserve(&shard->table.jobs, 1);
    if (rc) return rc;
    rc = sl_record_read_head(&shard->table, item->value, sl_pipeline_find, self, &job);
    if (rc) return park_or_stop(self, shard, id, rc);
    if (job->at > shard->n_sealed) { /* as sl_chain_take */
        sl_job_free(&shard->table, &job);
        return sl_shard_damaged(shard, "a job's record is newer than the lease's newest write, %llu",
                                (unsigned long long)shard->n_sealed);
    }
    job->id = id;
    sl_idmap_insert(&shard->table.jobs, job);
    return SL_OK;
}

static bool is_known(const struct sl_shard *shard, struct sl_job_id id) {
    return sl_job_find(&shard->table, id) || sl_idmap_find(&shard->recovery.seen, id.bytes) ||
           sl_idmap_find(&shard->parked, id.bytes);
}

/* A job that the log removes is put back into memory, to be removed there too. */
static void note_removal(struct sl_shard *shard, struct sl_job_id id) {
    struct sl_seen_job *seen = sl_idmap_find(&shard->recovery.seen, id.bytes);
    if (seen) seen->removes = true; /* else it is parked */
}

/* Asks for the records of the jobs that an entry names and that are not known. */
static int ask_for_jobs(struct sl_sched *self, struct sl_shard *shard, uint64_t n, struct sl_bytes batch) {
    struct sl_batch_reader reader;
    struct sl_transition transition;
    int rc = sl_batch_open(batch, &reader);
    SL_ASSERT(rc == SL_OK);
    while ((rc = sl_batch_next(&reader, &transition)) == 1) {
        bool known = is_known(shard, transition.job);
        bool removes = transition.kind == SL_TR_REMOVED && !sl_job_find(&shard->table, transition.job);
        if (known && !removes) continue;
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_JOB, .shard = shard->index, .job = transition.job};
        int failed = known ? SL_OK : note_seen(self, shard, transition.job, 0);
        if (!failed && removes) note_removal(shard, transition.job);
        if (!failed) failed = sl_read_send(self, SL_READ_RECOVER_JOB, call, NULL);
        if (failed) return failed;
        shard->recovery.loads++;
    }
    if (rc == SL_OK) return SL_OK;
    return sl_shard_damaged(shard, "a transition in entry %llu of its log cannot be read", (unsigned long long)n);
}

static int take_entry(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_item *item) {
    int rc = sl_chain_take(shard, item->n, item->value);
    if (!rc) rc = ask_for_jobs(self, shard, item->n, item->value);
    if (rc) return rc;
    struct sl_replay_entry *entry = sl_pool_take(&self->pool, sizeof *entry);
    if (!entry) return SL_E_NO_MEMORY;
    entry->n = item->n;
    entry->batch = sl_blob_new(&self->alloc, item->value);
    if (!entry->batch) {
        sl_pool_give(&self->pool, entry, sizeof *entry);
        return SL_E_NO_MEMORY;
    }
    sl_list_append(&shard->recovery.entries, &entry->link);
    shard->recovery.log_from = item->n;
    return SL_OK;
}

/* Whether the job is parked. Its entry is held if it may go on later. */
static bool is_parked(struct sl_shard *shard, uint64_t n, struct sl_job_id id) {
    const struct sl_parked_job *parked = sl_idmap_find(&shard->parked, id.bytes);
    if (parked && parked->lacks_pipeline && shard->held_from == 0) shard->held_from = n;
    return parked;
}

/* Whether a transition is in its job's record already. */
static bool is_contained(const struct sl_shard *shard, uint64_t n, const struct sl_transition *transition) {
    const struct sl_job *job = sl_job_find(&shard->table, transition->job);
    if (job) return job->at >= n;
    const struct sl_seen_job *seen = sl_idmap_find(&shard->recovery.seen, transition->job.bytes);
    return seen && seen->at >= n;
}

static int replay_transition(struct sl_sched *self, struct sl_shard *shard, uint64_t n,
                             const struct sl_transition *transition) {
    struct sl_prepared prepared;
    int rc = sl_apply_prepare(&shard->table, transition, sl_pipeline_find, self, &prepared);
    if (rc) rc = park_or_stop(self, shard, transition->job, rc);
    if (rc || is_parked(shard, n, transition->job)) return rc;
    struct sl_job *job = sl_apply(&shard->table, n, transition, &prepared);
    sl_job_touch(self, job, n);
    return SL_OK;
}

/* An event's transitions of one job stand in one entry, so `at` is compared with what the job had before the entry. */
static int replay_entry(struct sl_sched *self, struct sl_shard *shard, const struct sl_replay_entry *entry) {
    struct sl_batch_reader reader;
    struct sl_transition transition;
    int rc = sl_batch_open(sl_blob_bytes(entry->batch), &reader);
    SL_ASSERT(rc == SL_OK);
    while ((rc = sl_batch_next(&reader, &transition)) == 1) {
        if (is_parked(shard, entry->n, transition.job)) continue;
        const struct sl_job *job = sl_job_find(&shard->table, transition.job);
        bool again = job && job->at == entry->n && job->first_unsettled > 0; /* the entry's second one of this job */
        if (!again && !SL_BUG(self, 38) && is_contained(shard, entry->n, &transition)) continue;
        int failed = replay_transition(self, shard, entry->n, &transition);
        if (failed) return failed;
    }
    return rc;
}

static int note_log(struct sl_sched *self, struct sl_shard *shard, const struct sl_replay_entry *entry) {
    struct sl_log_entry *log = sl_pool_take(&self->pool, sizeof *log);
    if (!log) return SL_E_NO_MEMORY;
    *log = (struct sl_log_entry){.n = entry->n, .size = entry->batch->size};
    sl_list_append(&shard->log, &log->link);
    shard->log_bytes += log->size;
    return SL_OK;
}

static int replay_all(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_link *link;
    while ((link = sl_list_first(&shard->recovery.entries))) {
        struct sl_replay_entry *entry = SL_CONTAINER(link, struct sl_replay_entry, link);
        int rc = replay_entry(self, shard, entry);
        if (!rc) rc = note_log(self, shard, entry);
        if (rc) return rc;
        sl_list_remove(&shard->recovery.entries, link);
        sl_blob_drop(&self->alloc, &entry->batch);
        sl_pool_give(&self->pool, entry, sizeof *entry);
    }
    return SL_OK;
}

#ifdef SLUICE_PLANTED_BUGS
/* Planted bug 17: the counters of attempts live in memory only. */
__attribute__((noinline)) static void forget_tries(struct sl_shard *shard) {
    size_t cursor = 0;
    struct sl_job *job;
    while ((job = sl_idmap_each(&shard->table.jobs, &cursor))) {
        for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
            job->run->stages[i].tries = 0;
            job->run->stages[i].crashes = 0;
        }
    }
}
#endif

static int open_shard(struct sl_sched *self, struct sl_shard *shard) {
    int rc = sl_heap_reserve(&self->timers, sl_shard_running(shard));
    if (!rc) rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
#ifdef SLUICE_PLANTED_BUGS
    if (SL_BUG(self, 17)) forget_tries(shard);
#endif
    shard->state = SL_SHARD_OPEN;
    shard->opened_at = self->now;
    shard->suspicions = 0;
    sl_lack_forget(self, shard);
    self->figures.shards_open++;
    sl_recover_clear(self, shard);
    sl_shard_index(self, shard);
    sl_retention_begin(self, shard);
    sl_shard_release(self, shard); /* what is there is durable: answers about it need not wait */
    return SL_OK;
}

/* A recovery that cannot go on. No memory: it begins again. A pipeline that is not known: it begins again behind that one. Damage: a
 * new owner that trims the log under this reader looks the same, so the lease is asked; what was damaged at the second reading too, and
 * behind it the lease is still ours, quarantines the shard. */
static int stop(struct sl_sched *self, struct sl_shard *shard, int rc) {
    if (rc == SL_E_NOT_FOUND) rc = begin(self, shard, true);
    if (rc == SL_OK) return SL_OK;
    if (rc == SL_E_NO_MEMORY) {
        sl_alarm(self, shard, "no memory to recover the shard; trying again");
        shard->unsure = true;
        sl_shard_resume(self, shard);
        return SL_OK;
    }
    SL_ASSERT(rc == SL_E_DAMAGED);
    SL_ASSERT(shard->recovery.damage[0] != '\0');
    shard->suspicions++;
    sl_shard_resume(self, shard);
    return SL_OK;
}

static int advance(struct sl_sched *self, struct sl_shard *shard) {
    if (shard->recovery.loads > 0 || shard->recovery.reading) return SL_OK;
    int rc = replay_all(self, shard);
    if (rc) return stop(self, shard, rc);
    rc = shard->recovery.log_done ? open_shard(self, shard) : next_read(self, shard, 0);
    return rc ? stop(self, shard, rc) : SL_OK;
}

static int unreadable(struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    return sl_shard_damaged(shard, "Redis cannot read it: %.*s", SL_SHOWN(reply->text));
}

int sl_recover_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    int rc = SL_OK;
    bool is_log = reply->verb == SL_LEDGER_READ_LOG;
    if (reply->status != SL_LEDGER_OK) return stop(self, shard, unreadable(shard, reply));
    if (reply->verb == SL_LEDGER_READ_ENDED || reply->verb == SL_LEDGER_READ_RECORD) {
        shard->recovery.loads--;
        rc = sl_retention_recovered(self, shard, reply);
        return rc ? stop(self, shard, rc) : advance(self, shard);
    }
    for (size_t i = 0; i < reply->item_count && rc == SL_OK; i++) {
        rc = is_log ? take_entry(self, shard, &reply->items[i]) : take_live(self, shard, &reply->items[i]);
    }
    if (rc) return stop(self, shard, rc);
    if (is_log) {
        shard->recovery.reading = false;
        shard->recovery.log_done = reply->item_count < LOG_PAGE;
        if (shard->recovery.log_done) rc = sl_chain_end(shard);
        return rc ? stop(self, shard, rc) : advance(self, shard);
    }
    shard->recovery.live_done = reply->cursor == 0;
    rc = next_read(self, shard, reply->cursor);
    return rc ? stop(self, shard, rc) : SL_OK;
}

/* The ended record of a job that the log names. */
static int take_ended(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, struct sl_bytes record,
                      const struct sl_ledger_reply *reply) {
    const struct sl_seen_job *seen = sl_idmap_find(&shard->recovery.seen, id.bytes);
    struct sl_ended ended;
    struct sl_job *job;
    uint64_t at = 0;
    if (sl_record_read_ended(record, &ended) || sl_record_head_at(ended.head, &at)) return sl_job_park(self, shard, id, false);
    if (seen && seen->removes && !sl_job_find(&shard->table, id)) {
        int rc = sl_retention_revive(self, shard, id, reply, &job);
        if (rc) return park_or_stop(self, shard, id, rc == SL_E_AGAIN ? SL_E_NOT_FOUND : rc);
    }
    return note_seen(self, shard, id, at);
}

/* What Redis holds of a job that the log names: it ended, was removed, or was never settled. */
int sl_recover_job(struct sl_sched *self, struct sl_shard *shard, const struct sl_read *read,
                   const struct sl_ledger_reply *reply) {
    SL_ASSERT(shard->recovery.loads > 0);
    shard->recovery.loads--;
    if (reply->status != SL_LEDGER_OK) return stop(self, shard, unreadable(shard, reply)); /* an ended job must not be taken for a new one */
    struct sl_tombstone tombstone;
    int rc = sl_tombstone_of(reply, &tombstone);
    if (rc == SL_E_DAMAGED) rc = sl_job_park(self, shard, read->call.job, false);
    else if (rc == SL_OK) rc = note_seen(self, shard, read->call.job, tombstone.at);
    else rc = SL_OK;
    for (size_t i = 0; i < reply->item_count && rc == SL_OK; i++) {
        if (!sl_bytes_is(reply->items[i].key, "r")) continue;
        rc = take_ended(self, shard, read->call.job, reply->items[i].value, reply);
    }
    return rc ? stop(self, shard, rc) : advance(self, shard);
}
