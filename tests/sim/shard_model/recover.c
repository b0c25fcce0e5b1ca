/* How an owner comes to a shard, and how it finds out where it stands after a cut. */
#include "model.h"

enum { ALL_READ = 2 }; /* records and log */

void owner_send(struct world *world, struct owner *owner, struct call *call) {
    if (owner->queue_count == QUEUE_MAX || owner->reply_count + owner->queue_count == QUEUE_MAX) {
        store_cut(world, owner); /* a connection that stalls is given up */
    }
    call->slot = (uint32_t)(owner - world->owners);
    call->owner = owner->incarnation;
    call->ownership = owner->ownership;
    call->serial = ++owner->serial;
    owner->queue[owner->queue_count++] = *call;
}

/* Sends what is sealed and not sent, in order. */
void owner_send_kept(struct world *world, struct owner *owner) {
    if (owner->unsure || owner->state != OPEN) return;
    for (uint32_t i = 0; i < owner->kept_count; i++) {
        const struct write *write = &owner->kept[i];
        if (write->n <= owner->n_sent) continue;
        struct call call = {.verb = write->verb, .epoch = owner->epoch, .n = write->n - 1, .write = *write};
        owner_send(world, owner, &call);
        owner->n_sent = write->n;
    }
}

/* Acquiring. */

static void send_acquire(struct world *world, struct owner *owner, uint64_t epoch, uint64_t n, uint64_t new_epoch) {
    struct call call = {.verb = ACQUIRE, .epoch = epoch, .n = n, .new_epoch = new_epoch,
                        .repairs = owner->state == REPAIRING};
    owner->unsure = false;
    owner_send(world, owner, &call);
}

/* An epoch above the one that was seen, and never one that this incarnation used: a late twin of a write under it may still come. */
static uint64_t next_epoch(const struct world *world, struct owner *owner, uint64_t seen) {
    bool fresh = owner->epoch_max > seen && !without(world, RULE_NEW_EPOCH);
    owner->epoch_max = (fresh ? owner->epoch_max : seen) + 1;
    return owner->epoch_max;
}

/* Takes the shard from whoever has it: the fence decides, so a wrong suspicion costs nothing but work. */
void owner_acquire(struct world *world, struct owner *owner) {
    const struct lease *seen = &world->redis.lease;
    if (owner->state != IDLE) return;
    owner->state = ACQUIRING;
    owner->epoch = next_epoch(world, owner, seen->epoch);
    send_acquire(world, owner, seen->epoch, seen->n, owner->epoch);
}

static void begin_recovery(struct owner *owner, const struct lease *lease) {
    owner->state = RECOVERING;
    owner->reads = 0;
    owner->unsure = false;
    owner->ownership = lease->ownership;
    owner->from = owner->n_sealed = owner->n_acked = owner->n_redis = owner->n_sent = owner->base_n = lease->n;
    owner->digest = owner->base_digest = lease->digest;
    owner->ckpt = owner->commit_n = lease->ckpt;
    owner->kept_count = 0;
}

static void repaired(struct world *world, struct owner *owner, const struct lease *lease) {
    owner->state = OPEN;
    owner->unsure = false;
    owner->epoch = lease->epoch;
    owner->ownership = lease->ownership;
    owner->from = owner->n_sent = owner->n_redis = lease->n;
    owner_send_kept(world, owner);
}

void owner_acquired(struct world *world, struct owner *owner, const struct reply *reply) {
    bool repairs = owner->state == REPAIRING;
    if (owner->state != ACQUIRING && !repairs) return;
    if (reply->status != OK) {
        owner_resume(world, owner); /* an earlier twin of this call may have won */
    } else if (repairs) {
        repaired(world, owner, &reply->lease);
    } else {
        begin_recovery(owner, &reply->lease);
    }
}

/* Resuming. */

/* Nothing that was sent before counts any more; the lease will tell what was performed. */
void owner_resume(struct world *world, struct owner *owner) {
    struct call call = {.verb = RESUME};
    if (owner->state == IDLE || owner->state == QUARANTINED) return;
    owner->unsure = true;
    owner->reads = 0; /* what was read over another connection may be of another state */
    owner->ignore_until = owner->serial;
    owner_send(world, owner, &call);
}

