/* Workers' sessions: who is there, what each makes, and what follows when one falls silent or leaves. */
#include "sched_state.h"

#include "base/outcome.h"

/* A connection that is gone may be back at once: its attempts are given up after this part of the time of a silent one. */
enum { GONE_PART = 5 };

static struct sl_session *session_of(struct sl_link *link) {
    return SL_CONTAINER(link, struct sl_session, link);
}

static void make_peer_id(uint64_t peer, uint8_t out_id[16]) {
    memset(out_id, 0, 16);
    memcpy(out_id, &peer, sizeof peer);
}

struct sl_session *sl_session_of_peer(const struct sl_sched *self, uint64_t peer) {
    uint8_t id[16];
    make_peer_id(peer, id);
    return sl_idmap_find(&self->peers, id);
}

void sl_session_begin(struct sl_sched *self, struct sl_session *session) {
    make_peer_id(session->peer, session->peer_id);
    (void)sl_idmap_remove(&self->peers, session->peer_id);
    sl_idmap_insert(&self->peers, session);
    sl_list_append(&self->sessions, &session->link);
    self->slots_total += session->slots;
}

struct sl_token sl_attempt_token(const struct sl_sched *self, const struct sl_stage_run *stage) {
    return (struct sl_token){.shard = sl_job_shard(stage->job->id, self->config.shard_count),
                             .epoch = stage->epoch,
                             .job = stage->job->id,
                             .run = stage->job->run_number,
                             .stage = stage->index,
                             .item = 0,
                             .attempt = stage->attempt,
                             .nonce = stage->nonce};
}

struct sl_stage_run *sl_attempt_find(struct sl_sched *self, const struct sl_token *token) {
    if (token->shard >= self->config.shard_count) return NULL;
    struct sl_shard *shard = &self->shards[token->shard];
    if (!sl_shard_is_open(shard) || sl_shard_of(self, token->job) != shard) return NULL;
    struct sl_job *job = sl_job_find(&shard->table, token->job);
    if (!job || job->corrupt || !job->run || token->stage >= job->run->stage_count) return NULL;
    struct sl_stage_run *stage = &job->run->stages[token->stage];
    if (SL_BUG(self, 14)) return stage->state == SL_STAGE_RUNNING ? stage : NULL;
    if (stage->state != SL_STAGE_RUNNING) return NULL;
    struct sl_token current = sl_attempt_token(self, stage);
    return sl_token_equal(&current, token) ? stage : NULL;
}

static void free_session(struct sl_sched *self, struct sl_session *session) {
    SL_ASSERT(session->in_flight.count == 0);
    sl_session_let_go_all(self, session);
    for (uint32_t i = 0; i < session->offer_count; i++) {
        struct sl_offer *offer = &session->offers[i];
        if (sl_link_is_on(&offer->in_type)) sl_list_remove(&offer->type->offers, &offer->in_type);
    }
    sl_alloc_give(&self->alloc, session->offers, session->offer_capacity * sizeof *session->offers);
    sl_alloc_give(&self->alloc, session->defined, session->defined_capacity * sizeof *session->defined);
    if (sl_session_of_peer(self, session->peer) == session) (void)sl_idmap_remove(&self->peers, session->peer_id);
    sl_list_remove(&self->sessions, &session->link);
    self->slots_total -= session->slots;
    sl_alloc_give(&self->alloc, session, sizeof *session);
    sl_bindings_update(self); /* nobody waits for its answer any more */
}

/* Attempts of a session that is over wait for somebody to report them, for a while. */
static void orphan(struct sl_sched *self, struct sl_session *session, uint64_t wait_ms) {
    struct sl_link *link;
    while ((link = sl_list_first(&session->in_flight))) {
        struct sl_stage_run *stage = SL_CONTAINER(link, struct sl_stage_run, link);
        sl_stage_assign(self, stage, NULL);
        sl_stage_set_timer(self, stage, self->now + wait_ms * 1000000u);
    }
}

