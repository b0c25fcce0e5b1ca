/* One run of one seed; see run.h. */
#include "run.h"

#include "base/assert.h"
#include "broker.h"
#include "client.h"
#include "network.h"
#include "oracle.h"
#include "redis.h"
#include "worker.h"

#include <stdio.h>

enum { SAFETY_SECONDS_MAX = 600, CALM_SECONDS_MAX = 240, OWNER_SECONDS_MAX = 60 };

static jmp_buf *escape;
static struct sim_world *running;

/* A broken assertion of the code under test ends the run, not the program: this definition stands before the library's. */
_Noreturn void sl_assert_failed(const char *condition, const char *file, int line) {
    if (escape) {
        sim_violated(running, "ASSERT", "%s:%d: %s", file, line, condition);
        longjmp(*escape, 1);
    }
    fprintf(stderr, "%s:%d: broken assertion: %s\n", file, line, condition);
    __builtin_trap();
}

/* ---- one item ---- */

static uint32_t life_of(const struct sim_world *world, const struct sim_item *item) {
    if (item->what <= SIM_LINK_DEADLINE || item->what == SIM_PRESSURE_OFF) return world->brokers[item->node]->life;
    if (item->what <= SIM_REDIS_SYNC) return world->redis->life;
    if (item->what <= SIM_HOST_RECLAIMED) return world->workers[item->node]->life;
    if (item->what <= SIM_CLIENT_TICK) return world->clients[item->node]->life;
    return item->life;
}

/* When the item's node goes on again; 0: it is not paused. */
static uint64_t paused_until(const struct sim_world *world, const struct sim_item *item) {
    uint64_t until = 0;
    if (item->what <= SIM_LINK_DEADLINE || item->what == SIM_PRESSURE_OFF) until = world->brokers[item->node]->paused_until;
    else if (item->what <= SIM_REDIS_SYNC) until = item->what == SIM_REDIS_SYNC ? world->redis->paused_until : 0;
    else if (item->what <= SIM_HOST_RECLAIMED) until = world->workers[item->node]->paused_until;
    return until > world->now ? until : 0;
}

static void on_broker_item(struct sim_world *world, const struct sim_item *item) {
    struct sl_event event = {.kind = SL_EV_PRESSURE};
    switch ((enum sim_what)item->what) {
    case SIM_BROKER_START:
        sim_broker_on_start(world, item->node);
        return;
    case SIM_BROKER_EVENT:
        sim_broker_on_event(world, item->node, item->sub, item->data);
        return;
    case SIM_BROKER_FLUSH:
        sim_broker_on_flush(world, item->node);
        return;
    case SIM_BROKER_TICK:
        sim_broker_on_tick(world, item->node);
        return;
    case SIM_BROKER_REPLY:
        sim_broker_on_reply(world, item->node, item->data);
        return;
    case SIM_BROKER_CATALOG:
        sim_broker_on_catalog(world, item->node);
        return;
    case SIM_LINK_UP:
        sim_link_on_up(world, item->node, *(uint64_t *)item->data);
        return;
    case SIM_LINK_DOWN:
        sim_broker_on_link_down(world, item->node);
        return;
    case SIM_LINK_DEADLINE:
        sim_link_on_deadline(world, item->node, item->sub, *(uint64_t *)item->data);
        return;
    default:
        sim_broker_step(world, item->node, &event);
    }
}

static void on_worker_item(struct sim_world *world, const struct sim_item *item) {
    switch ((enum sim_what)item->what) {
    case SIM_WORKER_START:
        sim_worker_on_start(world, item->node);
        return;
    case SIM_WORKER_MESSAGE:
        sim_worker_on_message(world, item->node, item->sub, item->data);
        return;
    case SIM_WORKER_TICK:
        sim_worker_on_tick(world, item->node, item->sub);
        return;
    case SIM_WORKER_CONNECTED:
        sim_worker_on_connected(world, item->node, item->sub);
        return;
    case SIM_HOST_READY:
        sim_host_on_ready(world, item->data);
        return;
    case SIM_HOST_DONE:
        sim_host_on_done(world, item->data);
        return;
    case SIM_HOST_FIELD:
        sim_host_on_field(world, item->data);
        return;
    case SIM_HOST_DIED:
        sim_host_on_died(world, item->data);
        return;
    default:
        sim_host_on_reclaimed(world, item->data);
    }
}

