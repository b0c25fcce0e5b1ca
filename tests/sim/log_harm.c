/* A Redis that keeps its leases and loses, or changes, an entry of a shard's log: no checksum of Redis' own would tell (reliability, V6). */
#include "base/assert.h"
#include "broker.h"
#include "core/sched_state.h"
#include "oracle.h"
#include "redis.h"
#include "trace.h"

/* An entry behind the checkpoint that is durable, or 0. */
static uint64_t choose_entry(struct sim_world *world, uint16_t shard, bool last, struct sl_bytes *out_batch) {
    struct sim_redis *redis = world->redis;
    struct sl_ledger_call ask = {.verb = SL_LEDGER_READ_LOG, .shard = shard, .count = 10000,
                                 .n = sim_redis_lease(redis->memory, shard).ckpt};
    struct sl_ledger_reply reply;
    SL_ASSERT(ledger_twin_call(redis->disk, &ask, &reply) == 0);
    if (reply.item_count == 0) return 0;
    size_t index = last ? reply.item_count - 1 : sl_rng_below(sim_rng(world, SIM_RNG_LEDGER), reply.item_count);
    *out_batch = reply.items[index].value;
    return reply.items[index].n;
}

/* The batch without its last transition and without its checksum: all that is left is sound. */
static size_t sound_size(struct sl_bytes batch) {
    struct sl_batch_reader reader;
    struct sl_transition transition;
    const uint8_t *at = NULL;
    SL_ASSERT(sl_batch_open(batch, &reader) == 0);
    do at = reader.reader.at;
    while (sl_batch_next(&reader, &transition) == 1 && reader.reader.at < reader.reader.end);
    return (size_t)(at - batch.data);
}

/* One bit of it flips, or one transition goes, and its checksum is made right again. */
static void change(struct sim_world *world, uint16_t shard, uint64_t n, struct sl_bytes batch) {
    struct sl_buf copy;
    bool flips = sim_chance(world, SIM_RNG_LEDGER, 300000);
    size_t size = flips ? batch.size - 4 : sound_size(batch);
    sl_buf_init(&copy, world->sure);
    SL_ASSERT(sl_buf_append(&copy, batch.data, size) == 0);
    uint64_t bit = sl_rng_below(sim_rng(world, SIM_RNG_LEDGER), size * 8);
    if (flips) copy.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    sl_batch_end(&copy);
    SL_ASSERT(ledger_twin_change_entry(world->redis->disk, shard, n, sl_buf_bytes(&copy)));
    SL_ASSERT(ledger_twin_change_entry(world->redis->memory, shard, n, sl_buf_bytes(&copy)));
    sl_buf_fini(&copy);
}

int sim_redis_harm_log(struct sim_world *world, uint16_t shard) {
    struct sim_redis *redis = world->redis;
    struct sl_ledger_reply lease = sim_redis_lease(redis->memory, shard);
    struct sl_bytes batch;
    if (!redis->up || redis->damaged[shard]) return -1;
    uint64_t kind = sl_rng_below(sim_rng(world, SIM_RNG_LEDGER), 3), n = choose_entry(world, shard, kind == 0, &batch);
    if (n == 0) return -1;
    SIM_TRACE(world, SIM_WHO_REDIS, 0, 9, n, "entry %llu of shard %u is %s", (unsigned long long)n, (unsigned)shard,
              kind == 2 ? "changed" : "lost");
    if (kind == 2) {
        change(world, shard, n, batch);
    } else {
        SL_ASSERT(ledger_twin_lose_entry(redis->disk, shard, n));
        SL_ASSERT(ledger_twin_lose_entry(redis->memory, shard, n));
    }
    redis->damaged[shard] = true;
    redis->harm_named[shard] = false;
    redis->harmed_n[shard] = n;
    redis->harmed_epoch[shard] = sim_redis_lease(redis->disk, shard).epoch;
    return sim_redis_living_owner(world, &lease);
}

void sim_redis_check_opened(struct sim_world *world, uint16_t shard, uint64_t epoch, uint64_t ckpt) {
    const struct sim_redis *redis = world->redis;
    if (redis->harmed_n[shard] <= ckpt || epoch <= redis->harmed_epoch[shard]) return;
    sim_violated(world, "I3", "shard %u was opened without its entry %llu as it was", (unsigned)shard,
                 (unsigned long long)redis->harmed_n[shard]);
}

bool sim_redis_is_harm_open(struct sim_world *world, uint16_t shard) {
    struct sim_redis *redis = world->redis;
    return redis->harmed_n[shard] > sim_redis_lease(redis->disk, shard).ckpt && !redis->harm_named[shard];
}
