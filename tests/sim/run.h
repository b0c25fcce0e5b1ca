/* One run of one seed: a world is made, lives through faults, then through calm, and is judged. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "trace.h"
#include "world.h"

struct sim_options {
    uint64_t hash_seed;  /* of hash tables: must change nothing */
    size_t shift;        /* of every address: must change nothing */
    unsigned bug;
    bool text;           /* lines to stdout */
    bool heartbeats;
    struct sl_buf *tail; /* keeps the newest lines, or NULL */
};

struct sim_outcome {
    uint64_t hash;
    uint64_t virtual_ns, steps;
    uint64_t commits, transitions, messages, alarms, faults, recoveries, answers;
    char violation[16];
    char why[512];
};

void sim_run(struct sim_arena *arena, const struct sim_plan *plan, const struct sim_options *options,
             struct sim_outcome *out_outcome);

/* Parts of a run, for stories. */
void sim_world_begin(struct sim_world *world, struct sim_arena *arena, const struct sim_plan *plan,
                     const struct sim_options *options, struct sim_trace *trace);
/* Handles the next item. False: nothing is left, or a check failed. */
bool sim_world_step(struct sim_world *world);
void sim_world_end(struct sim_world *world);

/* faults.c */
void sim_fault_now(struct sim_world *world, enum sim_fault fault);
void sim_faults_start(struct sim_world *world);
void sim_on_fault(struct sim_world *world);
/* Ends all faults: everything runs, nothing is slow. */
void sim_heal(struct sim_world *world);

#endif