static void handle(struct sim_world *world, const struct sim_item *item) {
    if (item->what <= SIM_LINK_DEADLINE || item->what == SIM_PRESSURE_OFF) {
        on_broker_item(world, item);
        return;
    }
    if (item->what >= SIM_WORKER_START && item->what <= SIM_HOST_RECLAIMED) {
        on_worker_item(world, item);
        return;
    }
    switch ((enum sim_what)item->what) {
    case SIM_REDIS_START:
        sim_redis_on_start(world);
        return;
    case SIM_REDIS_CALL:
        sim_redis_on_call(world, item->data);
        return;
    case SIM_REDIS_SYNC:
        sim_redis_on_sync(world);
        return;
    case SIM_CLIENT_MESSAGE:
        sim_client_on_message(world, item->node, item->sub, item->data);
        return;
    case SIM_CLIENT_TICK:
        sim_client_on_tick(world, item->node);
        return;
    case SIM_FAULT:
        sim_on_fault(world);
        return;
    default:
        return;
    }
}

bool sim_world_step(struct sim_world *world) {
    struct sim_item item;
    if (sim_is_violated(world) || !sim_queue_pop(&world->queue, &item)) return false;
    world->now = item.at;
    if (item.life != life_of(world, &item)) return true;
    uint64_t until = paused_until(world, &item);
    if (until) {
        if (item.what == SIM_BROKER_TICK) world->brokers[item.node]->tick_at = until;
        if (item.what == SIM_WORKER_TICK) world->workers[item.node]->ports[item.sub].tick_at = until;
        sim_at(world, until, (enum sim_what)item.what, item.node, item.sub, item.life, item.data);
        return true;
    }
    world->steps++;
    handle(world, &item);
    return !sim_is_violated(world);
}

/* ---- the whole ---- */

void sim_world_begin(struct sim_world *world, struct sim_arena *arena, const struct sim_plan *plan,
                     const struct sim_options *options, struct sim_trace *trace) {
    memset(world, 0, sizeof *world);
    sim_arena_reset(arena, options->shift);
    world->plan = *plan;
    world->arena = arena;
    world->alloc = &arena->alloc;
    world->sure = &arena->sure;
    world->hash_seed = options->hash_seed;
    world->bug = options->bug;
    world->trace = trace;
    for (int i = 0; i < SIM_RNG_COUNT; i++) world->rng[i].state = plan->seed * 0x9e3779b97f4a7c15u + (uint64_t)i * 0x632be59bd9b4e019u;
    sim_oracle_new(world);
    sim_network_new(world);
    sim_redis_new(world);
    for (uint32_t i = 0; i < plan->broker_count; i++) {
        sim_broker_new(world, i);
        sim_at(world, 0, SIM_BROKER_START, i, 0, 0, NULL);
    }
    for (uint32_t i = 0; i < plan->worker_count; i++) {
        sim_worker_new(world, i);
        sim_at(world, sim_between(world, SIM_RNG_CORE, 0, plan->submit_spread_ms) * SIM_MS, SIM_WORKER_START, i, 0, 0, NULL);
    }
    sim_clients_new(world);
}

void sim_world_end(struct sim_world *world) {
    for (uint32_t i = 0; i < world->plan.broker_count; i++) sim_broker_free(world, i);
    for (uint32_t i = 0; i < world->plan.worker_count; i++) sim_worker_free(world, i);
    sim_redis_free(world);
}

/* A broker that drained has ended its process; its operator starts it again. */
static void restart_drained(struct sim_world *world) {
    for (uint32_t i = 0; i < world->plan.broker_count; i++) {
        struct sim_broker *broker = world->brokers[i];
        if (!broker->up || !broker->drained) continue;
        sim_broker_crash(world, i);
        sim_at(world, world->now + 100 * SIM_MS, SIM_BROKER_START, i, 0, broker->life, NULL);
    }
}

