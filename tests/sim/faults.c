/* What goes wrong, when: drawn from the plan's weights. */
#include "base/assert.h"
#include "broker.h"
#include "client.h"
#include "network.h"
#include "redis.h"
#include "run.h"
#include "worker.h"

static uint64_t ms(struct sim_world *world, uint64_t low, uint64_t high) {
    return sim_between(world, SIM_RNG_CRASH, low, high) * SIM_MS;
}

static uint32_t any(struct sim_world *world, uint32_t count) {
    return (uint32_t)sl_rng_below(sim_rng(world, SIM_RNG_CRASH), count);
}

static void crash_broker(struct sim_world *world, uint32_t broker) {
    if (!world->brokers[broker]->up) return;
    sim_broker_crash(world, broker);
    sim_at(world, world->now + ms(world, 1, 3000), SIM_BROKER_START, broker, 0, world->brokers[broker]->life, NULL);
}

static void crash_worker(struct sim_world *world, uint32_t worker) {
    if (!world->workers[worker]->up) return;
    sim_worker_crash(world, worker);
    sim_at(world, world->now + ms(world, 1, 3000), SIM_WORKER_START, worker, 0, world->workers[worker]->life, NULL);
}

/* What sleeps already is left alone: what waits for it keeps its order so. */
static void pause_until(const struct sim_world *world, uint64_t *until, uint64_t at) {
    if (*until <= world->now) *until = at;
}

static void pressure(struct sim_world *world, uint32_t broker) {
    if (!world->brokers[broker]->up || world->brokers[broker]->paused_until > world->now) return;
    struct sl_event event = {.kind = SL_EV_PRESSURE, .on = true};
    sim_broker_step(world, broker, &event);
    sim_at(world, world->now + ms(world, 1, 1500), SIM_PRESSURE_OFF, broker, 0, world->brokers[broker]->life, NULL);
}

static void drain(struct sim_world *world, uint32_t broker) {
    if (!world->brokers[broker]->up || world->brokers[broker]->paused_until > world->now) return;
    world->brokers[broker]->draining = true;
    struct sl_event event = {.kind = SL_EV_DRAIN};
    sim_broker_step(world, broker, &event);
}

static void all_crash(struct sim_world *world) {
    for (uint32_t i = 0; i < world->plan.broker_count; i++) crash_broker(world, i);
    for (uint32_t i = 0; i < world->plan.worker_count; i++) crash_worker(world, i);
    sim_redis_crash(world);
}

/* Who knows it goes on with it, so a broker dies with it: whoever takes over lacks it. */
static void lose_pipeline(struct sim_world *world, uint32_t broker) {
    sim_redis_lose_pipeline(world, any(world, world->plan.pipeline_count));
    crash_broker(world, broker);
}

/* The owner dies with it: whoever reads the log next must notice. */
static void harm_log(struct sim_world *world) {
    int owner = sim_redis_harm_log(world, (uint16_t)any(world, world->plan.shard_count));
    if (owner >= 0) crash_broker(world, (uint32_t)owner);
}

