/* Leaving: in peace (running attempts end, the rest is returned), at once, or because no stage host can live any more. */
#include "parts.h"

#include "base/err.h"

static const char leaving[] = "the worker is leaving";

static void return_waiting(struct sl_agent *self) {
    while (self->waiting.count) sl_agent_attempt_return(self, attempt_of(sl_list_first(&self->waiting)), leaving);
}

static void say_no_slots(struct sl_agent *self) {
    if (self->link == LINK_WELCOMED) sl_agent_emit_beat(self, SL_AGENT_DO_HEARTBEAT);
}

int sl_agent_on_drain(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    if (self->draining) return SL_OK;
    self->draining = true;
    self->drain_at = self->now + agent_ms(self->config.drain_ms);
    return_waiting(self);
    for (uint32_t i = 0; i < self->config.host_count; i++) sl_agent_host_reclaim(self, &self->hosts[i]);
    say_no_slots(self);
    return SL_OK;
}

static void leave(struct sl_agent *self) {
    self->left = true;
    if (self->link != LINK_DOWN) (void)sl_agent_emit(self, SL_AGENT_DO_BYE);
    sl_agent_emit(self, SL_AGENT_DO_EXIT)->status = self->status;
}

int sl_agent_on_stop(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    self->draining = true;
    return_waiting(self);
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        struct host *host = &self->hosts[i];
        while (host->given.count) sl_agent_attempt_return(self, host_head(host), "stopped, because the worker is leaving");
        sl_agent_host_kill(self, host);
    }
    leave(self);
    return SL_OK;
}

int sl_agent_on_spawner_lost(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    static const char text[] = "the worker lost its spawner, and with it every stage host";
    struct outcome crash = {.result = {.outcome = SL_OUTCOME_CRASH, .error = sl_text(text)}};
    self->draining = self->stopped = true;
    self->status = 1;
    self->drain_at = self->now + self->lost_ns;
    return_waiting(self);
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        struct host *host = &self->hosts[i];
        while (host->given.count > 1) sl_agent_attempt_return(self, attempt_of(host->given.head.prev), leaving);
        if (host->given.count) sl_agent_attempt_end(self, host_head(host), &crash);
        host->state = HOST_DOWN;
        host->until = UINT64_MAX;
        sl_agent_host_settle(self, host);
    }
    say_no_slots(self);
    return SL_OK;
}

/* The drain time is over: what still runs is stopped, and gets the grace time and a second for its acknowledgement. */
static void stop_running(struct sl_agent *self) {
    self->stopped = true;
    self->drain_at = self->now + agent_ms(self->config.grace_ms + 1000u);
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        if (self->hosts[i].given.count) sl_agent_host_stop(self, &self->hosts[i], STOP_DRAIN);
    }
}

void sl_agent_drain_due(struct sl_agent *self) {
    if (!self->draining || self->left) return;
    if (!self->stopped && self->now >= self->drain_at) stop_running(self);
    bool time_is_over = self->stopped && self->now >= self->drain_at;
    if (self->attempts.count == 0 || time_is_over) leave(self);
}
