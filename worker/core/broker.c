/* The session with the broker: greeting, beats, silence, and what is said again until it is acknowledged. */
#include "parts.h"

#include "base/err.h"

/* HELLO is repeated while nobody answers: a broker that restarted in between has not seen the first one. */
static void greet(struct sl_agent *self) {
    self->link = LINK_GREETING;
    self->beat_at = self->now + 2 * self->heartbeat_ns;
    sl_agent_emit_beat(self, SL_AGENT_DO_HELLO);
}

int sl_agent_on_connected(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    self->heard_at = self->now;
    greet(self);
    return SL_OK;
}

/* A RESET that answers what was sent before the newest HELLO says nothing new. */
int sl_agent_on_reset(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    if (self->link == LINK_WELCOMED) greet(self);
    return SL_OK;
}

/* HELLO is the message that says it. On the same connection it takes nothing from the attempts under way. */
int sl_agent_on_offers(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    if (self->link != LINK_DOWN) greet(self);
    return SL_OK;
}

int sl_agent_on_broker_bye(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    if (self->link != LINK_WELCOMED) return SL_OK;
    self->link = LINK_GREETING;
    self->beat_at = self->now + 2 * self->heartbeat_ns;
    return SL_OK;
}

/* Fields go first: a field of an attempt whose result is committed would be stale. */
static void send_everything(struct sl_agent *self) {
    for (struct sl_link *link = sl_list_first(&self->fields); link; link = sl_list_next(&self->fields, link)) {
        sl_agent_emit_field(self, SL_CONTAINER(link, struct field, link));
    }
    sl_agent_attempts_unsend(self);
    sl_agent_attempts_send(self);
}

int sl_agent_on_welcome(struct sl_agent *self, const struct sl_agent_event *event) {
    if (self->link == LINK_DOWN) return SL_OK;
    self->link = LINK_WELCOMED;
    self->session = event->welcome.session;
    if (event->welcome.heartbeat_ms >= SL_HEARTBEAT_MIN_MS) self->heartbeat_ns = agent_ms(event->welcome.heartbeat_ms);
    if (event->welcome.lost_ms >= SL_LOST_MIN_MS) self->lost_ns = agent_ms(event->welcome.lost_ms);
    self->beat_at = self->now + self->heartbeat_ns;
    send_everything(self);
    return SL_OK;
}

/* Workers answer the broker's beat: those of many come together, and wake it once. Without one they beat by themselves. */
int sl_agent_on_beat(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    bool is_half = self->beat_at - self->now <= self->heartbeat_ns / 2;
    if (self->link == LINK_WELCOMED && self->beat_at > self->now && is_half) self->beat_at = self->now;
    return SL_OK;
}

static void drop_field(struct sl_agent *self, struct field *field) {
    SL_ASSERT(field->attempt->field_count > 0);
    field->attempt->field_count--;
    sl_list_remove(&self->fields, &field->link);
    sl_pool_give(&self->pool, field, field->size);
}

void sl_agent_fields_drop(struct sl_agent *self, struct attempt *attempt) {
    struct sl_link *link = attempt->field_count ? sl_list_first(&self->fields) : NULL;
    while (link) {
        struct field *field = SL_CONTAINER(link, struct field, link);
        link = sl_list_next(&self->fields, link);
        if (field->attempt == attempt) drop_field(self, field);
    }
    SL_ASSERT(attempt->field_count == 0);
}

int sl_agent_on_result_ack(struct sl_agent *self, const struct sl_agent_event *event) {
    struct attempt *attempt = sl_agent_attempt_find(self, &event->token);
    if (!attempt || !sl_agent_attempt_has_ended(attempt)) return SL_OK;
    sl_agent_fields_drop(self, attempt);
    sl_agent_attempt_forget(self, attempt);
    return SL_OK;
}

/* The broker has said its last word about that field. */
static void settle_field(struct sl_agent *self, uint64_t message_id) {
    for (struct sl_link *link = sl_list_first(&self->fields); link; link = sl_list_next(&self->fields, link)) {
        struct field *field = SL_CONTAINER(link, struct field, link);
        if (field->message_id != message_id) continue;
        struct attempt *attempt = field->attempt;
        drop_field(self, field);
        sl_agent_attempt_release(self, attempt);
        return;
    }
}

int sl_agent_on_field_ack(struct sl_agent *self, const struct sl_agent_event *event) {
    settle_field(self, event->message_id);
    return SL_OK;
}

/* A broker that cannot read a field now will not read it later either: without this it would hold its attempt's result for ever. */
int sl_agent_on_rejected(struct sl_agent *self, const struct sl_agent_event *event) {
    if (!event->rejected.retryable) settle_field(self, event->rejected.message_id);
    return SL_OK;
}

static void send_due(struct sl_agent *self) {
    for (struct sl_link *link = sl_list_first(&self->fields); link; link = sl_list_next(&self->fields, link)) {
        struct field *field = SL_CONTAINER(link, struct field, link);
        if (field->resend_at <= self->now) sl_agent_emit_field(self, field);
    }
    for (uint32_t level = SL_AGENT_RESEND_LEVELS; level-- > 0;) {
        size_t count = self->ended[level].count;
        while (count--) {
            struct attempt *attempt = attempt_of(sl_list_first(&self->ended[level]));
            if (attempt->resend_at > self->now) break;
            sl_agent_attempt_send(self, attempt, level + 1);
        }
    }
}

void sl_agent_broker_due(struct sl_agent *self, bool is_tick) {
    if (self->link == LINK_DOWN) return;
    if (is_tick && self->now - self->heard_at >= self->lost_ns) {
        self->link = LINK_DOWN;
        (void)sl_agent_emit(self, SL_AGENT_DO_RECONNECT);
        return;
    }
    if (self->now >= self->beat_at) {
        if (self->link == LINK_GREETING) {
            greet(self);
        } else {
            self->beat_at = self->now + self->heartbeat_ns;
            sl_agent_emit_beat(self, SL_AGENT_DO_HEARTBEAT);
        }
    }
    if (self->link == LINK_WELCOMED) send_due(self);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t sl_agent_broker_deadline(const struct sl_agent *self) {
    if (self->link == LINK_DOWN) return UINT64_MAX;
    uint64_t at = earlier(self->heard_at + self->lost_ns, self->beat_at);
    if (self->link == LINK_GREETING) return at;
    for (struct sl_link *link = sl_list_first(&self->fields); link; link = sl_list_next(&self->fields, link)) {
        at = earlier(at, SL_CONTAINER(link, struct field, link)->resend_at);
    }
    for (size_t level = 0; level < SL_AGENT_RESEND_LEVELS; level++) {
        const struct attempt *first = attempt_of(sl_list_first(&self->ended[level]));
        if (first) at = earlier(at, first->resend_at);
    }
    return at;
}
