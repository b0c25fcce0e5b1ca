/* The model's Redis, which performs calls as broker/shell/sluice1.lua does, and the connections to it. */
#include "model.h"

static bool is_turn(const struct world *world, const struct lease *lease, const struct call *call, struct reply *reply) {
    bool epoch = lease->epoch == call->epoch || (without(world, RULE_EPOCH) && lease->owner == call->owner);
    bool owner = lease->owner == call->owner || (without(world, RULE_OWNER) && lease->owner != 0);
    if (!epoch || !owner) {
        reply->status = FENCED;
    } else if (lease->n != call->n && !without(world, RULE_NUMBER)) {
        reply->status = AT;
    }
    reply->lease = *lease;
    return reply->status == OK;
}

static void trim(struct redis *redis, uint64_t ckpt) {
    uint32_t drop = 0;
    while (drop < redis->log_count && redis->log_n[drop] <= ckpt) drop++;
    redis->log_count -= drop;
    memmove(redis->log, redis->log + drop, redis->log_count * sizeof *redis->log);
    memmove(redis->log_n, redis->log_n + drop, redis->log_count * sizeof *redis->log_n);
}

static void perform_ops(struct redis *redis, const struct write *write) {
    for (uint32_t i = 0; i < write->op_count; i++) {
        const struct op *op = &write->ops[i];
        if (op->kind == PUT) redis->records[op->job] = op->record;
        if (op->kind != PUT) redis->records[op->job].exists = false;
        redis->gone[op->job] = (struct tombstone){.exists = op->kind == BURY, .at = op->record.at};
    }
}

static void perform_write(struct world *world, const struct call *call, struct reply *reply) {
    struct redis *redis = &world->redis;
    if (!is_turn(world, &redis->lease, call, reply)) return;
    if (call->ownership != redis->lease.ownership) god_fail(world, "a write of a former ownership changed the shard");
    const struct write *write = &call->write;
    redis->lease.n++;
    if (write->verb == COMMIT) {
        SL_ASSERT(redis->log_count < LOG_MAX);
        redis->log_n[redis->log_count] = redis->lease.n;
        redis->log[redis->log_count++] = write->batch;
        redis->lease.digest = write->digest;
        SL_ASSERT(redis->history_count < LOG_MAX);
        redis->history[redis->history_count++] = write->batch;
    } else if (write->verb == SETTLE) {
        perform_ops(redis, write);
        redis->lease.ckpt = write->ckpt;
        trim(redis, write->ckpt);
    } else if (write->verb == RELEASE) {
        redis->lease.owner = 0;
    }
    reply->lease = redis->lease;
}

static void perform_acquire(struct world *world, const struct call *call, struct reply *reply) {
    struct lease *lease = &world->redis.lease;
    if (lease->epoch != call->epoch || lease->n != call->n || call->new_epoch <= call->epoch) {
        reply->status = LOST;
    } else {
        god_acquire(world, call);
        lease->epoch = call->new_epoch;
        lease->owner = call->owner;
        lease->from = lease->n;
        lease->ownership = ++world->ownerships;
    }
    reply->lease = *lease;
}

static struct reply perform(struct world *world, const struct call *call) {
    struct reply reply = {.verb = call->verb, .serial = call->serial};
    if (world->refusing > 0) {
        world->refusing--;
        reply.status = REFUSED;
    } else if (call->verb == ACQUIRE) {
        perform_acquire(world, call, &reply);
    } else if (call->verb == RESUME) {
        reply.lease = world->redis.lease;
    } else {
        perform_write(world, call, &reply);
    }
    return reply;
}

/* The oldest call on a connection reaches Redis; its reply sets out. */
void store_deliver(struct world *world, struct owner *owner) {
    if (owner->queue_count == 0) return;
    struct reply reply = perform(world, &owner->queue[0]);
    owner->queue_count--;
    memmove(owner->queue, owner->queue + 1, owner->queue_count * sizeof *owner->queue);
    SL_ASSERT(owner->reply_count < QUEUE_MAX);
    owner->replies[owner->reply_count++] = reply;
}

/* A connection ends: replies on their way are lost, calls on their way may still arrive, in order, whenever they like. */
void store_cut(struct world *world, struct owner *owner) {
    for (uint32_t i = 0; i < owner->queue_count && world->late_count < LATE_MAX; i++) {
        world->late[world->late_count++] = owner->queue[i];
    }
    owner->queue_count = owner->reply_count = 0;
}

/* The oldest call that some former connection left behind is performed, or that connection's rest is lost. */
void store_late(struct world *world) {
    if (world->late_count == 0) return;
    uint32_t first = (uint32_t)sl_rng_below(&world->rng, world->late_count);
    uint32_t slot = world->late[first].slot;
    for (first = 0; world->late[first].slot != slot;) first++;
    struct call call = world->late[first];
    world->late_count--;
    memmove(world->late + first, world->late + first + 1, (world->late_count - first) * sizeof *world->late);
    if (!sl_rng_chance(&world->rng, 1, 6)) (void)perform(world, &call); /* nobody hears the reply */
}

void store_snapshot(struct world *world) {
    uint32_t place = world->snapshot_count < SNAPSHOTS ? world->snapshot_count++
                                                       : (uint32_t)sl_rng_below(&world->rng, SNAPSHOTS);
    world->snapshots[place] = world->redis;
    world->newest_snapshot = place;
}

/* Redis restarts, and the lease's number comes back damaged: it says that a commit was performed which never came. What was on its way is
 * lost. (A smaller number meets the stream's own order: Redis refuses an entry that is not above the last.) */
void store_tear(struct world *world, const struct owner *owner) {
    for (uint32_t i = 0; i < owner->kept_count; i++) {
        const struct write *write = &owner->kept[i];
        if (write->verb != COMMIT || write->n <= world->redis.lease.n) continue;
        world->redis.lease.n = write->n + sl_rng_below(&world->rng, owner->n_sealed - write->n + 1);
        world->torn = true;
        world->late_count = 0;
        for (uint32_t j = 0; j < OWNERS; j++) world->owners[j].queue_count = 0;
        world->god.setbacks++;
        return;
    }
}

/* Redis is as it was at a snapshot: a lost suffix, an older replica, a backup. Every connection ends. */
void store_go_back(struct world *world, bool newest) {
    if (world->snapshot_count == 0) return;
    uint64_t place = newest ? world->newest_snapshot : sl_rng_below(&world->rng, world->snapshot_count);
    world->redis = world->snapshots[place];
    world->god.setbacks++;
}
