/* A Redis that forgets what it had acknowledged: its disk is set back to an earlier state. */
#include "base/assert.h"
#include "broker.h"
#include "core/sched_state.h"
#include "oracle.h"
#include "redis.h"
#include "trace.h"

struct sl_ledger_reply sim_redis_lease(struct ledger_twin *twin, uint16_t shard) {
    struct sl_ledger_call ask = {.verb = SL_LEDGER_RESUME, .shard = shard};
    struct sl_ledger_reply reply;
    SL_ASSERT(ledger_twin_call(twin, &ask, &reply) == 0);
    return reply;
}

void sim_redis_keep(struct sim_world *world) {
    struct sim_redis *redis = world->redis;
    if (!redis->old) SL_ASSERT(ledger_twin_new(world->sure, &redis->old) == 0);
    SL_ASSERT(ledger_twin_copy(redis->old, redis->disk) == 0);
}

int sim_redis_living_owner(struct sim_world *world, const struct sl_ledger_reply *lease) {
    for (uint32_t i = 0; i < world->plan.broker_count; i++) {
        const struct sim_broker *broker = world->brokers[i];
        if (broker->up && memcmp(broker->incarnation.bytes, lease->owner.bytes, sizeof lease->owner.bytes) == 0) return (int)i;
    }
    return -1;
}

static bool is_behind(struct sim_world *world, uint16_t shard) {
    struct sl_ledger_reply now = sim_redis_lease(world->redis->disk, shard), then = sim_redis_lease(world->redis->old, shard);
    return now.n != then.n || now.epoch != then.epoch;
}

/* Whether the owner was told that something is durable which the earlier state lacks. Else it only sends its writes again. */
static bool must_notice(struct sim_world *world, uint16_t index) {
    const struct sl_shard *shard = &world->brokers[world->redis->owner[index]]->core->shards[index];
    return shard->state == SL_SHARD_OPEN && shard->n_durable > sim_redis_lease(world->redis->old, index).n;
}

void sim_redis_back(struct sim_world *world) {
    struct sim_redis *redis = world->redis;
    if (!redis->old || !redis->up) return;
    sim_redis_crash(world);
    for (uint16_t shard = 0; shard < world->plan.shard_count; shard++) {
        struct sl_ledger_reply lease = sim_redis_lease(redis->disk, shard);
        if (is_behind(world, shard) && sim_redis_living_owner(world, &lease) < 0) return; /* it is a crash, and no more */
    }
    for (uint16_t shard = 0; shard < world->plan.shard_count; shard++) {
        struct sl_ledger_reply lease = sim_redis_lease(redis->disk, shard);
        if (!is_behind(world, shard)) continue;
        redis->went_back[shard] = redis->damaged[shard] = true;
        redis->owner[shard] = (uint32_t)sim_redis_living_owner(world, &lease);
        redis->owner_life[shard] = must_notice(world, shard) ? world->brokers[redis->owner[shard]]->life : UINT32_MAX;
        redis->harmed_n[shard] = 0; /* what is there now is of before */
        world->oracle->shards[shard].alarmed = false;
        SIM_TRACE(world, SIM_WHO_REDIS, 0, 8, shard, "shard %u goes back from %llu", (unsigned)shard, (unsigned long long)lease.n);
    }
    SL_ASSERT(ledger_twin_copy(redis->disk, redis->old) == 0);
}

void sim_redis_check_back(struct sim_world *world) {
    for (uint16_t shard = 0; shard < world->plan.shard_count; shard++) {
        const struct sim_redis *redis = world->redis;
        if (!redis->went_back[shard] || world->oracle->shards[shard].alarmed) continue;
        const struct sim_broker *owner = world->brokers[redis->owner[shard]];
        if (owner->life != redis->owner_life[shard]) continue; /* it died before it could look */
        sim_violated(world, "I3", "shard %u went back in time and its owner, broker %c, raised no alarm", (unsigned)shard,
                     'A' + (int)owner->index);
    }
}
