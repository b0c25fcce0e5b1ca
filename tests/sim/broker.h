/* A simulated broker process: the real core, the real way out, a clock of its own. */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include "core/outbox.h"
#include "message.h"

struct sim_fold;

struct sim_broker {
    uint32_t index;
    bool up;
    uint32_t life;
    uint64_t paused_until;
    struct sl_sched *core;
    struct sl_incarnation incarnation, last_incarnation; /* of the life before */
    struct sim_clock clock;
    bool flush_pending;
    uint64_t tick_at;          /* virtual time of the tick that stands in the heap; UINT64_MAX: none */
    bool draining, drained;
    struct sl_outbox *outbox;
    struct sim_fold *fold;
    uint64_t commits;                  /* since start, for the comparison with a recovered core */
    uint64_t open_since[SIM_SHARDS_MAX]; /* virtual time at which the shard was opened; UINT64_MAX: it is not open */
    bool told_all;                     /* it was told every pipeline at its start */
    bool step_failed;                  /* the last step found no memory */
};

void sim_broker_new(struct sim_world *world, uint32_t index);
void sim_broker_free(struct sim_world *world, uint32_t index);

bool sim_broker_is_up(const struct sim_world *world, uint32_t broker);
uint32_t sim_broker_life(const struct sim_world *world, uint32_t broker);

/* Gives an event to the core and carries out the effects. `event` is given a time. */
void sim_broker_step(struct sim_world *world, uint32_t broker, struct sl_event *event);

void sim_broker_crash(struct sim_world *world, uint32_t broker);

/* Items of the heap. */
void sim_broker_on_start(struct sim_world *world, uint32_t broker);
void sim_broker_on_event(struct sim_world *world, uint32_t broker, uint32_t peer, struct sim_message *message);
void sim_broker_on_reply(struct sim_world *world, uint32_t broker, struct sim_message *message);
void sim_broker_on_flush(struct sim_world *world, uint32_t broker);
void sim_broker_on_tick(struct sim_world *world, uint32_t broker);
void sim_broker_on_catalog(struct sim_world *world, uint32_t broker);
void sim_broker_on_link_down(struct sim_world *world, uint32_t broker);

/* The pipelines of the world (bits of `which`), and the policies and types, that a core is told at its start; also used for a core that
 * only recovers. */
typedef void (*sim_event_sink)(void *context, struct sl_event *event);
void sim_pipelines(const struct sim_world *world, uint32_t which, sim_event_sink sink, void *context);
void sim_catalog(const struct sim_world *world, uint32_t which, sim_event_sink sink, void *context);

/* recover.c: compares the core's jobs with those of a fresh core that recovers from what Redis holds and what is on its way (I5). */
void sim_check_recovery(struct sim_world *world, struct sim_broker *broker, uint16_t shard);

/* The configuration of a core in this world. */
struct sl_sched_config sim_core_config(struct sim_world *world, struct sl_incarnation incarnation, uint64_t seed);

#endif
