/* A client follows jobs: each is told at once, and after every change. One that is not in memory is looked up. */
#include "sched_state.h"

static int tell_unknown(struct sl_sched *self, uint64_t peer, struct sl_job_id id, struct sl_shard *shard,
                        struct sl_bytes reason) {
    int rc = sl_effects_reserve(self, 1);
    if (!rc) rc = sl_shard_prove(self, shard);
    if (rc == SL_E_AGAIN) return SL_OK; /* the shard was lost since: the follower asks again */
    if (rc) return rc;
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CHANGED, shard);
    effect->peer = peer;
    effect->changed.job = id;
    effect->changed.reason = reason;
    return SL_OK;
}

static int tell_removed(struct sl_sched *self, uint64_t peer, struct sl_job_id id, struct sl_shard *shard,
                        const struct sl_tombstone *tombstone) {
    char text[SL_TOMBSTONE_TEXT_SIZE];
    sl_tombstone_text(tombstone, id, text);
    struct sl_bytes reason = sl_step_copy(self, sl_text(text));
    return reason.data ? tell_unknown(self, peer, id, shard, reason) : SL_E_NO_MEMORY;
}

/* What Redis gave of a job that is not in memory: its end, what is left after its removal, or nothing. */
int sl_watch_found(struct sl_sched *self, uint64_t peer, struct sl_job_id id, const struct sl_ledger_reply *reply) {
    struct sl_shard *shard = sl_shard_of(self, id);
    struct sl_job *job;
    if (!sl_shard_is_open(shard)) return SL_OK; /* lost since: the follower asks again */
    struct sl_tombstone tombstone;
    if (sl_tombstone_of(reply, &tombstone) == SL_OK) return tell_removed(self, peer, id, shard, &tombstone);
    const char *parked = sl_job_parked(self, id);
    if (parked) return tell_unknown(self, peer, id, shard, sl_text(parked));
    int rc = sl_job_from_reply(self, shard, id, reply, &job);
    if (rc == SL_E_AGAIN) return sl_lack_ask(self, shard, SL_READ_PIPELINE); /* the follower asks again after a silence */
    if (rc == SL_E_NO_MEMORY) return rc; /* as above */
    struct sl_bytes damaged = sl_text("its stored record cannot be read");
    if (rc) return tell_unknown(self, peer, id, shard, reply->item_count > 0 ? damaged : sl_bytes(NULL, 0));
    rc = sl_watch_tell(self, job, peer);
    sl_job_free(&shard->table, &job);
    return rc;
}

int sl_on_watch(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_watch *watch = &event->watch;
    for (uint32_t i = 0; i < watch->job_count; i++) {
        struct sl_job_id id = watch->jobs[i];
        struct sl_shard *shard = sl_shard_of(self, id);
        if (!sl_shard_is_open(shard)) continue; /* the follower asks again after a silence */
        struct sl_job *job = sl_job_find(&shard->table, id);
        int rc = SL_OK;
        if (job) {
            struct sl_follower follower = {.peer = watch->peer, .ends_only = watch->ends_only};
            if (!sl_job_state_is_terminal((enum sl_job_state)job->state)) rc = sl_watch_add(self, job, follower);
            if (!rc) rc = sl_watch_tell(self, job, watch->peer);
        } else {
            rc = sl_query_watch(self, watch->peer, id);
        }
        if (rc) return rc;
    }
    return SL_OK;
}