/* at_once: it was silent for the whole time, its attempts are lost; else its connection is gone and it may come back. */
int sl_session_lost(struct sl_sched *self, struct sl_session *session, bool at_once) {
    orphan(self, session, at_once ? 0 : self->config.lost_ms / GONE_PART);
    free_session(self, session);
    return SL_OK;
}

static int heartbeats(struct sl_sched *self) {
    int rc = sl_effects_reserve(self, (uint32_t)self->sessions.count);
    if (rc) return rc;
    for (struct sl_link *link = sl_list_first(&self->sessions); link; link = sl_list_next(&self->sessions, link)) {
        sl_effect_add(self, SL_DO_HEARTBEAT)->peer = session_of(link)->peer;
    }
    uint64_t beat_ns = (uint64_t)self->config.heartbeat_ms * 1000000u;
    self->next_heartbeat_at = self->now + beat_ns - sl_rng_below(&self->rng, beat_ns / 10 + 1);
    return SL_OK;
}

/* Gives up who has been silent for too long. */
static void end_silent(struct sl_sched *self, bool was_stopped) {
    struct sl_link *link = sl_list_first(&self->sessions);
    self->heard_least = self->now;
    while (link) {
        struct sl_link *next = sl_list_next(&self->sessions, link);
        struct sl_session *session = session_of(link);
        if (was_stopped) session->heard_at = self->now;
        uint64_t silent = self->now - session->heard_at;
        if (silent >= (uint64_t)self->config.lost_ms * 1000000u) (void)sl_session_lost(self, session, true);
        else if (session->heard_at < self->heard_least) self->heard_least = session->heard_at;
        link = next;
    }
}

int sl_sessions_tick(struct sl_sched *self) {
    /* A broker that was stopped for long has heard nobody, and what they said may still wait in its sockets. */
    bool was_stopped = self->sessions_ticked_at && self->now - self->sessions_ticked_at >= (uint64_t)self->config.lost_ms * 500000u;
    self->sessions_ticked_at = self->now;
    if (was_stopped) self->heard_by = self->now + (uint64_t)self->config.lost_ms * 1000000u;
    if (was_stopped || self->now - self->heard_least >= (uint64_t)self->config.lost_ms * 1000000u) end_silent(self, was_stopped);
    return self->now >= self->next_heartbeat_at ? heartbeats(self) : SL_OK;
}

static int timeout_of(struct sl_sched *self, struct sl_stage_run *stage) {
    if (stage->state == SL_STAGE_BACKOFF) {
        sl_heap_remove(&self->timers, &stage->timer);
        sl_stage_join(self, stage); /* due: it goes to the ready list */
        return SL_OK;
    }
    const struct sl_shard *shard = sl_shard_of(self, stage->job->id);
    if (stage->session && stage->started_n > shard->n_durable) { /* it has not left yet: its time has not begun */
        sl_stage_set_timer(self, stage, self->now + (uint64_t)stage->timeout_ms * 1000000u);
        return SL_OK;
    }
    if (self->now < self->heard_by) {
        sl_stage_set_timer(self, stage, self->heard_by);
        return SL_OK;
    }
    if (!stage->session) {
        return sl_attempt_failed(self, stage, SL_OUTCOME_LOST, 0, sl_text("the worker that made this attempt was lost"),
                                 sl_bytes(NULL, 0));
    }
    struct sl_session *session = stage->session;
    struct sl_token token = sl_attempt_token(self, stage);
    int rc = sl_attempt_failed(self, stage, SL_OUTCOME_TIMEOUT, 0,
                               sl_text("the attempt took longer than its timeout, and its worker did not say so"),
                               sl_bytes(NULL, 0));
    if (rc) return rc;
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CANCEL, shard);
    effect->peer = session->peer;
    effect->token = token;
    sl_session_hold(self, session, &token);
    return SL_OK;
}

/* Takes what is due. One that finds no memory stays due. */
int sl_on_timeouts(struct sl_sched *self) {
    struct sl_heap_node *node;
    while ((node = sl_heap_first(&self->timers)) && node->at <= self->now) {
        int rc = timeout_of(self, SL_CONTAINER(node, struct sl_stage_run, timer));
        if (rc) return rc;
    }
    return SL_OK;
}
