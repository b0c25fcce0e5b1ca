/* The simulated Redis itself; see redis.h. */
#include "redis.h"

#include "base/assert.h"
#include "broker.h"
#include "oracle.h"
#include "shapes.h"
#include "trace.h"

void sim_redis_new(struct sim_world *world) {
    struct sim_redis *redis = sim_arena_take(world->arena, sizeof *redis);
    world->redis = redis;
    redis->up = true;
    redis->unsynced_end = &redis->unsynced;
    SL_ASSERT(ledger_twin_new(world->sure, &redis->memory) == 0);
    SL_ASSERT(ledger_twin_new(world->sure, &redis->disk) == 0);
    sim_redis_store_pipelines(world);
}

static void put_pipeline(struct sim_world *world, uint32_t index, bool there) {
    const struct sl_pipeline *pipeline = sim_shape(world->plan.pipelines[index]);
    struct sl_bytes canonical = there ? pipeline->canonical : sl_bytes(NULL, 0);
    ledger_twin_put_pipeline(world->redis->memory, pipeline->digest, canonical);
    ledger_twin_put_pipeline(world->redis->disk, pipeline->digest, canonical);
    if (world->redis->old) ledger_twin_put_pipeline(world->redis->old, pipeline->digest, canonical);
}

void sim_redis_store_pipelines(struct sim_world *world) {
    for (uint32_t i = 0; i < world->plan.pipeline_count; i++) put_pipeline(world, i, true);
    world->redis->lost = 0;
}

void sim_redis_lose_pipeline(struct sim_world *world, uint32_t pipeline) {
    put_pipeline(world, pipeline, false);
    world->redis->lost |= 1u << pipeline;
    world->redis->ever_lost |= 1u << pipeline;
}

bool sim_redis_lost_pipeline_of(const struct sim_world *world, const struct sim_job *job) {
    for (uint32_t i = 0; i < world->plan.pipeline_count; i++) {
        bool lost = world->redis->ever_lost >> i & 1u;
        if (lost && sim_shape(world->plan.pipelines[i]) == job->pipeline) return true;
    }
    return false;
}

void sim_redis_free(struct sim_world *world) {
    ledger_twin_free(&world->redis->memory);
    ledger_twin_free(&world->redis->disk);
    ledger_twin_free(&world->redis->old);
}

/* Calls that a connection left behind: a prefix of them still arrives, later than it should. Returns whether it is performed now. */
static bool performs_late(struct sim_world *world, struct sim_message *message) {
    struct sim_link *link = &world->redis->links[message->broker];
    if (message->peer) return true; /* comes for the second time */
    if (link->lost[message->connection] || !sim_chance(world, SIM_RNG_LEDGER, link->keep_ppm)) {
        link->lost[message->connection] = true;
        return false;
    }
    if (link->late_by == 0) return true;
    message->peer = 1;
    sim_at(world, world->now + link->late_by, SIM_REDIS_CALL, 0, 0, world->redis->life, message);
    return false;
}

/* Planted bug 4: the fence looks at the number only, not at whose write it is. */
static void pass_fence(struct sim_world *world, struct ledger_twin *twin, struct sl_ledger_call *call) {
    struct sl_ledger_call ask = {.verb = SL_LEDGER_RESUME, .shard = call->shard};
    struct sl_ledger_reply lease;
    if (world->bug != 4 || call->verb > SL_LEDGER_RELEASE) return;
    SL_ASSERT(ledger_twin_call(twin, &ask, &lease) == 0);
    call->epoch = lease.epoch;
    call->owner = lease.owner;
}

