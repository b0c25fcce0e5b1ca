/* A simulated broker process; see broker.h. */
#include "broker.h"

#include "base/assert.h"
#include "base/err.h"
#include "core/sched_state.h"
#include "fold.h"
#include "network.h"
#include "oracle.h"
#include "redis.h"
#include "trace.h"

enum { RECOVERY_CHECK_EVERY = 64 };

bool sim_broker_is_up(const struct sim_world *world, uint32_t broker) {
    return world->brokers[broker]->up;
}

uint32_t sim_broker_life(const struct sim_world *world, uint32_t broker) {
    return world->brokers[broker]->life;
}

void sim_broker_new(struct sim_world *world, uint32_t index) {
    struct sim_broker *broker = sim_arena_take(world->arena, sizeof *broker);
    broker->index = index;
    broker->tick_at = UINT64_MAX;
    world->brokers[index] = broker;
}

void sim_broker_free(struct sim_world *world, uint32_t index) {
    sl_sched_free(&world->brokers[index]->core);
    sl_outbox_free(&world->brokers[index]->outbox);
}

struct sl_sched_config sim_core_config(struct sim_world *world, struct sl_incarnation incarnation, uint64_t seed) {
    struct sl_sched_config config = sl_sched_config_default();
    const struct sim_plan *plan = &world->plan;
    config.incarnation = incarnation;
    config.seed = seed;
    config.hash_seed = world->hash_seed;
    config.shard_count = (uint16_t)plan->shard_count;
    config.beat_ms = plan->beat_ms;
    config.takeover_ms = plan->takeover_ms;
    config.heartbeat_ms = plan->heartbeat_ms;
    config.lost_ms = plan->lost_ms;
    config.timeout_grace_ms = plan->grace_ms;
    config.settle_ms = plan->settle_ms;
    config.hot_bytes_max = plan->hot_bytes_max;
    config.retention_ms = plan->retention_ms;
    config.retention_bytes = plan->retention_bytes;
    config.bug = world->bug;
    return config;
}

void sim_pipelines(const struct sim_world *world, uint32_t which, sim_event_sink sink, void *context) {
    for (uint32_t i = 0; i < world->plan.pipeline_count; i++) {
        if (!(which >> i & 1u)) continue;
        const struct sl_pipeline *pipeline = sim_shape(world->plan.pipelines[i]);
        struct sl_event event = {
            .kind = SL_EV_PIPELINE,
            .pipeline = {.digest = pipeline->digest, .canonical = pipeline->canonical, .current = true}};
        sink(context, &event);
    }
}

void sim_catalog(const struct sim_world *world, uint32_t which, sim_event_sink sink, void *context) {
    sim_pipelines(world, which, sink, context);
    struct sl_event policy = {.kind = SL_EV_POLICY,
                              .policy = {.name = sl_text("default"),
                                         .attempts_max = 3,
                                         .timeout_ms = 1000,
                                         .backoff = {.strategy = SL_BACKOFF_EXPONENTIAL,
                                                     .initial_ms = 50,
                                                     .maximum_ms = 2000,
                                                     .jitter = true}}};
    sink(context, &policy);
    for (uint32_t i = 0; i < SIM_TYPE_COUNT; i++) {
        struct sl_event type = {.kind = SL_EV_TYPE, .type = *sim_type(i)};
        sink(context, &type);
    }
}

/* ---- the way out ---- */

static void send(struct sim_world *world, struct sim_broker *broker, const struct sl_effect *effect) {
    unsigned who = SIM_WHO_BROKER + broker->index;
    if (effect->kind == SL_DO_HEARTBEAT || effect->kind == SL_DO_WELCOME || effect->kind == SL_DO_DEFINE)
        SIM_TRACE_QUIET(world, who, 1, effect->kind, effect->n, "> %s", sim_effect_text(world, effect));
    else SIM_TRACE(world, who, 1, effect->kind, effect->n, "> %s", sim_effect_text(world, effect));
    sim_oracle_on_send(world, broker->index, effect);
    sim_to_peer(world, broker->index, effect);
}

/* Planted bugs 1 to 3: the rule of the way out is broken for one kind of message. */
static bool leaves_too_early(const struct sim_world *world, const struct sl_effect *effect) {
    return (world->bug == 1 && effect->kind == SL_DO_ACCEPTED) || (world->bug == 2 && effect->kind == SL_DO_ASSIGN) ||
           (world->bug == 3 && effect->kind == SL_DO_RESULT_ACK);
}

