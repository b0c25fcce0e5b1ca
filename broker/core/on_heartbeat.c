/* A worker's heartbeat: absolute numbers of what it has. What was lost on the way heals here. */
#include "sched_state.h"

/* More heartbeats in a row than this that do not name an attempt, over the time of as many, mean that it never reached the worker. A
 * broker that was stopped reads several at once, all from before the attempt left. */
enum { MISSING_MAX = 2 };

static void mark_seen(struct sl_sched *self, struct sl_session *session, const struct sl_token *tokens, uint32_t count,
                      bool time_runs) {
    for (uint32_t i = 0; i < count; i++) {
        struct sl_stage_run *stage = sl_attempt_find(self, &tokens[i]);
        if (!stage) continue;
        if (stage->session != session) {
            bool unreported = stage->session == NULL;
            if (!unreported) continue;
            sl_stage_assign(self, stage, session);
        }
        stage->seen = true;
        uint64_t limit_ms = (uint64_t)stage->timeout_ms + self->config.timeout_grace_ms;
        if (!time_runs) sl_stage_set_timer(self, stage, self->now + limit_ms * 1000000u);
    }
}

/* Attempts that the worker has and that are not current any more: it should stop them. */
static int cancel_stale(struct sl_sched *self, struct sl_session *session, const struct sl_token *tokens,
                        uint32_t count) {
    int rc = sl_effects_reserve(self, count);
    if (rc) return rc;
    for (uint32_t i = 0; i < count; i++) {
        bool open = tokens[i].shard < self->config.shard_count && sl_shard_is_open(&self->shards[tokens[i].shard]);
        if (sl_attempt_find(self, &tokens[i])) {
            sl_session_let_go(self, session, &tokens[i]);
            continue;
        }
        sl_session_hold(self, session, &tokens[i]);
        if (!open) continue;
        struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CANCEL, &self->shards[tokens[i].shard]);
        effect->peer = session->peer;
        effect->token = tokens[i];
    }
    return SL_OK;
}

/* Whether the attempt has been missing for too long; counts the heartbeat at hand. */
static bool is_lost(const struct sl_sched *self, struct sl_stage_run *stage) {
    uint32_t now_ms = (uint32_t)(self->now / 1000000u);
    if (stage->missing == 0) stage->missing_since_ms = now_ms;
    if (stage->missing <= MISSING_MAX) stage->missing++;
    return stage->missing > MISSING_MAX && now_ms - stage->missing_since_ms >= MISSING_MAX * self->config.heartbeat_ms;
}

static int count_missing(struct sl_sched *self, struct sl_session *session) {
    struct sl_link *link = sl_list_first(&session->in_flight);
    while (link) {
        struct sl_link *next = sl_list_next(&session->in_flight, link);
        struct sl_stage_run *stage = SL_CONTAINER(link, struct sl_stage_run, link);
        const struct sl_shard *shard = sl_shard_of(self, stage->job->id);
        bool left = stage->started_n <= shard->n_durable; /* its ASSIGN has been released */
        if (stage->seen || !left) {
            stage->missing = 0;
        } else if (is_lost(self, stage)) {
            int rc = sl_attempt_returned(self, stage, "it did not reach its worker");
            if (rc) return rc;
        }
        stage->seen = false;
        link = next;
    }
    return SL_OK;
}

int sl_on_heartbeat(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_heartbeat *heartbeat = &event->heartbeat;
    struct sl_session *session = sl_session_of_peer(self, heartbeat->peer);
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    if (!session) {
        sl_effect_add(self, SL_DO_RESET)->peer = heartbeat->peer;
        return SL_OK;
    }
    session->heard_at = self->now;
    self->slots_total = self->slots_total - session->slots + heartbeat->slots;
    session->slots = heartbeat->slots;
    mark_seen(self, session, heartbeat->in_flight, heartbeat->in_flight_count, true);
    mark_seen(self, session, heartbeat->waiting, heartbeat->waiting_count, false);
    mark_seen(self, session, heartbeat->results, heartbeat->result_count, true);
    rc = count_missing(self, session);
    if (!rc) rc = cancel_stale(self, session, heartbeat->in_flight, heartbeat->in_flight_count);
    if (!rc) rc = cancel_stale(self, session, heartbeat->waiting, heartbeat->waiting_count);
    if (!rc) sl_session_let_go_unnamed(self, session);
    if (!rc) rc = sl_effects_reserve(self, 1);
    if (!rc) sl_callables_tell(self, session); /* again: what was lost on the way heals here too */
    return rc;
}