static void quarantine(struct world *world, struct owner *owner) {
    god_quarantined(world);
    owner_lose(world, owner);
    owner->state = QUARANTINED;
}

/* The digest of the owner's chain at n, which lies between base_n and n_sealed. */
static uint64_t digest_at(const struct owner *owner, uint64_t n) {
    uint64_t digest = owner->base_digest;
    for (uint32_t i = 0; i < owner->kept_count && owner->kept[i].n <= n; i++) digest = owner->kept[i].digest;
    return digest;
}

static bool is_own_history(const struct world *world, const struct owner *owner, const struct lease *lease) {
    if (lease->n < owner->base_n || lease->n > owner->n_sealed) return false;
    return digest_at(owner, lease->n) == lease->digest || without(world, RULE_DIGEST);
}

/* What rule 1 forbids: the commits behind n are made into one. */
static void rebuild(struct owner *owner, uint64_t n) {
    struct batch merged = {.count = 0};
    uint32_t kept = 0;
    while (kept < owner->kept_count && owner->kept[kept].n <= n) kept++;
    uint64_t digest = digest_at(owner, n), before = 0;
    for (uint32_t i = kept; i < owner->kept_count; i++) {
        const struct batch *batch = &owner->kept[i].batch;
        if (owner->kept[i].verb != COMMIT || merged.count + batch->count > BATCH_MAX) return;
        if (merged.count == 0) before = batch->before;
        memcpy(merged.facts + merged.count, batch->facts, batch->count * sizeof *batch->facts);
        merged.count += batch->count;
    }
    if (owner->kept_count - kept < 2) return;
    merged.before = before;
    owner->kept[kept].batch = merged;
    owner->kept[kept].digest = owner->digest = chain(digest, &merged);
    owner->kept_count = kept + 1;
    owner->n_sealed = owner->commit_n = n + 1;
    for (uint32_t i = 0; i < JOBS; i++) {
        if (owner->jobs[i].at > n) owner->jobs[i].at = n + 1;
        if (owner->jobs[i].first_unsettled > n) owner->jobs[i].first_unsettled = n + 1;
    }
}

static void resumed_open(struct world *world, struct owner *owner, const struct lease *lease) {
    if (!is_own_history(world, owner, lease)) {
        quarantine(world, owner);
        return;
    }
    if (without(world, RULE_REBUILD)) rebuild(owner, lease->n);
    owner->unsure = false;
    owner->n_redis = owner->n_sent = lease->n;
    if (without(world, RULE_FROM_N) && owner->n_sent < owner->n_acked) owner->n_sent = owner->n_acked;
    owner_send_kept(world, owner);
}

/* Our acquisition itself was lost. It is tempting to acquire again and to send what was kept when number and digest fit; but the
 * digest speaks of commits only, and another owner may have settled otherwise under these numbers. */
static void resumed_before_us(struct world *world, struct owner *owner, const struct lease *lease) {
    bool fits = lease->n >= owner->from && is_own_history(world, owner, lease) && owner->state != RECOVERING;
    if (!fits || !without(world, RULE_OWN_EPOCH)) {
        quarantine(world, owner);
        return;
    }
    owner->state = REPAIRING;
    owner->epoch_wanted = next_epoch(world, owner, owner->epoch);
    send_acquire(world, owner, lease->epoch, lease->n, owner->epoch_wanted);
}

/* What was read is ours: the lease was the same before and after. */
static void open_shard(struct world *world, struct owner *owner) {
    owner->state = OPEN;
    owner->unsure = false;
    world->opened++;
    god_check_recovered(world, owner);
}