static void send_when_durable(struct sim_world *world, struct sim_broker *broker, const struct sl_effect *effect) {
    if (sl_outbox_may_leave(broker->outbox, effect->shard, effect->n) || leaves_too_early(world, effect)) {
        send(world, broker, effect);
        return;
    }
    const struct sim_message *message = sim_message_effect(world, effect);
    struct sl_outbox_message waiting = {.n = effect->n, .peer = effect->peer, .kind = effect->kind,
                                        .bytes = sl_bytes(&message, sizeof message)};
    SL_ASSERT(sl_outbox_put(broker->outbox, effect->shard, &waiting) == 0);
}

static void release(struct sim_world *world, struct sim_broker *broker, uint16_t shard, uint64_t n) {
    struct sl_outbox_message waiting;
    sl_outbox_release(broker->outbox, shard, n);
    while (sl_outbox_next(broker->outbox, shard, &waiting)) {
        const struct sim_message *message;
        memcpy(&message, waiting.bytes.data, sizeof message);
        send(world, broker, &message->effect);
    }
}

static void call(struct sim_world *world, struct sim_broker *broker, const struct sl_ledger_call *made) {
    if (made->verb == SL_LEDGER_COMMIT) broker->commits++;
    if (made->verb == SL_LEDGER_READ_PIPELINE && broker->told_all)
        sim_violated(world, "CATALOG", "broker %c asks for a pipeline that it was told", 'A' + (int)broker->index);
    sim_link_call(world, broker->index, made);
}

static void carry_out(struct sim_world *world, struct sim_broker *broker, const struct sl_effect *effect) {
    switch (effect->kind) {
    case SL_DO_CALL:
        call(world, broker, &effect->call);
        return;
    case SL_DO_RELEASE:
        release(world, broker, effect->shard, effect->n);
        return;
    case SL_DO_DROP:
        SIM_TRACE(world, SIM_WHO_BROKER + broker->index, 0, 90, effect->shard, "drops shard %u", (unsigned)effect->shard);
        sl_outbox_drop(broker->outbox, effect->shard);
        return;
    case SL_DO_ALARM:
        SIM_TRACE(world, SIM_WHO_BROKER + broker->index, 0, 91, effect->shard, "shard %d: %s", (int16_t)effect->shard,
                  sim_effect_text(world, effect));
        sim_oracle_on_alarm(world, broker->index, effect->shard, effect->text);
        return;
    case SL_DO_KEEP:
        SIM_TRACE(world, SIM_WHO_BROKER + broker->index, 0, 92, effect->shard, "shard %d: keeps %u writes: %.*s", (int16_t)effect->shard,
                  (unsigned)effect->keep.count, (int)effect->keep.why.size, (const char *)effect->keep.why.data);
        sim_oracle_on_alarm(world, broker->index, effect->shard, effect->keep.why);
        sim_oracle_on_keep(world, effect);
        return;
    case SL_DO_REPLACE_TYPE:
    case SL_DO_TYPE:
        return; /* the catalog holds every type from the start */
    case SL_DO_DRAINED:
        broker->drained = true;
        return;
    default:
        send_when_durable(world, broker, effect);
    }
}

/* ---- steps ---- */

static void wake_at_deadline(struct sim_world *world, struct sim_broker *broker) {
    uint64_t local = sl_sched_deadline(broker->core);
    if (local == UINT64_MAX) return;
    uint64_t at = sim_clock_when(&broker->clock, local);
    if (at < world->now) at = world->now;
    if (at >= broker->tick_at) return;
    broker->tick_at = at;
    sim_at(world, at, SIM_BROKER_TICK, broker->index, 0, broker->life, NULL);
}

static void check(struct sim_world *world, struct sim_broker *broker, const struct sl_event *event) {
    char why[256];
    if (world->bug) return; /* a planted bug must be seen from outside */
    if (sl_sched_check(broker->core, why, sizeof why) == 0) return;
    sim_violated(world, "CHECK", "broker %c after %s: %s", 'A' + (int)broker->index, sim_event_text(world, event), why);
}

/* I17: what rests on a shard's writes is not said by a core that does not hold the shard, unless a DROP behind it takes it back. */
static void check_held(struct sim_world *world, struct sim_broker *broker, const struct sl_effects *effects) {
    bool dropped[SIM_SHARDS_MAX] = {false};
    for (uint32_t i = effects->count; i-- > 0;) {
        const struct sl_effect *effect = &effects->items[i];
        if (effect->kind == SL_DO_DROP) dropped[effect->shard] = true;
        if (effect->kind < SL_DO_ACCEPTED || effect->n == 0 || dropped[effect->shard]) continue;
        enum sl_shard_state state = broker->core->shards[effect->shard].state;
        if (state == SL_SHARD_OPEN || state == SL_SHARD_RECOVERING) continue;
        sim_violated(world, "I17", "broker %c says %s for shard %u, which it does not hold", 'A' + (int)broker->index,
                     sim_effect_text(world, effect), (unsigned)effect->shard);
    }
}

