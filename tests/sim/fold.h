/* A second state of each shard that a broker holds: it only folds the log, through the same apply. After every step the jobs that the
 * step touched, and now and then all jobs, are encoded from both states and compared byte for byte. */
#ifndef SIM_FOLD_H
#define SIM_FOLD_H

#include "broker.h"

struct sim_fold;

/* The folds of one life of a broker. */
struct sim_fold *sim_fold_new(struct sim_world *world);

/* After a step: folds what the step decided, and compares. */
void sim_fold_after_step(struct sim_world *world, struct sim_broker *broker);

#endif
