/* What the files of the core offer each other, by file. Included by sched_state.h, which has the structures. */
#ifndef SL_CORE_SCHED_PARTS_H
#define SL_CORE_SCHED_PARTS_H

#include "retention_parts.h"
#include "session_parts.h"
#include "sched_state.h"

/* effects.c: what the step at hand wants done. */
/* Makes room for `more` further effects, so that adding them cannot fail. 0, or SL_E_NO_MEMORY. */
int sl_effects_reserve(struct sl_sched *self, uint32_t more);
/* A new effect, zeroed; room was reserved. */
struct sl_effect *sl_effect_add(struct sl_sched *self, enum sl_effect_kind kind);
/* A new message effect that rests on the shard's state as it is now. */
struct sl_effect *sl_effect_add_tagged(struct sl_sched *self, enum sl_effect_kind kind, const struct sl_shard *shard);
/* A block, or a copy of bytes, that lives until the next step; NULL: no memory. */
void *sl_step_block(struct sl_sched *self, size_t size);
struct sl_bytes sl_step_copy(struct sl_sched *self, struct sl_bytes bytes);
/* Text for the operator, made by a printf-like format with %s only; lost when there is no memory for it. */
void sl_alarm(struct sl_sched *self, const struct sl_shard *shard, const char *text);
void sl_effects_clear(struct sl_sched *self);

/* decide.c: facts decided, put into the open batch, applied, indexed. All transitions are of one job, at most two, one group.
 * 0, or SL_E_NO_MEMORY with nothing changed. */
int sl_decide(struct sl_sched *self, struct sl_job *job, const struct sl_transition *transitions, uint32_t count);
/* SUBMITTED: as sl_decide, for a job that is not there yet. */
int sl_decide_new(struct sl_sched *self, struct sl_shard *shard, const struct sl_transition *transition,
                  struct sl_job **out_job);
/* A transition of a stage or of a job, its common fields filled in. */
struct sl_transition sl_transition_of_stage(const struct sl_sched *self, const struct sl_stage_run *stage,
                                            enum sl_transition_kind kind);
struct sl_transition sl_transition_of_job(const struct sl_sched *self, const struct sl_job *job,
                                          enum sl_transition_kind kind);
struct sl_shard *sl_shard_of(struct sl_sched *self, struct sl_job_id id);
/* NULL: it is not known, and self->missed says which one it was. */
struct sl_pipeline_entry *sl_pipeline_find(void *self, struct sl_digest digest);

/* index.c: which list a job and a stage are on, by their state. */
void sl_stage_join(struct sl_sched *self, struct sl_stage_run *stage);
void sl_stage_leave(struct sl_sched *self, struct sl_stage_run *stage);
void sl_job_join(struct sl_sched *self, struct sl_job *job);
void sl_job_leave(struct sl_sched *self, struct sl_job *job);
void sl_job_touch(struct sl_sched *self, struct sl_job *job, uint64_t n);
void sl_stage_assign(struct sl_sched *self, struct sl_stage_run *stage, struct sl_session *session);
void sl_stage_set_timer(struct sl_sched *self, struct sl_stage_run *stage, uint64_t at);
void sl_shard_forget(struct sl_sched *self, struct sl_shard *shard);
/* Payloads and outputs in memory. */
uint64_t sl_hot_bytes(const struct sl_sched *self);
/* Stages that are running or wait for another attempt: each may hold a timer. */
uint32_t sl_shard_running(const struct sl_shard *shard);
void sl_shard_index(struct sl_sched *self, struct sl_shard *shard);

/* writes.c: the numbered writes of our shards. */
int sl_on_ledger_up(struct sl_sched *self);
void sl_on_ledger_down(struct sl_sched *self);
void sl_shard_send(struct sl_sched *self, struct sl_shard *shard);
int sl_shard_seal_commit(struct sl_sched *self, struct sl_shard *shard);
int sl_shard_seal(struct sl_sched *self, struct sl_shard *shard, enum sl_ledger_verb verb, uint64_t ckpt,
                  struct sl_blob *body);
void sl_shard_reply(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply);
void sl_shard_resume(struct sl_sched *self, struct sl_shard *shard);
/* Makes the shard's tag the number of a write that is not sent yet. An answer that something is *not* there rests on it: only a write
 * that is performed after the read proves that nobody else owns the shard. 0, SL_E_AGAIN (it is not ours), SL_E_NO_MEMORY. */
