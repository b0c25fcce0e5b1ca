/* The loop around the core: what comes in becomes events, what the core wants is carried out, once a turn all of it leaves. */
#include "broker.h"

#include "base/err.h"
#include "base/limits.h"
#include "catalog.h"
#include "io/clock.h"
#include "io/log.h"
#include "options.h"
#include "pipeline_watch.h"

#include <hiredis/hiredis.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MEMORY_POLL_MS = 1000, MEMORY_PRESSURE_PERCENT = 80, TRIM_BYTES_MIN = 1 << 20, TRIM_MS_MIN = 1000 };
/* The shards of a broker that died come within less. */
enum { CATALOG_AGE_MS_MAX = 1000 };

int sl_broker_step(struct sl_broker *self, struct sl_event *event) {
    struct sl_effects effects;
    event->now = sl_clock_now_ns();
    event->wall_ms = sl_clock_wall_ms();
    int rc = sl_sched_step(self->sched, event, &effects);
    if (rc) {
        sl_log(SL_LOG_ERROR, "an event was not taken: %s; whoever sent it will send it again", sl_err_text(rc));
        return rc;
    }
    sl_effects_carry_out(self, &effects);
    return SL_OK;
}

static void step_kind(struct sl_broker *self, enum sl_event_kind kind) {
    struct sl_event event = {.kind = kind};
    sl_broker_step(self, &event);
}

/* The ledger. */

/* A shard's jobs may need what was stored through the owner before: that is read ahead of them, on the same connection, all at once. */
static void on_reply(void *context, const struct sl_ledger_reply *reply) {
    struct sl_broker *self = context;
    struct sl_event event = {.kind = SL_EV_LEDGER_REPLY, .reply = reply};
    bool acquired = reply->verb == SL_LEDGER_ACQUIRE && reply->status == SL_LEDGER_OK;
    if (acquired) (void)sl_catalog_refresh(self->catalog, CATALOG_AGE_MS_MAX); /* the core reads what it lacks besides */
    sl_broker_step(self, &event);
}

static void on_up(void *context) {
    struct sl_broker *self = context;
    self->ledger_up = true;
    self->why_said = 0;
    self->transitions_asked = UINT64_MAX; /* it may have filled up since we last asked: known before the first job comes */
    self->memory_asked_at = 0;
    sl_log(SL_LOG_INFO, "connected to Redis");
    if (self->serving) {
        step_kind(self, SL_EV_LEDGER_UP);
        sl_catalog_put_policies(self->catalog);
    } else {
        sl_catalog_read(self->catalog);
    }
}

static void on_down(void *context, const char *why) {
    struct sl_broker *self = context;
    self->ledger_up = false;
    sl_log(SL_LOG_WARNING, "lost the connection to Redis: %s; holding, and trying again", why);
    if (self->serving) step_kind(self, SL_EV_LEDGER_DOWN);
    sl_front_resume(self);
}

/* Why it does not come back, once a reason. */
static void say_why_down(struct sl_broker *self) {
    const char *why = sl_ledger_redis_why(self->ledger);
    uint32_t reason = sl_crc32c(sl_text(why));
    if (self->ledger_up || *why == '\0' || reason == self->why_said) return;
    bool first = self->why_said == 0;
    self->why_said = reason;
    if (!first || !self->serving) sl_log(SL_LOG_WARNING, "not connected to Redis: %s; trying again", why);
}

static void on_ledger_fd(void *context, int fd, unsigned events) {
    struct sl_broker *self = context;
    bool closed = events & SL_LOOP_CLOSED;
    sl_ledger_redis_ready(self->ledger, fd, closed || events & SL_LOOP_READ, closed || events & SL_LOOP_WRITE);
}

static void watch(void *context, int fd, bool readable, bool writable) {
    struct sl_broker *self = context;
    unsigned events = (readable ? SL_LOOP_READ : 0u) | (writable ? SL_LOOP_WRITE : 0u);
    sl_loop_remove_fd(self->loop, fd);
    if (sl_loop_add_fd(self->loop, fd, events, on_ledger_fd, self)) {
        sl_log(SL_LOG_ERROR, "cannot watch the connection to Redis");
    }
}

static void unwatch(void *context, int fd) {
    struct sl_broker *self = context;
    sl_loop_remove_fd(self->loop, fd);
}

