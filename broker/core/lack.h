/* What jobs lack: pipelines that this broker has not been told of; and the jobs that are parked for want of something. */
#ifndef SL_CORE_LACK_H
#define SL_CORE_LACK_H

/* Reads self->missed for the shard. What is read behind it finds it known, or noted as absent. 0, or SL_E_NO_MEMORY. */
int sl_lack_ask(struct sl_sched *self, struct sl_shard *shard, enum sl_read_purpose purpose);
void sl_lack_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_read *read, const struct sl_ledger_reply *reply);

/* Whether Redis was asked for self->missed and does not hold it, or not as something that can be read; and to forget which ones it does not
 * hold, so that they are asked for again. */
bool sl_lack_is_absent(const struct sl_sched *self, const struct sl_shard *shard);
void sl_lack_forget(struct sl_sched *self, struct sl_shard *shard);

/* Has the asker ask again, and self->missed read meanwhile. 0, or SL_E_NO_MEMORY. */
int sl_reject_lacking(struct sl_sched *self, struct sl_shard *shard, uint64_t peer, uint64_t re);

/* Parks a job, which leaves memory, with an alarm. 0, or SL_E_NO_MEMORY. */
int sl_job_park(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, bool lacks_pipeline);

/* Why the job is parked, as part of a sentence; NULL: it is not. */
const char *sl_job_parked(struct sl_sched *self, struct sl_job_id id);
/* Whether a client's request must be refused since its job is parked; says so then. */
bool sl_job_refuse_parked(struct sl_sched *self, struct sl_job_id id, uint64_t peer, uint64_t re, int *out_rc);
void sl_parked_clear(struct sl_sched *self, struct sl_shard *shard);

#endif
