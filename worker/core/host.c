/* The life of a stage host as the agent sees it, and which host gets which task. */
#include "parts.h"

#include <signal.h>
#include <string.h>

enum { START_MS = 10000, RESTART_FIRST_MS = 100, RESTART_MAX_MS = 5000 };

void sl_agent_host_start(struct sl_agent *self, struct host *host) {
    SL_ASSERT(host->state == HOST_DOWN);
    SL_ASSERT(host->given.count == 0);
    host->state = HOST_STARTING;
    host->reason = STOP_NONE;
    host->killed = false;
    host->was_ready = false;
    host->reclaimed = false;
    host->started_at = self->now;
    host->attempt_count = 0;
    host->until = self->now + agent_ms(START_MS);
    host->mean_us = SL_AGENT_TINY_US; /* the first attempts say whether it is less */
    if (host->knows.size) memset(host->knows.data, 0, host->knows.size);
    sl_agent_emit(self, SL_AGENT_DO_HOST_START)->host = host->index;
    sl_agent_host_settle(self, host);
}

static uint64_t backlog_us(const struct host *host) {
    return host->given.count * host->mean_us;
}

static uint64_t due_at(const struct host *host) {
    const struct attempt *head = host_head(host);
    switch (host->state) {
    case HOST_DOWN:
    case HOST_STARTING: return host->until;
    case HOST_STOPPING: return host->killed ? UINT64_MAX : host->until;
    case HOST_READY: break;
    }
    if (!head) return UINT64_MAX;
    uint64_t at = host->head_at + agent_ms(head->task.timeout_ms);
    uint64_t stuck = host->head_at + agent_ms(SL_AGENT_STUCK_MS);
    return host->given.count > 1 && !host->reclaimed && stuck < at ? stuck : at;
}

static bool is_worn(const struct sl_agent *self, const struct host *host) {
    uint32_t most = self->config.host_attempts_max;
    return most && host->attempt_count >= most && self->now - host->started_at >= agent_ms(self->config.host_age_min_ms);
}

/* A host that is worn out gets nothing more; when it is free it is ended (sl_agent_host_retire). */
static void join(struct sl_agent *self, struct host *host) {
    if (host->state != HOST_READY || (is_worn(self, host) && host->given.count)) return;
    if (host->given.count == 0) {
        host->list = &self->idle; /* the one that was busy last is chosen first: its memory is warm */
        sl_list_insert(host->list, &host->list->head, &host->link);
    } else if (host->given.count < SL_AGENT_WINDOW_MAX && host->mean_us < SL_AGENT_TINY_US) {
        host->list = &self->tiny;
        struct sl_link *place = backlog_us(host) < SL_AGENT_WAKE_US ? &host->list->head : host->list->head.prev;
        sl_list_insert(host->list, place, &host->link);
    }
}

void sl_agent_host_settle(struct sl_agent *self, struct host *host) {
    if (host->list) sl_list_remove(host->list, &host->link);
    host->list = NULL;
    join(self, host);
    uint64_t at = due_at(host);
    if (sl_heap_holds(&host->timer) && host->timer.at == at) return;
    sl_heap_remove(&self->timers, &host->timer);
    if (at != UINT64_MAX) sl_heap_insert(&self->timers, &host->timer, at);
}

static void emit_signal(struct sl_agent *self, struct host *host, int number) {
    struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_HOST_SIGNAL);
    effect->host = host->index;
    effect->signal = number;
}

/* From the last one to the second, so that each can go to the front of the queue. */
void sl_agent_host_reclaim(struct sl_agent *self, struct host *host) {
    host->reclaimed = true;
    if (host->given.count < 2) return;
    for (struct sl_link *link = host->given.head.prev; link != host->given.head.next; link = link->prev) {
        struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_HOST_RECLAIM);
        effect->host = host->index;
        effect->token = attempt_of(link)->task.token;
    }
}

void sl_agent_host_kill(struct sl_agent *self, struct host *host) {
    if (host->state == HOST_DOWN) return;
    host->state = HOST_STOPPING;
    host->killed = true;
    emit_signal(self, host, SIGKILL);
    sl_agent_host_settle(self, host);
}

void sl_agent_host_stop(struct sl_agent *self, struct host *host, enum stop_reason reason) {
    if (host->state == HOST_STOPPING || host->state == HOST_DOWN) return;
    host->state = HOST_STOPPING;
    host->reason = reason;
    host->killed = reason == STOP_BROKEN;
    host->until = self->now + agent_ms(self->config.grace_ms);
    emit_signal(self, host, host->killed ? SIGKILL : SIGTERM);
    sl_agent_host_reclaim(self, host);
    sl_agent_host_settle(self, host);
}