static void note_open(struct sim_world *world, struct sim_broker *broker) {
    for (uint16_t i = 0; i < world->plan.shard_count; i++) {
        if (broker->core->shards[i].state != SL_SHARD_OPEN) broker->open_since[i] = UINT64_MAX;
        else if (broker->open_since[i] == UINT64_MAX) {
            broker->open_since[i] = world->now;
            sim_redis_check_opened(world, i, broker->core->shards[i].epoch, broker->core->shards[i].ckpt);
        }
    }
}

/* I5, at every 64th commit and at every checkpoint. */
static void check_recovery_now_and_then(struct sim_world *world, struct sim_broker *broker,
                                        const struct sl_effects *effects, uint64_t commits_before) {
    bool nth = commits_before / RECOVERY_CHECK_EVERY != broker->commits / RECOVERY_CHECK_EVERY;
    for (uint32_t i = 0; i < effects->count && !sim_is_violated(world); i++) {
        const struct sl_effect *effect = &effects->items[i];
        if (effect->kind != SL_DO_CALL) continue;
        if (effect->call.verb == SL_LEDGER_SETTLE || (nth && effect->call.verb == SL_LEDGER_COMMIT))
            sim_check_recovery(world, broker, effect->shard);
    }
}

/* I5, at a crash: of every shard. */
static void check_recovery_of_all(struct sim_world *world, struct sim_broker *broker) {
    for (uint16_t shard = 0; shard < world->plan.shard_count && !sim_is_violated(world); shard++)
        sim_check_recovery(world, broker, shard);
}

void sim_broker_step(struct sim_world *world, uint32_t index, struct sl_event *event) {
    struct sim_broker *broker = world->brokers[index];
    struct sl_effects effects;
    unsigned who = SIM_WHO_BROKER + index;
    event->now = sim_clock_now(&broker->clock, world->now);
    event->wall_ms = 1700000000000u + world->now / SIM_MS;
    if (event->kind == SL_EV_SUBMIT || event->kind == SL_EV_RESULT || event->kind == SL_EV_CANCEL_JOB ||
        event->kind == SL_EV_LEDGER_UP || event->kind == SL_EV_LEDGER_DOWN || event->kind == SL_EV_WORKER_GONE)
        SIM_TRACE(world, who, 0, event->kind, 0, "%s", sim_event_text(world, event));
    else SIM_TRACE_QUIET(world, who, 0, event->kind, 0, "%s", sim_event_text(world, event));
    int rc = sl_sched_step(broker->core, event, &effects);
    broker->step_failed = rc != 0;
    if (rc) {
        if (rc != SL_E_NO_MEMORY || world->arena->failed == 0)
            sim_violated(world, "STEP", "broker %c: step %s failed: %s", 'A' + (int)index,
                         sim_event_text(world, event), sl_err_text(rc));
        return;
    }
    uint64_t commits = broker->commits;
    note_open(world, broker);
    for (uint32_t i = 0; i < effects.count && !sim_is_violated(world); i++) carry_out(world, broker, &effects.items[i]);
    check(world, broker, event);
    check_held(world, broker, &effects);
    if (!world->bug) sim_fold_after_step(world, broker);
    check_recovery_now_and_then(world, broker, &effects, commits);
    wake_at_deadline(world, broker);
    if (event->kind == SL_EV_FLUSH || broker->flush_pending) return;
    broker->flush_pending = true;
    sim_at(world, world->now + sim_between(world, SIM_RNG_CORE, 0, world->plan.flush_us_max) * SIM_US, SIM_BROKER_FLUSH, index, 0,
           broker->life, NULL);
}

/* An event that found no memory is given again, as a shell would. */
static void step_again_later(struct sim_world *world, struct sim_broker *broker, uint32_t peer,
                             struct sim_message *message) {
    if (!broker->step_failed) return;
    broker->step_failed = false;
    sim_at(world, world->now, SIM_BROKER_EVENT, broker->index, peer, broker->life, message);
}

void sim_broker_on_event(struct sim_world *world, uint32_t index, uint32_t peer, struct sim_message *message) {
    if (peer < SIM_PEERS_MAX && !sim_wire_stands(world, index, peer, message->peer)) return;
    sim_broker_step(world, index, &message->event);
    step_again_later(world, world->brokers[index], peer, message);
}

void sim_broker_on_reply(struct sim_world *world, uint32_t index, struct sim_message *message) {
    struct sim_broker *broker = world->brokers[index];
    if (!sim_link_takes(world, index, message)) return;
    struct sl_event event = {.kind = SL_EV_LEDGER_REPLY, .reply = &message->answer};
    do {
        sim_broker_step(world, index, &event);
    } while (broker->step_failed && !sim_is_violated(world));
    if (message->answer.status == SL_LEDGER_UNAVAILABLE) sim_link_cut(world, index);
}