/* The lease after a cut, or after a recovery has read everything. */
void owner_resumed(struct world *world, struct owner *owner, const struct reply *reply) {
    const struct lease *lease = &reply->lease;
    bool ours = lease->owner == owner->incarnation;
    if (owner->state == ACQUIRING) {
        if (ours && lease->epoch == owner->epoch) {
            begin_recovery(owner, lease);
        } else {
            owner_lose(world, owner);
        }
    } else if (owner->state == REPAIRING && ours && lease->epoch == owner->epoch_wanted) {
        repaired(world, owner, lease);
    } else if (ours && lease->epoch == owner->epoch) {
        if (owner->state == RECOVERING && owner->reads == ALL_READ) {
            open_shard(world, owner);
        } else if (owner->state == RECOVERING) {
            begin_recovery(owner, lease);
        } else {
            owner->state = OPEN;
            resumed_open(world, owner, lease);
        }
    } else if (lease->epoch >= owner->epoch) {
        owner_lose(world, owner);
    } else {
        resumed_before_us(world, owner, lease);
    }
}

/* Replay. */

static void load(struct owner *owner, const struct redis *redis, uint32_t id) {
    const struct record *record = &redis->records[id];
    if (!record->exists) return;
    owner->jobs[id] = (struct job){.here = true,
                                   .ended = record->ended,
                                   .value = record->value,
                                   .at = record->at,
                                   .record_at = record->at};
}

/* false: nothing is known of the fact's job. */
static bool replay_fact(struct world *world, struct owner *owner, uint64_t n, const struct fact *fact) {
    struct job *job = &owner->jobs[fact->job];
    if (!job->here && !without(world, RULE_LOAD)) load(owner, &world->redis, fact->job);
    if (job->here && job->record_at >= n && !without(world, RULE_AT)) return true;
    if (!job->here && owner->tombs[fact->job].exists && owner->tombs[fact->job].at >= n) return true;
    if (!job->here && fact->kind != SUBMIT) return false;
    if (fact->kind == SUBMIT) *job = (struct job){.here = true, .record_at = job->record_at};
    if (fact->kind == ADD) job->value++;
    if (fact->kind == END) job->ended = true;
    if (fact->kind == REMOVE) job->removed = true;
    job->at = n;
    if (job->first_unsettled == 0 && !without(world, RULE_CHANGED)) job->first_unsettled = n;
    return true;
}

static bool read_log(struct world *world, struct owner *owner) {
    const struct redis *redis = &world->redis;
    for (uint32_t i = 0; i < redis->log_count; i++) {
        if (redis->log_n[i] <= owner->ckpt) continue;
        if (redis->log_n[i] > owner->from) return false; /* nobody else may write: the lease is damaged, or not ours any more */
        for (uint32_t j = 0; j < redis->log[i].count; j++) {
            if (!replay_fact(world, owner, redis->log_n[i], &redis->log[i].facts[j])) return false;
        }
        owner->commit_n = redis->log_n[i];
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        struct job *job = &owner->jobs[i];
        bool over = job->here && (job->ended || job->removed) && job->first_unsettled == 0;
        if (over && !without(world, RULE_CHANGED)) *job = (struct job){.here = false};
    }
    return true;
}

/* One step of reading what Redis holds: first the live records and the tombstones, then the log. */
void owner_recover(struct world *world, struct owner *owner) {
    if (owner->state != RECOVERING || owner->unsure || owner->reads == ALL_READ) return;
    if (owner->reads++ == 0) {
        memset(owner->jobs, 0, sizeof owner->jobs);
        memset(&owner->open, 0, sizeof owner->open);
        for (uint32_t i = 0; i < JOBS; i++) {
            owner->tombs[i] = world->redis.gone[i];
            if (world->redis.records[i].exists && !world->redis.records[i].ended) load(owner, &world->redis, i);
        }
        return;
    }
    if (read_log(world, owner)) {
        if (without(world, RULE_CONFIRM)) {
            open_shard(world, owner);
            return;
        }
        struct call call = {.verb = RESUME};
        owner->unsure = true;
        owner_send(world, owner, &call);
    } else {
        god_check_damage(world, owner);
        owner_resume(world, owner); /* damage is believed only when the shard is still ours: another owner moves things about */
    }
}