static bool is_quiet(struct sim_world *world, char *why, size_t size) {
    return sim_oracle_is_quiet(world, why, size) && sim_clients_are_quiet(world, why, size);
}

static void run_for(struct sim_world *world, uint64_t until) {
    while (world->queue.count && world->queue.items[0].at <= until && sim_world_step(world)) {}
    if (!sim_is_violated(world)) world->now = until;
    if (!sim_is_violated(world)) restart_drained(world);
}

static void live(struct sim_world *world) {
    char why[300];
    sim_faults_start(world);
    for (int tenth = 1; tenth <= SAFETY_SECONDS_MAX * 10 && !sim_is_violated(world); tenth++) {
        run_for(world, world->now + SIM_SECOND / 10);
        bool spent = world->faults_done >= world->plan.fault_budget;
        if (spent && world->now > world->plan.submit_spread_ms * (uint64_t)SIM_MS) break;
        if (is_quiet(world, why, sizeof why) && tenth > 20) break;
    }
    sim_heal(world);
    for (int tenth = 0; tenth < CALM_SECONDS_MAX * 10 && !sim_is_violated(world); tenth++) {
        if (is_quiet(world, why, sizeof why)) return;
        run_for(world, world->now + SIM_SECOND / 10);
    }
    if (!is_quiet(world, why, sizeof why)) sim_violated(world, "I24", "after %d s without faults: %s", CALM_SECONDS_MAX, why);
}

static bool is_paused(const struct sim_world *world) {
    for (uint32_t i = 0; i < world->plan.broker_count; i++)
        if (world->brokers[i]->paused_until > world->now) return true;
    return world->redis->paused_until > world->now;
}

static void settle_down(struct sim_world *world) {
    char why[100];
    while (is_paused(world) && !sim_is_violated(world)) run_for(world, world->now + SIM_SECOND / 10);
    if (!sim_is_violated(world)) run_for(world, world->now + 5 * SIM_SECOND);
    for (int tenth = 0; tenth < OWNER_SECONDS_MAX * 10 && !sim_is_violated(world); tenth++) {
        if (sim_oracle_is_owned(world, why, sizeof why)) break;
        run_for(world, world->now + SIM_SECOND / 10);
    }
    if (!sim_is_violated(world) && !sim_oracle_is_owned(world, why, sizeof why)) sim_violated(world, "I25", "%s", why);
    if (!sim_is_violated(world)) run_for(world, world->now + SIM_SECOND); /* who has taken over just now settles what it found */
    if (!sim_is_violated(world)) sim_oracle_at_end(world);
}

void sim_run(struct sim_arena *arena, const struct sim_plan *plan, const struct sim_options *options,
             struct sim_outcome *out_outcome) {
    static struct sim_world world; /* static: it is read after a longjmp */
    struct sim_trace trace = {.hash = plan->seed, .text = options->text || options->tail, .heartbeats = options->heartbeats,
                              .file = options->text ? stdout : NULL, .tail = options->tail, .tail_max = 1 << 16};
    jmp_buf out;
    running = &world;
    escape = &out;
    if (setjmp(out) == 0) {
        sim_world_begin(&world, arena, plan, options, &trace);
        live(&world);
        settle_down(&world);
        if (!sim_is_violated(&world)) sim_world_end(&world);
    }
    escape = NULL;
    *out_outcome = (struct sim_outcome){.hash = trace.hash, .virtual_ns = world.now, .steps = world.steps,
                                        .faults = world.faults_done};
    out_outcome->commits = world.oracle->commits;
    out_outcome->transitions = world.oracle->transitions;
    out_outcome->messages = world.oracle->messages;
    out_outcome->alarms = world.oracle->alarms;
    out_outcome->recoveries = world.oracle->recoveries;
    out_outcome->answers = world.oracle->answers;
    memcpy(out_outcome->violation, world.violation, sizeof world.violation);
    memcpy(out_outcome->why, world.why, sizeof world.why);
}