void sl_agent_host_retire(struct sl_agent *self, struct host *host) {
    if (host->state != HOST_READY || host->given.count || self->draining || !is_worn(self, host)) return;
    host->state = HOST_STOPPING;
    host->reason = STOP_WORN;
    host->until = self->now + agent_ms(self->config.grace_ms);
    sl_agent_emit(self, SL_AGENT_DO_HOST_END)->host = host->index;
    sl_agent_host_settle(self, host);
}

void sl_agent_host_due(struct sl_agent *self, struct host *host) {
    static const char not_ready[] = "the stage host did not get ready";
    const struct attempt *head = host_head(host);
    switch (host->state) {
    case HOST_DOWN:
        sl_agent_host_start(self, host);
        return;
    case HOST_STARTING:
        memcpy(host->broken_text, not_ready, sizeof not_ready);
        sl_agent_host_stop(self, host, STOP_BROKEN);
        return;
    case HOST_STOPPING:
        sl_agent_host_kill(self, host);
        return;
    case HOST_READY: break;
    }
    SL_ASSERT(head);
    if (self->now >= host->head_at + agent_ms(head->task.timeout_ms)) {
        sl_agent_host_stop(self, host, STOP_TIMEOUT);
        return;
    }
    sl_agent_host_reclaim(self, host);
    host->mean_us = SL_AGENT_STUCK_MS * 1000;
    sl_agent_host_settle(self, host);
}

uint64_t sl_agent_host_restart_at(const struct sl_agent *self, const struct host *host) {
    if (self->draining) return UINT64_MAX;
    if (host->failed_starts == 0) return self->now;
    uint32_t doublings = host->failed_starts < 7 ? host->failed_starts - 1 : 6;
    uint64_t wait_ms = (uint64_t)RESTART_FIRST_MS << doublings;
    return self->now + agent_ms(wait_ms < RESTART_MAX_MS ? wait_ms : RESTART_MAX_MS);
}

bool sl_agent_is_broken(const struct sl_agent *self) {
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        if (self->hosts[i].failed_starts < SL_AGENT_STARTS_MAX) return false;
    }
    return true;
}

/* A host that is awake and nearly free, else an idle one, else one whose attempts are tiny. */
static struct host *choose(struct sl_agent *self) {
    struct host *tiny = host_of(sl_list_first(&self->tiny));
    if (tiny && backlog_us(tiny) < SL_AGENT_WAKE_US) return tiny;
    struct host *idle = host_of(sl_list_first(&self->idle));
    return idle ? idle : tiny;
}

static void define(struct sl_agent *self, struct host *host, const struct definition *definition) {
    uint8_t *byte = &host->knows.data[definition->number / 8];
    uint8_t bit = (uint8_t)(1u << definition->number % 8);
    if (*byte & bit) return;
    *byte |= bit;
    struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_HOST_DEFINE);
    effect->host = host->index;
    effect->give.digest = definition->pipeline->digest;
    effect->give.canonical = definition->pipeline->canonical;
}

static void give_one(struct sl_agent *self, struct host *host, struct attempt *attempt) {
    const struct definition *definition = sl_idmap_find(&self->definitions, attempt->task.definition.bytes);
    SL_ASSERT(definition);
    define(self, host, definition);
    sl_list_remove(&self->waiting, &attempt->link);
    attempt->state = ATTEMPT_GIVEN;
    attempt->place = host->index;
    if (host->given.count == 0) {
        host->head_at = self->now;
        host->reclaimed = false;
    }
    sl_list_append(&host->given, &attempt->link);
    struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_HOST_GIVE);
    effect->host = host->index;
    effect->token = attempt->task.token;
    effect->give.task = &attempt->task;
    sl_agent_host_settle(self, host);
}

void sl_agent_give(struct sl_agent *self) {
    while (self->waiting.count) {
        struct attempt *attempt = attempt_of(sl_list_first(&self->waiting));
        struct host *host = choose(self);
        if (host) {
            give_one(self, host, attempt);
        } else if (sl_agent_is_broken(self)) {
            sl_agent_attempt_return(self, attempt, "no stage host can be started on this worker");
        } else {
            return;
        }
    }
}
