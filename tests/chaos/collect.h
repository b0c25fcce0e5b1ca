/* What the ledger holds in the end: as the broker answers, and as Redis itself lists it. */
#ifndef CHAOS_COLLECT_H
#define CHAOS_COLLECT_H

#include "cluster.h"

/* Writes answers.jsonl (one line a job: job, show, events) and redis.jsonl (one line a shard: ended, live) into the run's folder.
 * 0; 1 with a sentence on stdout. */
int chaos_collect_run(const struct chaos_cluster *cluster);

#endif