/* Redis' memory decides whether new jobs are taken. */
static void on_memory(void *context, const struct redisReply *reply) {
    struct sl_broker *self = context;
    if (!reply || reply->type != REDIS_REPLY_STRING) return;
    const char *used = strstr(reply->str, "used_memory:"), *max = strstr(reply->str, "maxmemory:");
    if (!used || !max) return;
    unsigned long long used_bytes = strtoull(used + strlen("used_memory:"), NULL, 10);
    unsigned long long max_bytes = strtoull(max + strlen("maxmemory:"), NULL, 10);
    struct sl_event event = {.kind = SL_EV_PRESSURE};
    event.on = max_bytes > 0 && used_bytes / MEMORY_PRESSURE_PERCENT >= max_bytes / 100;
    if (event.on != self->pressed) {
        self->pressed = event.on;
        sl_log(SL_LOG_WARNING, event.on ? "Redis is nearly full: no new jobs are taken until it has room; raise its maxmemory"
                                        : "Redis has room again: new jobs are taken");
    }
    sl_broker_step(self, &event);
}

/* Only while something happens: an idle broker asks Redis nothing. One that refuses jobs asks, or it would never take them again. */
static void ask_memory(struct sl_broker *self, uint64_t now) {
    static const char *const argv[] = {"INFO", "memory"};
    static const size_t argvlen[] = {4, 6};
    struct sl_sched_figures figures;
    if (!self->serving || !self->ledger_up || now - self->memory_asked_at < MEMORY_POLL_MS * 1000000ull) return;
    sl_sched_figures(self->sched, &figures);
    if (figures.transitions == self->transitions_asked && !self->pressed) return;
    self->transitions_asked = figures.transitions;
    self->memory_asked_at = now;
    (void)sl_ledger_redis_command(self->ledger, 2, argv, argvlen, on_memory, self); /* asked again in a second */
}

/* Starting. */

static void announce(struct sl_broker *self) {
    struct sl_sched_figures figures;
    if (self->announced || !self->serving || sl_catalog_pending(self->catalog) > 0) return;
    sl_sched_figures(self->sched, &figures);
    if (figures.shards_open < self->cluster.shards) return;
    char incarnation[SL_ID_TEXT_SIZE];
    sl_id_to_text(self->incarnation.bytes, incarnation);
    self->announced = true;
    sl_log(SL_LOG_INFO, "serving clients at %s and workers at %s with %u shards", sl_router_endpoint(self->front),
           sl_router_endpoint(self->back), self->cluster.shards);
    if (self->options->ready_fd < 0) return;
    (void)dprintf(self->options->ready_fd, "ready %s %s %s\n", sl_router_endpoint(self->front),
                  sl_router_endpoint(self->back), incarnation);
    (void)close(self->options->ready_fd);
}

/* Who starts a second broker hears that it works, and what for. The owner that died is waited for that long too. */
static void say_standing_by(struct sl_broker *self, uint64_t now) {
    enum { TAKEOVERS = 2 };
    struct sl_sched_figures figures;
    if (!self->serving || self->announced || self->stopping || self->standby_at == UINT64_MAX) return;
    if (self->standby_at == 0) self->standby_at = now + TAKEOVERS * 1000000ull * self->options->takeover_ms;
    if (now < self->standby_at) return;
    sl_sched_figures(self->sched, &figures);
    self->standby_at = UINT64_MAX;
    sl_log(SL_LOG_INFO, "holding %u of %u shards, standing by for those of other brokers: what they give up is taken over here",
           (unsigned)figures.shards_open, self->cluster.shards);
}

static void apply_pipelines(struct sl_broker *self) {
    for (uint32_t i = 0; i < self->options->pipeline_count; i++) {
        sl_catalog_apply_path(self->catalog, self->options->pipelines[i]);
    }
}

static void on_pipeline_written(void *context, const char *path) {
    sl_catalog_apply_path(((struct sl_broker *)context)->catalog, path);
}

static void on_pipeline_watch(void *context, int fd, unsigned events) {
    (void)fd;
    (void)events;
    sl_pipeline_watch_ready(((struct sl_broker *)context)->pipeline_watch);
}

/* Watched before they are read, so that no change falls between. */
static void watch_pipelines(struct sl_broker *self) {
    if (self->options->pipeline_count == 0) return;
    int rc = sl_pipeline_watch_new(self->options->pipelines, self->options->pipeline_count, on_pipeline_written, self,
                                   &self->pipeline_watch);
    if (!rc) rc = sl_loop_add_fd(self->loop, sl_pipeline_watch_fd(self->pipeline_watch), SL_LOOP_READ, on_pipeline_watch, self);
    if (rc) sl_log(SL_LOG_WARNING, "pipeline files are not watched (%s): send SIGHUP after a change", sl_err_text(rc));
}

