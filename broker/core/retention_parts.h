/* What retention.c and sweep.c offer the other files of the core. Included by sched_parts.h. */
#ifndef SL_CORE_RETENTION_PARTS_H
#define SL_CORE_RETENTION_PARTS_H

#include "sched_state.h"

/* retention.c: finished jobs that are old enough, or too many, are removed, the oldest first. */
/* Looks at the oldest finished jobs when one of them is due. */
int sl_retention_turn(struct sl_sched *self, struct sl_shard *shard);
/* When the next look is due, in ns; UINT64_MAX: nothing is. */
uint64_t sl_retention_deadline(const struct sl_sched *self, const struct sl_shard *shard);
void sl_retention_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_read *read,
                       const struct sl_ledger_reply *reply);
/* At recovery: asks for the newest ended records, which the recovery waits for as for those of its jobs; takes what they say; begins,
 * when all is read. */
int sl_retention_recover(struct sl_sched *self, struct sl_shard *shard);
int sl_retention_recovered(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply);
void sl_retention_begin(struct sl_sched *self, struct sl_shard *shard);
/* The record of a job that ended is sealed in a settle; `total`: bytes of all that finished, it included. */
void sl_retention_finished(struct sl_sched *self, struct sl_shard *shard, uint64_t total);
/* Puts the ended job that a reply holds back into the table, for its removal. As sl_job_from_reply. */
int sl_retention_revive(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id,
                        const struct sl_ledger_reply *reply, struct sl_job **out_job);

/* sweep.c: tombstones that are not needed any more are dropped. */
int sl_sweep_turn(struct sl_sched *self, struct sl_shard *shard);
uint64_t sl_sweep_deadline(const struct sl_shard *shard);
void sl_sweep_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply);
/* The tombstone of a removed job is sealed in a settle. */
void sl_sweep_buried(struct sl_sched *self, struct sl_shard *shard, const struct sl_job *job);
/* How many of the waiting tombstones a settle with this checkpoint may drop; appends their ids, or forgets them. */
uint32_t sl_sweep_count(const struct sl_shard *shard, uint64_t ckpt);
void sl_sweep_put(const struct sl_shard *shard, uint64_t ckpt, struct sl_buf *buf);
void sl_sweep_forget(struct sl_shard *shard, uint64_t ckpt);

#endif
