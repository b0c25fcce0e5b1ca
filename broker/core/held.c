/* Attempts that a worker still holds although they are not its current ones: cancelled and not ended yet, or of a shard that is not
 * open here. Each takes a slot until the worker answers for it, or two heartbeats in a row do not name it, nor in the time of two (a
 * connection that was stuck gives several at once). */
#include "sched_state.h"

enum { UNNAMED_MAX = 2 };

struct held {
    struct sl_link link;
    struct sl_token token;
    uint64_t named_at; /* ns */
    uint64_t n;        /* of its shard: the messages about it leave when this write is durable; 0: they have left */
    uint8_t unnamed; /* heartbeats in a row that did not name it */
    bool named;      /* by the heartbeat at hand */
};

static struct held *held_of(struct sl_link *link) {
    return SL_CONTAINER(link, struct held, link);
}

static struct held *find(const struct sl_session *session, const struct sl_token *token) {
    for (struct sl_link *link = sl_list_first(&session->held); link; link = sl_list_next(&session->held, link)) {
        if (sl_token_equal(&held_of(link)->token, token)) return held_of(link);
    }
    return NULL;
}

static void forget(struct sl_sched *self, struct sl_session *session, struct held *held) {
    sl_list_remove(&session->held, &held->link);
    sl_pool_give(&self->pool, held, sizeof *held);
}

void sl_session_hold(struct sl_sched *self, struct sl_session *session, const struct sl_token *token) {
    struct held *held = find(session, token);
    if (!held) {
        held = sl_pool_take(&self->pool, sizeof *held);
        if (!held) return; /* the worker gives back what is too much for it */
        held->token = *token;
        sl_list_append(&session->held, &held->link);
    }
    held->named = true;
    held->named_at = self->now;
    const struct sl_shard *shard = token->shard < self->config.shard_count ? &self->shards[token->shard] : NULL;
    held->n = shard && sl_shard_is_open(shard) ? sl_shard_tag(shard) : 0;
}

void sl_session_let_go(struct sl_sched *self, struct sl_session *session, const struct sl_token *token) {
    struct held *held = find(session, token);
    if (held) forget(self, session, held);
}

/* Whether what was said about it has left: before that no heartbeat can know of it. */
static bool is_said(const struct sl_sched *self, const struct held *held) {
    if (held->n == 0) return true;
    const struct sl_shard *shard = &self->shards[held->token.shard];
    return !sl_shard_is_open(shard) || shard->n_durable >= held->n;
}

void sl_session_let_go_unnamed(struct sl_sched *self, struct sl_session *session) {
    struct sl_link *link = sl_list_first(&session->held);
    while (link) {
        struct sl_link *next = sl_list_next(&session->held, link);
        struct held *held = held_of(link);
        if (held->named || !is_said(self, held)) held->unnamed = 0;
        else if (held->unnamed < UNNAMED_MAX) held->unnamed++;
        held->named = false;
        bool long_ago = self->now - held->named_at >= (uint64_t)UNNAMED_MAX * self->config.heartbeat_ms * 1000000u;
        if (held->unnamed == UNNAMED_MAX && long_ago) forget(self, session, held);
        link = next;
    }
}

void sl_session_let_go_all(struct sl_sched *self, struct sl_session *session) {
    struct sl_link *link;
    while ((link = sl_list_first(&session->held))) forget(self, session, held_of(link));
}
