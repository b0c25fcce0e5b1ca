/* A worker says HELLO: a new session, perhaps instead of an older one of the same process, whose attempts it still has. */
#include "sched_state.h"

static struct sl_session *find_instance(struct sl_sched *self, struct sl_incarnation instance) {
    for (struct sl_link *link = sl_list_first(&self->sessions); link; link = sl_list_next(&self->sessions, link)) {
        struct sl_session *session = SL_CONTAINER(link, struct sl_session, link);
        if (memcmp(session->instance.bytes, instance.bytes, sizeof instance.bytes) == 0) return session;
    }
    return NULL;
}

/* Why a type that a worker offers is not taken: the cluster knows it as something else. NULL: it is taken. */
static const char *refusal(struct sl_sched *self, const struct sl_type *type, const struct sl_stage_type *offered) {
    if (!type->is_known || sl_digest_equal(type->known.digest, offered->digest)) return NULL;
    char known[SL_ID_TEXT_SIZE], other[SL_ID_TEXT_SIZE];
    sl_id_to_text(type->known.digest.bytes, known);
    sl_id_to_text(offered->digest.bytes, other);
    const char *parts[] = {type->key, ": the cluster knows this stage type with metadata digest ", known,
                           ", this worker offers ", other, "; if the new one is right: sluice stages accept ",
                           type->key};
    size_t size = 1;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) size += strlen(parts[i]);
    char *text = sl_step_block(self, size);
    if (!text) return "no memory";
    char *at = text;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) at = stpcpy(at, parts[i]);
    return text;
}

/* A function that no pipeline names here is none that a stage could be given for: it will be told again if one does. */
static bool is_wanted(const struct sl_sched *self, const struct sl_stage_type *offered) {
    if (offered->callable.size == 0) return !memchr(offered->type.data, '/', offered->type.size);
    return sl_callable_find(self, offered->callable) != UINT32_MAX;
}

static int offer_types(struct sl_sched *self, struct sl_session *session, const struct sl_ev_hello *hello,
                       struct sl_bytes *refused, uint32_t *out_refused_count) {
    uint32_t refused_count = 0;
    for (uint32_t i = 0; i < hello->type_count; i++) {
        if (!is_wanted(self, &hello->types[i])) continue;
        struct sl_type *type = sl_type_get(self, hello->types[i].callable, hello->types[i].type);
        if (!type) return SL_E_NO_MEMORY;
        const char *why = refusal(self, type, &hello->types[i]);
        if (why) {
            int rc = sl_type_note_refused(self, type, &hello->types[i]);
            if (rc) return rc;
            refused[refused_count++] = sl_text(why);
            continue;
        }
        if (!type->is_known) {
            int rc = sl_effects_reserve(self, 1);
            if (!rc) rc = sl_type_learn(self, type, &hello->types[i]);
            if (rc) return rc;
            sl_effect_add(self, SL_DO_TYPE)->type = type->known;
        }
        struct sl_offer *offer = &session->offers[session->offer_count++];
        *offer = (struct sl_offer){.type = type, .session = session};
        sl_list_append(&type->offers, &offer->in_type);
    }
    *out_refused_count = refused_count;
    return SL_OK;
}

/* An attempt that the worker says it has: it is this session's from now on, or it must stop. */
static int adopt(struct sl_sched *self, struct sl_session *session, const struct sl_token *token, bool is_result) {
    struct sl_stage_run *stage = sl_attempt_find(self, token);
    if (stage) {
        sl_stage_assign(self, stage, session);
        return SL_OK;
    }
    /* Of a shard that is not open here: its owner, or this broker once it has read it, will know. */
    bool open = token->shard < self->config.shard_count && sl_shard_is_open(&self->shards[token->shard]);
    if (is_result) return SL_OK;
    sl_session_hold(self, session, token);
    if (!open) return SL_OK;
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CANCEL, &self->shards[token->shard]);
    effect->peer = session->peer;
    effect->token = *token;
    return SL_OK;
}

