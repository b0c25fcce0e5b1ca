/* What one seed's world looks like: drawn once, before anything happens, from the seed alone. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SIM_BROKERS_MAX = 3,
    SIM_WORKERS_MAX = 6,
    SIM_CLIENTS_MAX = 3,
    SIM_SHARDS_MAX = 8,
    SIM_JOBS_MAX = 60,
    SIM_REQUESTS_MAX = 90, /* jobs and repetitions of jobs */
    SIM_PIPELINES_MAX = 4
};

/* Kinds of faults: SIM_FAULT(NAME, word). */
#define SIM_FAULTS(X)                                                                                                  \
    X(BROKER_CRASH, "broker-crash")                                                                                    \
    X(BROKER_PAUSE, "broker-pause")                                                                                    \
    X(WORKER_CRASH, "worker-crash")                                                                                    \
    X(WORKER_PAUSE, "worker-pause")                                                                                    \
    X(CLIENT_CRASH, "client-crash")                                                                                    \
    X(REDIS_CRASH, "redis-crash")                                                                                      \
    X(REDIS_PAUSE, "redis-pause")                                                                                      \
    X(REDIS_REFUSES, "redis-refuses")                                                                                  \
    X(LEDGER_CUT, "ledger-cut")                                                                                        \
    X(WIRE_CUT, "wire-cut")                                                                                            \
    X(WIRE_STUCK, "wire-stuck")                                                                                        \
    X(PRESSURE, "pressure")                                                                                            \
    X(NO_MEMORY, "no-memory")                                                                                          \
    X(DAMAGE, "damage")                                                                                                \
    X(DRAIN, "drain")                                                                                                  \
    X(ALL_CRASH, "all-crash")                                                                                          \
    X(REDIS_BACK, "redis-goes-back")                                                                                   \
    X(LOG_HARM, "log-is-harmed")                                                                                       \
    X(PIPELINE_LOST, "pipeline-lost")

enum sim_fault {
#define X(name, word) SIM_FAULT_##name,
    SIM_FAULTS(X)
#undef X
    SIM_FAULT_COUNT
};

struct sim_plan {
    uint64_t seed;
    uint32_t broker_count, worker_count, client_count, shard_count;
    uint32_t job_count, request_count, pipeline_count;
    uint32_t pipelines[SIM_PIPELINES_MAX]; /* indexes into the shapes */
    uint32_t slots[SIM_WORKERS_MAX], prefetch;

    uint32_t beat_ms, takeover_ms, heartbeat_ms, lost_ms, grace_ms, reply_ms, settle_ms;
    uint32_t submit_spread_ms; /* jobs are submitted over this time */

    uint32_t stage_ms_max;
    uint32_t percent_retryable, percent_permanent, percent_crash, percent_hang; /* of attempts */
    uint32_t percent_field;    /* of attempts: sets a field */
    uint32_t percent_large;    /* of outputs and payloads: larger than what stands in a record */
    uint32_t percent_ask;      /* of a client's ticks: asks a question */
    uint32_t percent_catalog;  /* of pipelines that a broker is not told at its start */
    uint32_t percent_cancel, percent_conflict; /* of jobs; of repetitions */

    uint32_t net_us_min, net_us_max, net_drop_ppm, net_twice_ppm;
    uint32_t sync_us_min, sync_us_max, sync_slow_ppm;
    uint32_t flush_us_max;     /* how long a broker goes on reading before it seals */
    uint32_t clock_ppm_max;    /* drift of brokers' and workers' clocks */

    uint32_t retention_ms, retention_bytes; /* of finished jobs; 0: without limit */
    uint32_t hot_bytes_max;    /* of payloads and outputs, in a broker's memory */

    uint32_t fault_budget, fault_gap_ms; /* mean time between faults */
    uint32_t fault_weight[SIM_FAULT_COUNT];
};

/* Draws the plan of a seed. */
void sim_plan_draw(struct sim_plan *out_plan, uint64_t seed);

/* A plan without any fault or variation: one broker, one worker, one client, one shard; for stories. */
void sim_plan_calm(struct sim_plan *out_plan);

const char *sim_fault_word(enum sim_fault fault);

#endif