int sl_shard_prove(struct sl_sched *self, struct sl_shard *shard);
/* Says that messages which rest on durable writes may leave; room for one effect was reserved. */
void sl_shard_release(struct sl_sched *self, const struct sl_shard *shard);
void sl_shard_drop(struct sl_sched *self, struct sl_shard *shard, enum sl_shard_state state);
/* Drops the shard for good. `found`: where the lease stands that told; 0: none did. The rest is the reason and what to do, as part of a
 * sentence. */
void sl_shard_quarantine(struct sl_sched *self, struct sl_shard *shard, uint64_t found, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void sl_shard_lose(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply);

/* keep.c: an alarm, with the writes that are held and not durable as a file; the shard is to be dropped next. */
void sl_shard_give_up(struct sl_sched *self, struct sl_shard *shard, uint64_t found, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* settle.c: records behind the commits. */
int sl_shard_settle(struct sl_sched *self, struct sl_shard *shard);
void sl_shard_settled(struct sl_sched *self, struct sl_shard *shard);

/* owner.c: whose a shard is. */
int sl_owner_poll(struct sl_sched *self, struct sl_shard *shard);
int sl_owner_polled(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply);
/* Zero bytes: a shard that was released, or never owned. */
bool sl_owner_is_nobody(struct sl_incarnation owner);
int sl_owner_acquired(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply);

/* recover.c: a shard's jobs from records and log. */
int sl_recover_begin(struct sl_sched *self, struct sl_shard *shard);
int sl_recover_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply);
int sl_recover_job(struct sl_sched *self, struct sl_shard *shard, const struct sl_read *read,
                   const struct sl_ledger_reply *reply);
void sl_recover_clear(struct sl_sched *self, struct sl_shard *shard);
/* The lease is ours still: what was read before is read again, or, when it looked damaged each time, the shard is quarantined. */
void sl_recover_again(struct sl_sched *self, struct sl_shard *shard);

/* reads.c: questions to the ledger and who waits for their answers. */
int sl_read_send(struct sl_sched *self, enum sl_read_purpose purpose, struct sl_ledger_call call, struct sl_query *query);
/* Whether so many reads wait for Redis that a client's question must be refused; says so then. */
bool sl_reads_are_full(struct sl_sched *self, uint64_t peer, uint64_t re, int *out_rc);
int sl_read_reply(struct sl_sched *self, const struct sl_ledger_reply *reply);
void sl_reads_again(struct sl_sched *self);
void sl_reads_send_held(struct sl_sched *self);
void sl_reads_forget(struct sl_sched *self, const struct sl_shard *shard);
int sl_job_load(struct sl_sched *self, struct sl_job *job);
/* Puts what Redis gave of a job into memory; parks the job when a part is missing or damaged. */
int sl_job_fill(struct sl_sched *self, struct sl_job *job, const struct sl_ledger_reply *reply);
int sl_lookup_wait(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, const struct sl_event *event);
struct sl_event *sl_event_copy(struct sl_sched *self, const struct sl_event *event, size_t *out_size);

/* dispatch.c: what can start, starts. */
int sl_dispatch(struct sl_sched *self);
void sl_pipeline_ahead(struct sl_sched *self, struct sl_pipeline_entry *pipeline);

/* input.c: a stage's input from the run state. 0; SL_E_LIMIT or SL_E_BAD_INPUT with a sentence; SL_E_NO_MEMORY. */
int sl_input_assemble(struct sl_sched *self, struct sl_job *job, uint16_t stage, struct sl_bytes *out_input,
                      char *error, size_t error_size);

/* retry.c: what follows an attempt that failed. */
int sl_attempt_failed(struct sl_sched *self, struct sl_stage_run *stage, unsigned outcome, uint32_t duration_ms,
                      struct sl_bytes error, struct sl_bytes detail);
int sl_attempt_returned(struct sl_sched *self, struct sl_stage_run *stage, const char *why);
int sl_job_end(struct sl_sched *self, struct sl_job *job, enum sl_job_state state, struct sl_bytes reason);

/* once.c: repetitions of requests without a key. 0, or SL_E_NO_MEMORY. */
int sl_once_note(struct sl_sched *self, struct sl_job_id id);
/* Whether a request that says that it is new may be a first copy that comes late. */
bool sl_once_may_be_late(const struct sl_sched *self, const struct sl_shard *shard, struct sl_job_id id);
void sl_once_forget_all(struct sl_sched *self);

/* types.c */
struct sl_type *sl_type_get(struct sl_sched *self, struct sl_bytes callable, struct sl_bytes name);
int sl_type_note_refused(struct sl_sched *self, struct sl_type *type, const struct sl_stage_type *offered);
int sl_on_type(struct sl_sched *self, const struct sl_event *event);
int sl_on_accept_type(struct sl_sched *self, const struct sl_event *event);
int sl_type_learn(struct sl_sched *self, struct sl_type *type, const struct sl_stage_type *known);

/* view.c: a job as people see it, msgpack maps (shapes.md, "A job as JSON"). Failure is kept in buf->failed. */
void sl_view_job(struct sl_sched *self, struct sl_buf *buf, const struct sl_job *job);
/* Appends a job's first event, which its history does not hold: its record does. */
void sl_view_submitted(struct sl_buf *buf, const struct sl_job *job);
/* Appends the events of one piece of history as maps; adds their number to *count. */
void sl_view_history(struct sl_buf *buf, const struct sl_job *job, struct sl_bytes history, uint32_t *count);
/* The run state: state keys to values, the later stage in the DAG winning; and SL_RESULTS_KEY to {stage: {type, output}} of the stages
 * whose output stands under no state key, if there are any. */
void sl_view_state(struct sl_buf *buf, const struct sl_job *job);

/* watch.c */
int sl_watch_tell(struct sl_sched *self, const struct sl_job *job, uint64_t peer);
int sl_watch_add(struct sl_sched *self, struct sl_job *job, struct sl_follower follower);
void sl_watch_end(struct sl_sched *self, struct sl_job *job);
int sl_watch_found(struct sl_sched *self, uint64_t peer, struct sl_job_id id, const struct sl_ledger_reply *reply);
void sl_watch_changed(struct sl_sched *self, const struct sl_job *job);
void sl_watch_forget_peer(struct sl_sched *self, uint64_t peer);
/* How many followers a decision may have to tell; ends: it ends the job. */
uint32_t sl_watch_count(struct sl_sched *self, const struct sl_job *job, bool ends);

/* on_*.c: one file an event. */
int sl_on_submit(struct sl_sched *self, const struct sl_event *event, const struct sl_ledger_reply *found);
int sl_on_cancel_job(struct sl_sched *self, const struct sl_event *event);
int sl_on_query(struct sl_sched *self, const struct sl_event *event);
/* Questions that need reads: a follower's and a canceller's job that is not in memory. */
int sl_query_watch(struct sl_sched *self, uint64_t peer, struct sl_job_id id);
int sl_query_cancel(struct sl_sched *self, const struct sl_event *event);
void sl_query_set_id(struct sl_query *query, struct sl_job_id id);
void sl_query_free(struct sl_sched *self, struct sl_query *query);
/* The ended job that a READ_JOB reply holds, in no table. 0, SL_E_NOT_FOUND, SL_E_DAMAGED, SL_E_NO_MEMORY, or SL_E_AGAIN for a pipeline
 * that this broker has not been told of. */
int sl_job_from_reply(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id,
                      const struct sl_ledger_reply *reply, struct sl_job **out_job);
/* Says that the job is not kept any more, and what became of it. */
int sl_reject_removed(struct sl_sched *self, uint64_t peer, uint64_t re, struct sl_job_id id,
                      const struct sl_tombstone *tombstone);
void sl_on_query_read(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply);
int sl_on_watch(struct sl_sched *self, const struct sl_event *event);
int sl_on_hello(struct sl_sched *self, const struct sl_event *event);
int sl_on_heartbeat(struct sl_sched *self, const struct sl_event *event);
int sl_on_result(struct sl_sched *self, const struct sl_event *event);
int sl_on_field(struct sl_sched *self, const struct sl_event *event);
int sl_on_pipeline(struct sl_sched *self, const struct sl_event *event);
void sl_pipeline_entry_free(struct sl_sched *self, struct sl_pipeline_entry *entry);
int sl_on_policy(struct sl_sched *self, const struct sl_event *event);
int sl_on_timeouts(struct sl_sched *self);

/* Refuses a request. The sentence is copied. */
int sl_reject(struct sl_sched *self, uint64_t peer, uint64_t re, const struct sl_shard *rests_on, enum sl_reject code,
              const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
