/* Requests without a key that came as a repetition. A client that lost its connection repeats a request over a new one, and what it had
 * sent over the old one may still come, behind the repetition (measured on libzmq 4.3.4): the first copy says that it is new, and
 * nothing would look the job up. So the ids of the newest repetitions are remembered; and for a while after a takeover every job is
 * looked up, since the owner before may have been sent the repetition. */
#include "sched_state.h"

struct once {
    struct sl_job_id id; /* first: the id table reads it there */
    struct sl_link link; /* oldest first */
};

static void forget_oldest(struct sl_sched *self) {
    struct sl_link *link = sl_list_first(&self->once_list);
    struct once *oldest = SL_CONTAINER(link, struct once, link);
    sl_list_remove(&self->once_list, link);
    (void)sl_idmap_remove(&self->onces, oldest->id.bytes);
    sl_pool_give(&self->pool, oldest, sizeof *oldest);
}

static bool is_noted(const struct sl_sched *self, struct sl_job_id id) {
    return self->once_list.count > 0 && sl_idmap_find(&self->onces, id.bytes);
}

int sl_once_note(struct sl_sched *self, struct sl_job_id id) {
    if (is_noted(self, id)) return SL_OK;
    int rc = sl_idmap_reserve(&self->onces, 1);
    if (rc) return rc;
    struct once *once = sl_pool_take(&self->pool, sizeof *once);
    if (!once) return SL_E_NO_MEMORY;
    if (self->once_list.count == SL_ONCE_MAX) forget_oldest(self);
    once->id = id;
    sl_idmap_insert(&self->onces, once);
    sl_list_append(&self->once_list, &once->link);
    return SL_OK;
}

bool sl_once_may_be_late(const struct sl_sched *self, const struct sl_shard *shard, struct sl_job_id id) {
    bool had_owner = shard->epoch > 1;
    uint64_t grace_ns = (uint64_t)self->config.once_grace_ms * 1000000u;
    return is_noted(self, id) || (had_owner && self->now - shard->opened_at < grace_ns);
}

void sl_once_forget_all(struct sl_sched *self) {
    while (self->once_list.count > 0) forget_oldest(self);
    sl_idmap_fini(&self->onces);
}
