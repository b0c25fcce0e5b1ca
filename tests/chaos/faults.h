/* What is done to the cluster, and in which order. */
#ifndef CHAOS_FAULTS_H
#define CHAOS_FAULTS_H

#include "base/rng.h"
#include "cluster.h"

enum chaos_fault {
#define CHAOS_FAULT(NAME, word, kill, weight) CHAOS_FAULT_##NAME,
#include "faults.def"
#undef CHAOS_FAULT
    CHAOS_FAULT_COUNT
};

enum { CHAOS_BAG_MAX = 64 };

/* Faults to come, taken from the end. */
struct chaos_bag {
    enum chaos_fault faults[CHAOS_BAG_MAX];
    uint32_t count;
};

struct chaos_faults {
    struct sl_rng rng;
    struct chaos_bag kills, others;
    uint32_t done[CHAOS_FAULT_COUNT]; /* times, by kind */
};

const char *chaos_fault_word(enum chaos_fault fault);
bool chaos_fault_is_kill(enum chaos_fault fault);

/* Does one thing to the cluster and starts again what it ended. */
void chaos_fault_do(struct chaos_faults *self, struct chaos_cluster *cluster, enum chaos_fault fault);

/* All faults of a run, as its mode and number of kills say, with the cluster at work between them. */
void chaos_faults_run(struct chaos_faults *self, struct chaos_cluster *cluster);

/* So many kills of stage hosts. */
void chaos_faults_hosts(struct chaos_faults *self, struct chaos_cluster *cluster, uint32_t count);

#endif
