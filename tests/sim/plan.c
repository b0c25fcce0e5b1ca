/* Drawing a world from a seed; see plan.h. */
#include "plan.h"

#include "base/rng.h"
#include "shapes.h"

#include <string.h>



static uint32_t between(struct sl_rng *rng, uint32_t low, uint32_t high) {
    return low + (uint32_t)sl_rng_below(rng, (uint64_t)(high - low) + 1);
}

/* Zero in most worlds, else 1 to max: faults show best when few kinds meet. */
static uint32_t sometimes(struct sl_rng *rng, uint32_t max) {
    return sl_rng_chance(rng, 2, 5) ? between(rng, 1, max) : 0;
}

const char *sim_fault_word(enum sim_fault fault) {
    static const char *const words[SIM_FAULT_COUNT] = {
#define X(name, word) [SIM_FAULT_##name] = word,
        SIM_FAULTS(X)
#undef X
    };
    return words[fault];
}

void sim_plan_calm(struct sim_plan *out_plan) {
    *out_plan = (struct sim_plan){
        .broker_count = 1, .worker_count = 1, .client_count = 1, .shard_count = 1, .pipeline_count = 1,
        .slots = {1}, .beat_ms = 1000, .takeover_ms = 3000, .heartbeat_ms = 500, .lost_ms = 5000, .grace_ms = 2000,
        .reply_ms = 2000, .settle_ms = 50, .net_us_min = 1000, .net_us_max = 1000, .sync_us_min = 1000, .sync_us_max = 1000,
        .hot_bytes_max = UINT32_MAX, .stage_ms_max = 0};
}

static void draw_size(struct sim_plan *plan, struct sl_rng *rng) {
    plan->broker_count = sl_rng_chance(rng, 1, 2) ? 1 : between(rng, 2, SIM_BROKERS_MAX);
    plan->worker_count = between(rng, 1, SIM_WORKERS_MAX);
    plan->client_count = between(rng, 1, SIM_CLIENTS_MAX);
    plan->shard_count = between(rng, 1, SIM_SHARDS_MAX);
    plan->job_count = sl_rng_chance(rng, 1, 4) ? between(rng, 1, 6) : between(rng, 4, SIM_JOBS_MAX);
    plan->request_count = plan->job_count + (uint32_t)sl_rng_below(rng, plan->job_count / 2 + 1);
    plan->pipeline_count = between(rng, 1, SIM_PIPELINES_MAX);
    for (uint32_t i = 0; i < plan->pipeline_count; i++) plan->pipelines[i] = between(rng, 0, SIM_SHAPE_COUNT - 1);
    for (uint32_t i = 0; i < plan->worker_count; i++) plan->slots[i] = between(rng, 1, 6);
    plan->prefetch = between(rng, 0, 2);
    plan->submit_spread_ms = between(rng, 0, 4000);
}

static void draw_times(struct sim_plan *plan, struct sl_rng *rng) {
    bool slow = sl_rng_chance(rng, 1, 4);
    plan->beat_ms = slow ? 1000 : 50;
    plan->takeover_ms = slow ? 3000 : 300;
    plan->heartbeat_ms = slow ? 500 : 100;
    plan->lost_ms = slow ? 5000 : 800;
    plan->grace_ms = slow ? 2000 : 500;
    plan->reply_ms = slow ? 2000 : 300;
    plan->settle_ms = slow ? 1000 : 50;
    plan->net_us_min = between(rng, 20, 300);
    plan->net_us_max = plan->net_us_min + (sl_rng_chance(rng, 1, 3) ? between(rng, 0, 40000) : between(rng, 0, 500));
    plan->net_drop_ppm = sometimes(rng, 20000);
    plan->net_twice_ppm = sometimes(rng, 20000);
    plan->sync_us_min = between(rng, 50, 500);
    plan->sync_us_max = plan->sync_us_min + between(rng, 0, 3000);
    plan->sync_slow_ppm = sometimes(rng, 3000);
    plan->clock_ppm_max = sometimes(rng, 2000);
    plan->flush_us_max = 100;
}