void sim_fault_now(struct sim_world *world, enum sim_fault fault) {
    uint32_t broker = any(world, world->plan.broker_count), worker = any(world, world->plan.worker_count);
    uint32_t client = any(world, world->plan.client_count);
    uint32_t peer = any(world, 3) ? worker : sim_peer_of_client(client);
    world->faults_done++;
    SIM_TRACE(world, SIM_WHO_WORLD, 0, fault, broker * 16 + worker, "fault: %s (broker %c, worker %u, client %u)",
              sim_fault_word(fault), 'A' + (int)broker, (unsigned)worker + 1, (unsigned)client + 1);
    switch (fault) {
    case SIM_FAULT_BROKER_CRASH:
        crash_broker(world, broker);
        return;
    case SIM_FAULT_BROKER_PAUSE:
        pause_until(world, &world->brokers[broker]->paused_until, world->now + ms(world, 1, world->plan.takeover_ms * 4));
        return;
    case SIM_FAULT_WORKER_CRASH:
        crash_worker(world, worker);
        return;
    case SIM_FAULT_WORKER_PAUSE:
        pause_until(world, &world->workers[worker]->paused_until, world->now + ms(world, 1, world->plan.lost_ms * 2));
        return;
    case SIM_FAULT_CLIENT_CRASH:
        sim_client_crash(world, client);
        return;
    case SIM_FAULT_REDIS_CRASH:
        sim_redis_crash(world);
        return;
    case SIM_FAULT_REDIS_PAUSE:
        pause_until(world, &world->redis->paused_until, world->now + ms(world, 1, world->plan.reply_ms * 3));
        return;
    case SIM_FAULT_REDIS_REFUSES:
        pause_until(world, &world->redis->refuses_until, world->now + ms(world, 1, 800));
        return;
    case SIM_FAULT_LEDGER_CUT:
        sim_link_cut(world, broker);
        return;
    case SIM_FAULT_WIRE_CUT:
        sim_wire_cut(world, broker, peer);
        return;
    case SIM_FAULT_WIRE_STUCK:
        sim_wire_stick(world, broker, peer, world->now + ms(world, 1, world->plan.lost_ms * 2));
        return;
    case SIM_FAULT_PRESSURE:
        pressure(world, broker);
        return;
    case SIM_FAULT_NO_MEMORY:
        world->arena->countdown = 1 + any(world, 400);
        return;
    case SIM_FAULT_DAMAGE:
        world->redis->damage_left = 1;
        return;
    case SIM_FAULT_DRAIN:
        drain(world, broker);
        return;
    case SIM_FAULT_ALL_CRASH:
        all_crash(world);
        return;
    case SIM_FAULT_REDIS_BACK:
        sim_redis_back(world);
        return;
    case SIM_FAULT_LOG_HARM:
        harm_log(world);
        return;
    case SIM_FAULT_PIPELINE_LOST:
        lose_pipeline(world, broker);
        return;
    case SIM_FAULT_COUNT:
        break;
    }
}

static void schedule(struct sim_world *world) {
    uint64_t gap = ms(world, 0, (uint64_t)world->plan.fault_gap_ms * 2);
    sim_at(world, world->now + gap, SIM_FAULT, 0, 0, 0, NULL);
}

void sim_faults_start(struct sim_world *world) {
    uint32_t sum = 0;
    for (int i = 0; i < SIM_FAULT_COUNT; i++) sum += world->plan.fault_weight[i];
    if (sum && world->plan.fault_budget) schedule(world);
}

void sim_on_fault(struct sim_world *world) {
    uint32_t sum = 0;
    if (world->calm || world->faults_done >= world->plan.fault_budget) return;
    for (int i = 0; i < SIM_FAULT_COUNT; i++) sum += world->plan.fault_weight[i];
    uint32_t dice = (uint32_t)sl_rng_below(sim_rng(world, SIM_RNG_CRASH), sum);
    int fault = 0;
    while (dice >= world->plan.fault_weight[fault]) dice -= world->plan.fault_weight[fault++];
    schedule(world);
    if (world->plan.fault_weight[SIM_FAULT_REDIS_BACK] && any(world, 3) == 0) sim_redis_keep(world);
    sim_fault_now(world, (enum sim_fault)fault);
}

/* All are applied again, and the brokers, which may have parked jobs of them, are started anew. */
static void restore_pipelines(struct sim_world *world) {
    sim_redis_store_pipelines(world);
    for (uint32_t i = 0; i < world->plan.broker_count; i++) crash_broker(world, i);
}

void sim_heal(struct sim_world *world) {
    SIM_TRACE(world, SIM_WHO_WORLD, 0, 99, world->faults_done, "no more faults");
    world->calm = true;
    world->arena->countdown = 0;
    world->redis->damage_left = 0;
    world->redis->refuses_until = 0;
    world->plan.sync_slow_ppm = 0;
    if (world->redis->ever_lost) restore_pipelines(world);
    for (uint32_t broker = 0; broker < world->plan.broker_count; broker++)
        for (uint32_t peer = 0; peer < SIM_PEERS_MAX; peer++) sim_wire_stick(world, broker, peer, 0);
}
