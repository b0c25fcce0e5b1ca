/* A client cancels a job: it ends now, its running attempts are told to stop, their results are stale. */
#include "sched_state.h"

static int answer(struct sl_sched *self, const struct sl_ev_cancel_job *cancel, const struct sl_job *job) {
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CANCELLED, sl_shard_of(self, job->id));
    effect->peer = cancel->peer;
    effect->re = cancel->message_id;
    effect->cancelled.job = job->id;
    effect->cancelled.state = (enum sl_job_state)job->state;
    return SL_OK;
}

int sl_on_cancel_job(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_cancel_job *cancel = &event->cancel_job;
    struct sl_job_id id;
    int rc = sl_effects_reserve(self, 2);
    if (rc) return rc;
    bool whole = sl_id_from_text(cancel->job, id.bytes) == SL_OK;
    struct sl_job *job = whole ? sl_job_find(&sl_shard_of(self, id)->table, id) : NULL;
    if (!job) return sl_query_cancel(self, event);
    struct sl_shard *shard = sl_shard_of(self, id);
    if (!sl_shard_is_open(shard)) {
        return sl_reject(self, cancel->peer, cancel->message_id, NULL, SL_REJECT_NOT_READY,
                         "the broker does not hold this job's shard yet");
    }
    if (sl_job_state_is_terminal((enum sl_job_state)job->state)) return answer(self, cancel, job);
    if (!job->facts && job->corrupt) {
        return sl_reject(self, cancel->peer, cancel->message_id, shard, SL_REJECT_DAMAGED,
                         "this job's stored record cannot be read; the job is parked");
    }
    if (!job->facts) {
        rc = sl_lookup_wait(self, shard, id, event);
        if (!rc) job->loading = true; /* what is read goes into the job, or this would ask for ever */
        return rc;
    }
    struct sl_bytes reason = cancel->reason.size ? cancel->reason : sl_text("cancelled by a client");
    rc = sl_job_end(self, job, SL_JOB_CANCELLED, reason);
    if (rc) return rc;
    rc = sl_effects_reserve(self, 1);
    return rc ? rc : answer(self, cancel, job);
}
