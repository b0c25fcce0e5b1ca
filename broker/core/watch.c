/* Who follows which job, and what they are told: a whole snapshot after every change. */
#include "sched_state.h"

/* The type that a ready stage needs and nobody offers; empty: none. */
static struct sl_bytes waiting_for(struct sl_sched *self, const struct sl_job *job) {
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    for (uint16_t i = 0; i < pipeline->stage_count; i++) {
        bool ready = job->run ? job->run->stages[i].state == SL_STAGE_READY : pipeline->stages[i].predecessor_count == 0;
        bool wanted = ready && !sl_job_state_is_terminal((enum sl_job_state)job->state);
        if (wanted && job->pipeline->types[i]->offers.count == 0) return sl_binding_wanted(self, job->pipeline, i);
    }
    return sl_bytes(NULL, 0);
}

static struct sl_bytes letters(struct sl_sched *self, const struct sl_job *job) {
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    char *text = sl_step_block(self, pipeline->stage_count);
    if (!text) return sl_bytes(NULL, 0);
    for (uint16_t i = 0; i < pipeline->stage_count; i++) {
        bool root = pipeline->stages[i].predecessor_count == 0;
        enum sl_stage_state state = root ? SL_STAGE_READY : SL_STAGE_WAITING;
        if (sl_job_state_is_terminal((enum sl_job_state)job->state)) state = SL_STAGE_CANCELLED;
        if (job->run) state = (enum sl_stage_state)job->run->stages[i].state;
        text[i] = sl_stage_state_letter(state);
    }
    return sl_bytes(text, pipeline->stage_count);
}

int sl_watch_tell(struct sl_sched *self, const struct sl_job *job, uint64_t peer) {
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    struct sl_bytes stages = letters(self, job);
    if (!stages.data) return SL_E_NO_MEMORY;
    struct sl_bytes reason = sl_blob_bytes(job->reason);
    if (reason.size) reason = sl_step_copy(self, reason);
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CHANGED, sl_shard_of(self, job->id));
    effect->peer = peer;
    effect->changed = (struct sl_do_changed){.job = job->id,
                                             .known = true,
                                             .state = (enum sl_job_state)job->state,
                                             .pipeline = job->pipeline->pipeline->name,
                                             .stages = stages,
                                             .reason = reason,
                                             .waiting = waiting_for(self, job)};
    return SL_OK;
}

uint32_t sl_watch_count(struct sl_sched *self, const struct sl_job *job, bool ends) {
    if (job->watched == SL_WATCHED_NOT || (job->watched == SL_WATCHED_END && !ends)) return 0;
    const struct sl_watch *watch = sl_idmap_find(&self->watches, job->id.bytes);
    return watch ? watch->peer_count : 0;
}

void sl_watch_changed(struct sl_sched *self, const struct sl_job *job) {
    const struct sl_watch *watch = sl_idmap_find(&self->watches, job->id.bytes);
    bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
    for (uint32_t i = 0; watch && i < watch->peer_count; i++) {
        if (watch->peers[i].ends_only && !ended) continue;
        (void)sl_watch_tell(self, job, watch->peers[i].peer); /* a lost one: the follower asks again after a silence */
    }
}

static void free_watch(struct sl_sched *self, struct sl_watch *watch) {
    (void)sl_idmap_remove(&self->watches, watch->id.bytes);
    sl_alloc_give(&self->alloc, watch->peers, watch->peer_capacity * sizeof *watch->peers);
    sl_pool_give(&self->pool, watch, sizeof *watch);
}

/* Walks the whole table, once: a follower that left is rare, and may have followed very many. */
void sl_watch_forget_peer(struct sl_sched *self, uint64_t peer) {
    size_t cursor = 0;
    struct sl_watch *watch;
    while ((watch = sl_idmap_each(&self->watches, &cursor))) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < watch->peer_count; i++) {
            if (watch->peers[i].peer != peer) watch->peers[kept++] = watch->peers[i];
        }
        watch->peer_count = kept;
        if (kept > 0) continue;
        struct sl_job *job = sl_job_find(&sl_shard_of(self, watch->id)->table, watch->id);
        if (job) job->watched = SL_WATCHED_NOT;
        free_watch(self, watch);
        cursor--;
    }
}

/* There will be nothing more to tell of it: who missed its end asks again. */
void sl_watch_end(struct sl_sched *self, struct sl_job *job) {
    struct sl_watch *watch = sl_idmap_find(&self->watches, job->id.bytes);
    if (watch) free_watch(self, watch);
    job->watched = SL_WATCHED_NOT;
}

int sl_watch_add(struct sl_sched *self, struct sl_job *job, struct sl_follower follower) {
    struct sl_watch *watch = sl_idmap_find(&self->watches, job->id.bytes);
    if (!watch) {
        if (sl_idmap_reserve(&self->watches, 1)) return SL_E_NO_MEMORY;
        watch = sl_pool_take(&self->pool, sizeof *watch);
        if (!watch) return SL_E_NO_MEMORY;
        watch->id = job->id;
        sl_idmap_insert(&self->watches, watch);
    }
    uint8_t watched = follower.ends_only ? SL_WATCHED_END : SL_WATCHED_ALL;
    if (watched > job->watched) job->watched = watched;
    for (uint32_t i = 0; i < watch->peer_count; i++) {
        if (watch->peers[i].peer != follower.peer) continue;
        watch->peers[i] = follower;
        return SL_OK;
    }
    if (watch->peer_count == watch->peer_capacity) {
        uint32_t capacity = watch->peer_capacity ? 2 * watch->peer_capacity : 2;
        struct sl_follower *peers = self->alloc.resize(self->alloc.context, watch->peers, watch->peer_capacity * sizeof *peers,
                                             capacity * sizeof *peers);
        if (!peers) return SL_E_NO_MEMORY;
        watch->peers = peers;
        watch->peer_capacity = capacity;
    }
    watch->peers[watch->peer_count++] = follower;
    return SL_OK;
}