void sim_broker_on_flush(struct sim_world *world, uint32_t index) {
    struct sl_event event = {.kind = SL_EV_FLUSH};
    world->brokers[index]->flush_pending = false;
    do {
        sim_broker_step(world, index, &event);
    } while (world->brokers[index]->step_failed && !sim_is_violated(world));
}

void sim_broker_on_tick(struct sim_world *world, uint32_t index) {
    struct sim_broker *broker = world->brokers[index];
    if (broker->tick_at != world->now) return; /* an earlier one was made since */
    broker->tick_at = UINT64_MAX;
    struct sl_event event = {.kind = SL_EV_TICK};
    sim_broker_step(world, index, &event);
    if (!broker->step_failed) return;
    broker->step_failed = false;
    wake_at_deadline(world, broker);
}

void sim_broker_on_link_down(struct sim_world *world, uint32_t index) {
    struct sl_event event = {.kind = SL_EV_LEDGER_DOWN};
    do {
        sim_broker_step(world, index, &event);
    } while (world->brokers[index]->step_failed && !sim_is_violated(world));
}

struct telling {
    struct sim_world *world;
    uint32_t broker;
};

/* Told by the catalog's reader, which tells it again when there was no memory. */
static void tell(void *context, struct sl_event *event) {
    const struct telling *telling = context;
    do {
        sim_broker_step(telling->world, telling->broker, event);
    } while (telling->world->brokers[telling->broker]->step_failed && !sim_is_violated(telling->world));
}

void sim_broker_on_catalog(struct sim_world *world, uint32_t index) {
    struct telling telling = {world, index};
    sim_pipelines(world, ~world->redis->lost, tell, &telling);
}

/* Some pipelines were stored by another broker: this one is told of them later, or reads those that it needs. */
static uint32_t draw_catalog(struct sim_world *world, struct sim_broker *broker) {
    uint32_t all = (1u << world->plan.pipeline_count) - 1, which = all;
    for (uint32_t i = 0; i < world->plan.pipeline_count; i++)
        if (sim_chance(world, SIM_RNG_QUESTION, world->plan.percent_catalog * 10000)) which &= ~(1u << i);
    which &= ~world->redis->lost;
    broker->told_all = which == all;
    if (!broker->told_all)
        sim_at(world, world->now + sim_between(world, SIM_RNG_QUESTION, 0, 3000) * SIM_MS, SIM_BROKER_CATALOG, broker->index, 0,
               broker->life, NULL);
    return which;
}

static void step_catalog(void *context, struct sl_event *event) {
    struct sim_broker *broker = context;
    struct sl_effects effects;
    event->now = broker->clock.base;
    SL_ASSERT(sl_sched_step(broker->core, event, &effects) == 0);
}

void sim_broker_on_start(struct sim_world *world, uint32_t index) {
    struct sim_broker *broker = world->brokers[index];
    sim_clock_init(&broker->clock, world);
    broker->last_incarnation = broker->incarnation;
    broker->incarnation = sim_incarnation(world);
    struct sl_sched_config config =
        sim_core_config(world, broker->incarnation, sl_rng_next(sim_rng(world, SIM_RNG_CORE)));
    if (world->plan.broker_count == 1 && sim_chance(world, SIM_RNG_CORE, 500000)) config.succeeds = broker->last_incarnation;
    world->arena->countdown = 0; /* a process that finds no memory at its start is just started again */
    SIM_TRACE(world, SIM_WHO_BROKER + index, 0, 92, broker->life, "starts");
    SL_ASSERT(sl_sched_new(world->alloc, &config, &broker->core) == 0);
    broker->up = true;
    memset(broker->open_since, 0xff, sizeof broker->open_since);
    broker->fold = sim_fold_new(world);
    broker->draining = broker->drained = broker->flush_pending = false;
    broker->tick_at = UINT64_MAX;
    SL_ASSERT(sl_outbox_new(world->sure, (uint16_t)world->plan.shard_count, &broker->outbox) == 0);
    sim_catalog(world, draw_catalog(world, broker), step_catalog, broker);
    sim_link_open(world, index, sim_between(world, SIM_RNG_CORE, 0, 5) * SIM_MS);
}

void sim_broker_crash(struct sim_world *world, uint32_t index) {
    struct sim_broker *broker = world->brokers[index];
    if (!broker->up) return;
    check_recovery_of_all(world, broker);
    broker->up = false;
    broker->life++;
    broker->paused_until = 0;
    sim_broker_free(world, index);
    sim_link_dead(world, index);
    sim_broker_wires_cut(world, index);
}