void sl_broker_catalog_read(struct sl_broker *self) {
    if (!self->ledger_up) return;
    if (self->serving) {
        sl_front_resume(self);
        return;
    }
    self->serving = true;
    step_kind(self, SL_EV_LEDGER_UP);
    sl_catalog_put_policies(self->catalog);
    watch_pipelines(self);
    apply_pipelines(self);
    sl_front_resume(self);
}

void sl_broker_applied(struct sl_broker *self) {
    announce(self);
}

/* A turn's end. */

static void tell_gone(struct sl_broker *self) {
    for (uint32_t i = 0; i < self->gone_count; i++) {
        struct sl_event event = {.peer = self->gone[i]};
        event.kind = self->gone[i] & SL_PEER_OF_WORKER ? SL_EV_WORKER_GONE : SL_EV_CLIENT_GONE;
        sl_broker_step(self, &event);
    }
    self->gone_count = 0;
}

/* What a burst of jobs brought lies between blocks that stay, where free() alone gives nothing back to the system. */
static void trim_memory(struct sl_broker *self, uint64_t hot_bytes, uint64_t now) {
    if (hot_bytes > self->hot_bytes_peak) self->hot_bytes_peak = hot_bytes;
    bool fell = self->hot_bytes_peak > TRIM_BYTES_MIN && hot_bytes < self->hot_bytes_peak / 2;
    if (!fell || now - self->trimmed_at < TRIM_MS_MIN * 1000000ull) return;
    (void)malloc_trim(0); /* whether there was anything to give back does not matter */
    self->hot_bytes_peak = hot_bytes;
    self->trimmed_at = now;
}

static void bound_intake(struct sl_broker *self, const struct sl_sched_figures *figures) {
    bool full = figures->undurable_bytes + sl_outbox_bytes(self->outbox) >= SL_UNDURABLE_BYTES_STOP;
    bool listen = !full && !sl_waiting_is_full(&self->waiting);
    if (listen == self->listening) return;
    self->listening = listen;
    sl_loop_listen_router(self->loop, self->front, listen);
}

/* A broker that was stopped for a while, and whose shards another one took, has nothing else that would tell. */
static void say_lost_shards(struct sl_broker *self, uint64_t held) {
    if (held < self->shards_said && !self->stopping)
        sl_log(SL_LOG_WARNING, "%llu of %u shards are held here now: another broker took the others, or they were given up",
               (unsigned long long)held, self->cluster.shards);
    self->shards_said = held;
}

static uint64_t before_wait(void *context) {
    struct sl_broker *self = context;
    struct sl_sched_figures figures;
    uint64_t now = sl_clock_now_ns();
    if (sl_ledger_redis_deadline_ns(self->ledger) <= now) sl_ledger_redis_tick(self->ledger, now);
    say_why_down(self);
    tell_gone(self);
    step_kind(self, SL_EV_FLUSH);
    sl_effects_flush(self);
    ask_memory(self, now);
    sl_ledger_redis_flush(self->ledger);
    sl_catalog_sent(self->catalog);
    sl_sched_figures(self->sched, &figures);
    bound_intake(self, &figures);
    trim_memory(self, figures.hot_bytes, now);
    say_lost_shards(self, figures.shards_open);
    if (!self->announced) announce(self);
    say_standing_by(self, now);
    uint64_t core = sl_sched_deadline(self->sched), ledger = sl_ledger_redis_deadline_ns(self->ledger);
    return core < ledger ? core : ledger;
}

static void on_signal(void *context, int signal_number) {
    struct sl_broker *self = context;
    if (signal_number == SIGHUP) {
        apply_pipelines(self);
        return;
    }
    if (signal_number != SIGTERM && signal_number != SIGINT) return;
    if (self->stopping || !self->serving) {
        sl_loop_stop(self->loop);
        return;
    }
    self->stopping = true;
    sl_log(SL_LOG_INFO, "stopping: settling and giving the shards back (a second signal stops at once)");
    step_kind(self, SL_EV_DRAIN);
}

int sl_broker_open_ledger(struct sl_broker *self, char *why, size_t why_size) {
    struct sl_ledger_redis_config config = {.address = self->options->redis,
                                            .durability = self->options->durability,
                                            .reply_ms = self->options->reply_ms};
    struct sl_ledger_redis_io io = {.watch = watch, .unwatch = unwatch, .context = self};
    struct sl_ledger_redis_events events = {
        .on_reply = on_reply, .on_up = on_up, .on_down = on_down, .context = self};
    return sl_ledger_redis_new(&config, &io, &events, &self->ledger, why, why_size);
}

int sl_broker_run(struct sl_broker *self) {
    self->listening = true;
    sl_loop_on_signal(self->loop, on_signal, self);
    sl_loop_before_wait(self->loop, before_wait, self);
    return sl_loop_run(self->loop);
}