/* Attempts of the older session that the worker does not name never reached it: they cost nothing. On the connection that it still has
 * they may be on their way, behind the HELLO that it said again: its heartbeats will tell. */
static int return_rest(struct sl_sched *self, struct sl_session *older, struct sl_session *session) {
    struct sl_link *link;
    while ((link = sl_list_first(&older->in_flight))) {
        struct sl_stage_run *stage = SL_CONTAINER(link, struct sl_stage_run, link);
        if (older->peer == session->peer) {
            sl_stage_assign(self, stage, session);
            continue;
        }
        int rc = sl_attempt_returned(self, stage, "it did not reach its worker");
        if (rc) return rc;
    }
    return sl_session_lost(self, older, true);
}

static struct sl_session *make_session(struct sl_sched *self, const struct sl_ev_hello *hello) {
    struct sl_session *session = sl_alloc_take(&self->alloc, sizeof *session);
    if (!session) return NULL;
    memset(session, 0, sizeof *session);
    session->offers = NULL;
    if (hello->type_count) session->offers = sl_alloc_take(&self->alloc, hello->type_count * sizeof *session->offers);
    if (hello->type_count && !session->offers) {
        sl_alloc_give(&self->alloc, session, sizeof *session);
        return NULL;
    }
    session->offer_capacity = hello->type_count;
    session->peer = hello->peer;
    session->number = ++self->next_session;
    session->instance = hello->instance;
    memcpy(session->name, hello->name.data, hello->name.size);
    session->slots = hello->slots;
    session->heard_at = self->now;
    session->welcomed_ms = self->wall_ms;
    sl_list_init(&session->in_flight);
    sl_list_init(&session->held);
    session->probes = hello->probes;
    for (uint32_t i = 0; i < hello->callable_count; i++) {
        uint32_t callable = sl_callable_find(self, hello->callables[i]);
        if (callable != UINT32_MAX) session->has_looked[callable] = true;
    }
    return session;
}

static void welcome(struct sl_sched *self, const struct sl_session *session, const struct sl_bytes *refused,
                    uint32_t refused_count) {
    struct sl_effect *effect = sl_effect_add(self, SL_DO_WELCOME);
    effect->peer = session->peer;
    effect->welcome.session = session->number;
    effect->welcome.heartbeat_ms = self->config.heartbeat_ms;
    effect->welcome.lost_ms = self->config.lost_ms;
    effect->welcome.refused = refused;
    effect->welcome.refused_count = refused_count;
}

int sl_on_hello(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_hello *hello = &event->hello;
    struct sl_session *same_peer = sl_session_of_peer(self, hello->peer);
    struct sl_session *older = find_instance(self, hello->instance);
    struct sl_bytes *refused = sl_step_block(self, (hello->type_count + 1) * sizeof *refused);
    uint32_t refused_count = 0;
    int rc = sl_effects_reserve(self, 8 + hello->in_flight_count);
    if (!rc) rc = sl_idmap_reserve(&self->peers, 1);
    if (rc || !refused) return SL_E_NO_MEMORY;
    struct sl_session *session = make_session(self, hello);
    if (!session) return SL_E_NO_MEMORY;
    if (same_peer && same_peer != older) (void)sl_session_lost(self, same_peer, false);
    sl_session_begin(self, session);
    rc = offer_types(self, session, hello, refused, &refused_count);
    welcome(self, session, refused, refused_count);
    sl_callables_tell(self, session);
    for (uint32_t i = 0; rc == SL_OK && i < hello->in_flight_count; i++) {
        rc = adopt(self, session, &hello->in_flight[i], false);
    }
    for (uint32_t i = 0; rc == SL_OK && i < hello->result_count; i++) {
        rc = adopt(self, session, &hello->results[i], true);
    }
    if (rc == SL_OK && older) rc = return_rest(self, older, session);
    sl_bindings_update(self);
    return rc;
}