static void draw_work(struct sim_plan *plan, struct sl_rng *rng) {
    plan->stage_ms_max = sl_rng_chance(rng, 1, 3) ? between(rng, 0, 3) : between(rng, 1, 120);
    plan->percent_retryable = sometimes(rng, 30);
    plan->percent_permanent = sometimes(rng, 5);
    plan->percent_crash = sometimes(rng, 20);
    plan->percent_hang = sometimes(rng, 4);
    plan->percent_large = sometimes(rng, 40);
    plan->percent_cancel = sometimes(rng, 20);
    plan->percent_conflict = sometimes(rng, 30);
}

static void draw_faults(struct sim_plan *plan, struct sl_rng *rng) {
    static const uint32_t weights[SIM_FAULT_COUNT] = {
        [SIM_FAULT_BROKER_CRASH] = 10, [SIM_FAULT_BROKER_PAUSE] = 8, [SIM_FAULT_WORKER_CRASH] = 10,
        [SIM_FAULT_WORKER_PAUSE] = 8, [SIM_FAULT_CLIENT_CRASH] = 4, [SIM_FAULT_REDIS_CRASH] = 8,
        [SIM_FAULT_REDIS_PAUSE] = 5, [SIM_FAULT_REDIS_REFUSES] = 4, [SIM_FAULT_LEDGER_CUT] = 12,
        [SIM_FAULT_WIRE_CUT] = 12, [SIM_FAULT_WIRE_STUCK] = 8, [SIM_FAULT_PRESSURE] = 2,
        [SIM_FAULT_NO_MEMORY] = 4, [SIM_FAULT_DAMAGE] = 4, [SIM_FAULT_DRAIN] = 2, [SIM_FAULT_ALL_CRASH] = 2,
        [SIM_FAULT_REDIS_BACK] = 3, [SIM_FAULT_LOG_HARM] = 8,
        [SIM_FAULT_PIPELINE_LOST] = 4};
    plan->fault_budget = sl_rng_chance(rng, 1, 8) ? 0 : between(rng, 4, 60);
    plan->fault_gap_ms = between(rng, 20, 400);
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        plan->fault_weight[i] = sl_rng_chance(rng, 1, 2) ? (uint32_t)sl_rng_below(rng, weights[i]) + 1 : 0;
    if (sl_rng_chance(rng, 7, 8)) plan->fault_weight[SIM_FAULT_DAMAGE] = 0;
    if (sl_rng_chance(rng, 14, 15)) plan->fault_weight[SIM_FAULT_REDIS_BACK] = 0;
    if (sl_rng_chance(rng, 4, 5)) plan->fault_weight[SIM_FAULT_LOG_HARM] = 0;
    if (sl_rng_chance(rng, 4, 5)) plan->fault_weight[SIM_FAULT_PIPELINE_LOST] = 0;
}

void sim_plan_draw(struct sim_plan *out_plan, uint64_t seed) {
    struct sl_rng rng = {.state = seed * 0x2545f4914f6cdd1du + 1};
    memset(out_plan, 0, sizeof *out_plan);
    out_plan->seed = seed;
    draw_size(out_plan, &rng);
    draw_times(out_plan, &rng);
    draw_work(out_plan, &rng);
    draw_faults(out_plan, &rng);
    out_plan->percent_field = sometimes(&rng, 60);
    out_plan->percent_catalog = sl_rng_chance(&rng, 1, 4) ? between(&rng, 10, 100) : 0;
    out_plan->percent_ask = sometimes(&rng, 25);
    out_plan->hot_bytes_max = sl_rng_chance(&rng, 1, 3) ? between(&rng, 0, 2000) : UINT32_MAX;
    if (sl_rng_chance(&rng, 1, 3)) out_plan->retention_ms = between(&rng, 1, 4000);
    if (sl_rng_chance(&rng, 1, 5)) out_plan->retention_bytes = between(&rng, 1, 30000);
}
