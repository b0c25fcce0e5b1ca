/* The list of effects of one step, and the beats: what the broker is told of all attempts at once. */
#include "parts.h"

#include "base/err.h"

enum { BEAT_IN_FLIGHT, BEAT_WAITING, BEAT_RESULTS };

/* The most effects that one step can make: two an attempt (its result, or its return to the queue and its way to a host), a
 * definition and two signals a host, a repetition a field, and the few of the session. */
static size_t effects_max(const struct sl_agent *self) {
    return 4 * (self->attempts.count + 1) + 4 * (size_t)self->config.host_count + 2 * (self->fields.count + 1) + 8;
}

int sl_agent_reserve(struct sl_agent *self) {
    size_t needed = effects_max(self);
    if (needed > self->effect_capacity) {
        size_t size_old = self->effect_capacity * sizeof *self->effects;
        void *effects = self->alloc->resize(self->alloc->context, self->effects, size_old, 2 * needed * sizeof *self->effects);
        if (!effects) return SL_E_NO_MEMORY;
        self->effects = effects;
        self->effect_capacity = (uint32_t)(2 * needed);
    }
    for (size_t i = 0; i < 3; i++) {
        sl_buf_clear(&self->tokens[i]);
        if (sl_buf_reserve(&self->tokens[i], (self->attempts.count + 1) * sizeof(struct sl_token))) return SL_E_NO_MEMORY;
    }
    return SL_OK;
}

struct sl_agent_effect *sl_agent_emit(struct sl_agent *self, enum sl_agent_effect_kind kind) {
    SL_ASSERT(self->effect_count < self->effect_capacity);
    struct sl_agent_effect *effect = &self->effects[self->effect_count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}

static void note_tokens(struct sl_buf *buf, const struct sl_list *list) {
    for (struct sl_link *link = sl_list_first(list); link; link = sl_list_next(list, link)) {
        sl_buf_put(buf, &attempt_of(link)->task.token, sizeof(struct sl_token));
    }
}

/* The first task of a host's list has begun; the others have not, and count as waiting. */
static void note_given(struct sl_agent *self, const struct host *host) {
    const struct sl_link *head = sl_list_first(&host->given);
    for (struct sl_link *link = sl_list_first(&host->given); link; link = sl_list_next(&host->given, link)) {
        struct sl_buf *buf = &self->tokens[link == head ? BEAT_IN_FLIGHT : BEAT_WAITING];
        sl_buf_put(buf, &attempt_of(link)->task.token, sizeof(struct sl_token));
    }
}

static const struct sl_token *token_list(const struct sl_buf *buf, uint32_t *out_count) {
    *out_count = (uint32_t)(buf->size / sizeof(struct sl_token));
    return (const struct sl_token *)(const void *)buf->data;
}

/* None while every task would be refused. */
static uint32_t slots(const struct sl_agent *self) {
    uint32_t all = self->config.host_count * (1 + self->config.prefetch);
    bool has_room = self->result_bytes <= SL_AGENT_RESULT_BYTES_MAX && self->attempts.count + all <= SL_AGENT_RESULTS_MAX;
    return has_room && !self->draining && !sl_agent_is_broken(self) ? all : 0;
}

void sl_agent_emit_beat(struct sl_agent *self, enum sl_agent_effect_kind kind) {
    for (size_t i = 0; i < 3; i++) sl_buf_clear(&self->tokens[i]);
    note_tokens(&self->tokens[BEAT_WAITING], &self->waiting);
    note_tokens(&self->tokens[BEAT_IN_FLIGHT], &self->inlined);
    for (uint32_t i = 0; i < self->config.host_count; i++) note_given(self, &self->hosts[i]);
    note_tokens(&self->tokens[BEAT_RESULTS], &self->held);
    for (size_t i = 0; i < SL_SHARDS_MAX && self->unsent_count; i++) note_tokens(&self->tokens[BEAT_RESULTS], &self->shards[i].unsent);
    for (size_t i = 0; i < SL_AGENT_RESEND_LEVELS; i++) note_tokens(&self->tokens[BEAT_RESULTS], &self->ended[i]);

    /* HELLO knows no third list: what waits is in flight there. */
    if (kind == SL_AGENT_DO_HELLO) {
        sl_buf_put(&self->tokens[BEAT_IN_FLIGHT], self->tokens[BEAT_WAITING].data, self->tokens[BEAT_WAITING].size);
        sl_buf_clear(&self->tokens[BEAT_WAITING]);
    }
    struct sl_agent_beat beat = {.session = self->session, .slots = slots(self)};
    beat.in_flight = token_list(&self->tokens[BEAT_IN_FLIGHT], &beat.in_flight_count);
    beat.waiting = token_list(&self->tokens[BEAT_WAITING], &beat.waiting_count);
    beat.results = token_list(&self->tokens[BEAT_RESULTS], &beat.result_count);
    sl_agent_emit(self, kind)->beat = beat;
}

void sl_agent_emit_field(struct sl_agent *self, struct field *field) {
    field->resend_at = self->now + agent_ms(1000);
    if (self->link != LINK_WELCOMED) return;
    struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_FIELD);
    effect->token = field->attempt->task.token;
    effect->field.message_id = field->message_id;
    effect->field.name = field->name;
    effect->field.value = field->value;
}