/* Flips a bit of the item that the disk holds too, so that the damage outlives a restart. */
static void damage_disk(struct sim_world *world, const struct sl_ledger_call *call, const struct sl_ledger_item *item,
                        uint64_t bit) {
    struct sl_ledger_reply reply;
    SL_ASSERT(ledger_twin_call(world->redis->disk, call, &reply) == 0);
    for (size_t i = 0; i < reply.item_count; i++) {
        const struct sl_ledger_item *other = &reply.items[i];
        bool same = other->n == item->n && sl_bytes_equal(other->key, item->key) && sl_bytes_equal(other->value, item->value);
        if (same && other->value.data != item->value.data)
            ((uint8_t *)(uintptr_t)other->value.data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* What is damaged of one job harms that job; what is damaged of a log, the jobs of its shard. */
static void note_damage(struct sim_world *world, const struct sl_ledger_call *call, const struct sl_ledger_item *item) {
    struct sl_job_id id = call->job;
    if (call->verb == SL_LEDGER_READ_LOG) {
        world->redis->damaged[call->shard] = true;
        world->redis->harmed_n[call->shard] = 0; /* the first thing that looks damaged is named, and that may be this */
        return;
    }
    bool of_one = call->verb == SL_LEDGER_READ_JOB || call->verb == SL_LEDGER_READ_RECORD || call->verb == SL_LEDGER_READ_HEAD;
    if (!of_one) memcpy(id.bytes, item->key.data, sizeof id.bytes);
    struct sim_job *job = sim_oracle_job(world, id);
    SL_ASSERT(job);
    job->damaged = true;
}

/* One bit of one stored value that is being read is flipped, where it is stored. */
static void damage(struct sim_world *world, const struct sl_ledger_call *call, const struct sl_ledger_reply *reply) {
    struct sim_redis *redis = world->redis;
    bool of_jobs = reply->verb >= SL_LEDGER_READ_LIVE && reply->verb != SL_LEDGER_READ_PIPELINE;
    if (redis->damage_left == 0 || !of_jobs || reply->item_count == 0) return;
    const struct sl_ledger_item *item = &reply->items[sl_rng_below(sim_rng(world, SIM_RNG_LEDGER), reply->item_count)];
    if (item->value.size == 0) return;
    uint64_t bit = sl_rng_below(sim_rng(world, SIM_RNG_LEDGER), item->value.size * 8);
    damage_disk(world, call, item, bit);
    ((uint8_t *)(uintptr_t)item->value.data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    redis->damage_left--;
    note_damage(world, call, item);
    SIM_TRACE(world, SIM_WHO_REDIS, 0, 7, bit, "a stored bit of shard %u flips, seen by %s", (unsigned)reply->shard,
              sim_call_text(world, call));
}

static void perform(struct sim_world *world, struct sim_message *message) {
    struct sim_redis *redis = world->redis;
    struct sl_ledger_call call = message->call;
    struct sl_ledger_reply reply = {.verb = message->call.verb, .shard = message->call.shard,
                                    .serial = message->call.serial};
    if (redis->refuses_until > world->now) {
        reply.status = SL_LEDGER_UNAVAILABLE;
        reply.text = sl_text("MISCONF Redis is configured to save, but is not able to persist on disk.");
    } else {
        pass_fence(world, redis->memory, &call);
        int rc = ledger_twin_call(redis->memory, &call, &reply);
        SL_ASSERT(rc == 0);
        damage(world, &call, &reply);
    }
    message->reply = sim_message_reply(world, &reply);
    message->reply->generation = message->generation;
    message->reply->broker = message->broker;
    message->reply->connection = message->connection;
    if (message->call.verb < SL_LEDGER_RESUME && (message->call.verb != SL_LEDGER_BEAT || reply.status != SL_LEDGER_OK))
        SIM_TRACE(world, SIM_WHO_REDIS, 2, reply.status, reply.n, "%c: %s: %s", 'A' + message->broker,
                  sim_call_text(world, &message->call), sim_reply_text(&reply));
    else
        SIM_TRACE_QUIET(world, SIM_WHO_REDIS, 2, reply.status, reply.n, "%c: %s: %s", 'A' + message->broker,
                        sim_call_text(world, &message->call), sim_reply_text(&reply));
}

void sim_redis_on_call(struct sim_world *world, struct sim_message *message) {
    struct sim_redis *redis = world->redis;
    if (!redis->up) return;
    if (redis->paused_until > world->now) {
        sim_at(world, redis->paused_until, SIM_REDIS_CALL, 0, 0, redis->life, message);
        return;
    }
    if (message->generation != redis->links[message->broker].generation && !performs_late(world, message)) return;
    perform(world, message);
    message->next = NULL;
    *redis->unsynced_end = message;
    redis->unsynced_end = &message->next;
    if (redis->syncing) return;
    redis->syncing = true;
    uint64_t wait = sim_between(world, SIM_RNG_LEDGER, world->plan.sync_us_min, world->plan.sync_us_max);
    if (sim_chance(world, SIM_RNG_LEDGER, world->plan.sync_slow_ppm)) wait += 100000;
    sim_at(world, world->now + wait * SIM_US, SIM_REDIS_SYNC, 0, 0, redis->life, NULL);
}

static void make_durable(struct sim_world *world, const struct sim_message *message) {
    const struct sl_ledger_call *call = &message->call;
    if (call->verb >= SL_LEDGER_RESUME || message->reply->answer.status != SL_LEDGER_OK) return;
    struct sl_ledger_reply reply;
    struct sl_ledger_call passed = *call;
    pass_fence(world, world->redis->disk, &passed);
    int rc = ledger_twin_call(world->redis->disk, &passed, &reply);
    SL_ASSERT(rc == 0 && (reply.status == SL_LEDGER_OK || world->bug));
    sim_oracle_on_durable(world, call, &message->reply->answer);
}

static void send_reply(struct sim_world *world, struct sim_message *reply) {
    struct sim_link *link = &world->redis->links[reply->broker];
    if (!link->up || link->generation != reply->generation) return;
    uint64_t at = world->now + sim_between(world, SIM_RNG_LEDGER, world->plan.net_us_min, world->plan.net_us_max) * SIM_US;
    if (at < link->reply_at[reply->connection]) at = link->reply_at[reply->connection];
    link->reply_at[reply->connection] = at;
    sim_at(world, at, SIM_BROKER_REPLY, reply->broker, reply->connection, sim_broker_life(world, reply->broker), reply);
}

void sim_redis_on_sync(struct sim_world *world) {
    struct sim_redis *redis = world->redis;
    struct sim_message *message = redis->unsynced;
    redis->unsynced = NULL;
    redis->unsynced_end = &redis->unsynced;
    redis->syncing = false;
    for (; message; message = message->next) {
        make_durable(world, message);
        send_reply(world, message->reply);
    }
}

/* What was performed and not synced: a prefix of it had reached the disk. */
void sim_redis_crash(struct sim_world *world) {
    struct sim_redis *redis = world->redis;
    if (!redis->up) return;
    redis->up = false;
    redis->life++;
    uint32_t keep_ppm = (uint32_t)sim_between(world, SIM_RNG_LEDGER, 0, 1000000);
    for (struct sim_message *message = redis->unsynced; message; message = message->next) {
        if (!sim_chance(world, SIM_RNG_LEDGER, keep_ppm)) break;
        make_durable(world, message);
    }
    redis->unsynced = NULL;
    redis->unsynced_end = &redis->unsynced;
    redis->syncing = false;
    for (uint32_t broker = 0; broker < world->plan.broker_count; broker++) sim_link_cut(world, broker);
    sim_at(world, world->now + sim_between(world, SIM_RNG_LEDGER, 5, 800) * SIM_MS, SIM_REDIS_START, 0, 0, redis->life,
           NULL);
}

void sim_redis_on_start(struct sim_world *world) {
    struct sim_redis *redis = world->redis;
    SIM_TRACE(world, SIM_WHO_REDIS, 0, 3, redis->life, "starts");
    redis->up = true;
    redis->paused_until = redis->refuses_until = 0;
    SL_ASSERT(ledger_twin_copy(redis->memory, redis->disk) == 0);
}
