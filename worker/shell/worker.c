/* Events in, effects out: the one switch that carries out what the agent wants. */
#include "worker.h"

#include "base/err.h"
#include "io/clock.h"

#include <stdlib.h>

void sl_worker_out_of_memory(void) {
    sl_log(SL_LOG_ERROR, "out of memory; the broker gives what this worker had to others");
    exit(1);
}

bool sl_worker_is_said(uint64_t count) {
    return (count & (count - 1)) == 0;
}

const uint8_t *sl_worker_later(struct sl_worker *self, const struct sl_agent_event *event, struct sl_bytes text) {
    if (self->pending_count == self->pending_capacity) {
        uint32_t capacity = self->pending_capacity ? 2 * self->pending_capacity : 64;
        struct sl_pending *pending = realloc(self->pending, capacity * sizeof *pending);
        if (!pending) sl_worker_out_of_memory();
        self->pending = pending;
        self->pending_capacity = capacity;
    }
    struct sl_pending *added = &self->pending[self->pending_count++];
    added->event = *event;
    sl_buf_init(&added->text, sl_alloc_system());
    if (text.size && sl_buf_append(&added->text, text.data, text.size)) sl_worker_out_of_memory();
    return added->text.data;
}

static void reconnect(struct sl_worker *self) {
    sl_session_reconnect(self);
    const struct sl_agent_event event = {.kind = SL_AGENT_CONNECTED};
    (void)sl_worker_later(self, &event, sl_bytes(NULL, 0));
}

static void leave(struct sl_worker *self, int status) {
    self->status = status;
    sl_loop_stop(self->loop);
}

static void carry_out(struct sl_worker *self, const struct sl_agent_effect *effect) {
    switch (effect->kind) {
    case SL_AGENT_DO_RECONNECT: reconnect(self); return;
    case SL_AGENT_DO_HELLO: sl_session_hello(self, &effect->beat); return;
    case SL_AGENT_DO_HEARTBEAT: sl_session_heartbeat(self, &effect->beat); return;
    case SL_AGENT_DO_RESULT: sl_session_result(self, &effect->token, &effect->result); return;
    case SL_AGENT_DO_FIELD: sl_session_field(self, effect); return;
    case SL_AGENT_DO_BYE: sl_session_bye(self); return;
    case SL_AGENT_DO_HOST_START: sl_stages_start(self, effect->host); return;
    case SL_AGENT_DO_HOST_DEFINE: sl_stages_define(self, effect->host, effect->give.digest, effect->give.canonical); return;
    case SL_AGENT_DO_HOST_GIVE: sl_stages_give(self, effect->host, effect->give.task); return;
    case SL_AGENT_DO_HOST_RECLAIM: sl_stages_reclaim(self, effect->host, effect->token.nonce); return;
    case SL_AGENT_DO_HOST_END: sl_stages_end(self, effect->host); return;
    case SL_AGENT_DO_HOST_SIGNAL: sl_stages_signal(self, effect->host, effect->signal); return;
    case SL_AGENT_DO_INLINE: sl_inline_run(self, effect); return;
    case SL_AGENT_DO_EXIT: leave(self, effect->status); return;
    case SL_AGENT_EFFECT_COUNT: return;
    }
}

static void step_once(struct sl_worker *self, struct sl_agent_event *event) {
    struct sl_agent_effects effects;
    uint64_t now = sl_loop_now_ns(self->loop);
    if (now > self->now) self->now = now;
    event->now = self->now;
    int rc = sl_agent_step(self->agent, event, &effects);
    if (rc == SL_E_NO_MEMORY) sl_worker_out_of_memory();
    if (rc && sl_worker_is_said(++self->refused_count)) {
        sl_log(SL_LOG_WARNING, "what the broker or a stage host said cannot be followed: %s (%lu so far)", sl_err_text(rc),
               (unsigned long)self->refused_count);
    }
    for (uint32_t i = 0; rc == SL_OK && i < effects.count; i++) carry_out(self, &effects.items[i]);
}

void sl_worker_step(struct sl_worker *self, struct sl_agent_event event) {
    step_once(self, &event);
    for (uint32_t i = 0; i < self->pending_count; i++) {
        struct sl_pending next = self->pending[i]; /* the array may move while the event is taken */
        step_once(self, &next.event);
        sl_buf_fini(&next.text);
    }
    self->pending_count = 0;
}
