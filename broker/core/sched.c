/* The step: guard, time, one switch, each case one call; then what time alone brings. */
#include "sched_state.h"

#include "base/text.h"
#include "query.h"

#include <stdarg.h>

struct sl_sched_config sl_sched_config_default(void) {
    return (struct sl_sched_config){.beat_ms = SL_BEAT_MS,
                                    .takeover_ms = SL_TAKEOVER_MS,
                                    .heartbeat_ms = SL_HEARTBEAT_MS,
                                    .lost_ms = SL_LOST_MS,
                                    .timeout_grace_ms = SL_TIMEOUT_GRACE_MS,
                                    .settle_ms = SL_SETTLE_MS,
                                    .once_grace_ms = SL_ONCE_GRACE_MS,
                                    .hot_bytes_max = SL_HOT_BYTES_MAX,
                                    .retention_ms = SL_RETENTION_MS,
                                    .retention_bytes = SL_RETENTION_BYTES,
                                    .tombstone_ms = SL_TOMBSTONE_MS};
}

static void init_lists(struct sl_sched *self) {
    sl_list_init(&self->pipeline_list);
    sl_list_init(&self->types);
    sl_list_init(&self->types_waiting);
    sl_list_init(&self->undecided.ready);
    sl_list_init(&self->undecided.offers);
    sl_list_init(&self->sessions);
    sl_list_init(&self->reads);
    sl_list_init(&self->held_queries);
    sl_list_init(&self->once_list);
    sl_heap_init(&self->timers, &self->alloc);
    sl_idmap_init(&self->pipelines, &self->alloc, self->config.hash_seed);
    sl_idmap_init(&self->peers, &self->alloc, self->config.hash_seed);
    sl_idmap_init(&self->lookups, &self->alloc, self->config.hash_seed);
    sl_idmap_init(&self->watches, &self->alloc, self->config.hash_seed);
    sl_idmap_init(&self->onces, &self->alloc, self->config.hash_seed);
    sl_buf_init(&self->scratch, &self->alloc);
    sl_buf_init(&self->output, &self->alloc);
}

int sl_sched_new(const struct sl_alloc *alloc, const struct sl_sched_config *config, struct sl_sched **out_self) {
    bool sane = config->shard_count > 0 && config->shard_count <= SL_SHARDS_MAX && config->beat_ms > 0 &&
                config->takeover_ms > 0 && config->heartbeat_ms > 0 && config->lost_ms > 0;
    if (!sane) return SL_E_LIMIT;
    struct sl_sched *self = sl_alloc_take(alloc, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    memset(self, 0, sizeof *self);
    self->config = *config;
    self->alloc = *alloc;
    self->rng.state = config->seed;
    sl_pool_init(&self->pool, &self->alloc);
    init_lists(self);
    size_t size = config->shard_count * sizeof *self->shards;
    self->shards = sl_alloc_take(alloc, size);
    if (!self->shards) {
        sl_alloc_give(alloc, self, sizeof *self);
        return SL_E_NO_MEMORY;
    }
    for (uint16_t i = 0; i < config->shard_count; i++) {
        sl_shard_init(&self->shards[i], i, &self->pool, &self->alloc, config->hash_seed);
    }
    *out_self = self;
    return SL_OK;
}

static void free_sessions(struct sl_sched *self) {
    struct sl_link *link;
    while ((link = sl_list_first(&self->sessions))) {
        (void)sl_session_lost(self, SL_CONTAINER(link, struct sl_session, link), true);
    }
    sl_idmap_fini(&self->peers);
}

static void free_reads(struct sl_sched *self) {
    struct sl_link *link;
    while ((link = sl_list_first(&self->reads))) {
        struct sl_read *read = SL_CONTAINER(link, struct sl_read, link);
        sl_list_remove(&self->reads, link);
        if (read->query && --read->query->pending == 0) sl_query_free(self, read->query);
        sl_pool_give(&self->pool, read, sizeof *read);
    }
    while ((link = sl_list_first(&self->held_queries))) {
        sl_list_remove(&self->held_queries, link);
        sl_query_free(self, SL_CONTAINER(link, struct sl_query, link));
    }
    size_t cursor = 0;
    struct sl_lookup *lookup;
    while ((lookup = sl_idmap_each(&self->lookups, &cursor))) {
        for (struct sl_waiter *waiter = lookup->first; waiter; waiter = waiter->next) {
            sl_alloc_give(&self->alloc, waiter->event, waiter->event_size);
        }
    }
    sl_idmap_fini(&self->lookups);
}

static void free_catalog(struct sl_sched *self) {
    struct sl_link *link;
    while ((link = sl_list_first(&self->pipeline_list))) {
        sl_list_remove(&self->pipeline_list, link);
        sl_pipeline_entry_free(self, SL_CONTAINER(link, struct sl_pipeline_entry, link));
    }
    sl_idmap_fini(&self->pipelines);
    while ((link = sl_list_first(&self->types))) {
        struct sl_type *type = SL_CONTAINER(link, struct sl_type, link);
        sl_list_remove(&self->types, link);
        sl_blob_drop(&self->alloc, &type->memory);
        sl_blob_drop(&self->alloc, &type->refused_memory);
        sl_pool_give(&self->pool, type, sizeof *type);
    }
    size_t size = self->type_table.count * sizeof *self->type_table.items;
    sl_alloc_give(&self->alloc, (void *)(uintptr_t)self->type_table.items, size);
    for (uint32_t i = 0; i < self->callable_count; i++) {
        struct sl_bytes text = self->callables[i].text;
        sl_alloc_give(&self->alloc, (void *)(uintptr_t)text.data, text.size + 1);
    }
    sl_alloc_give(&self->alloc, self->callables, self->callable_count * sizeof *self->callables);
    for (uint32_t i = 0; i < self->policy_count; i++) {
        struct sl_bytes name = self->policies[i].name;
        sl_alloc_give(&self->alloc, (void *)(uintptr_t)name.data, name.size + 1);
    }
    sl_alloc_give(&self->alloc, self->policies, self->policy_count * sizeof *self->policies);
}

static void free_watches(struct sl_sched *self) {
    size_t cursor = 0;
    struct sl_watch *watch;
    while ((watch = sl_idmap_each(&self->watches, &cursor))) {
        sl_alloc_give(&self->alloc, watch->peers, watch->peer_capacity * sizeof *watch->peers);
    }
    sl_idmap_fini(&self->watches);
}

void sl_sched_free(struct sl_sched **self) {
    struct sl_sched *gone = *self;
    if (!gone) return;
    struct sl_alloc alloc = gone->alloc;
    for (uint16_t i = 0; i < gone->config.shard_count; i++) sl_shard_drop(gone, &gone->shards[i], SL_SHARD_FOREIGN);
    free_sessions(gone);
    for (uint16_t i = 0; i < gone->config.shard_count; i++) sl_shard_fini(&gone->shards[i]);
    sl_alloc_give(&alloc, gone->shards, gone->config.shard_count * sizeof *gone->shards);
    free_reads(gone);
    free_watches(gone);
    sl_once_forget_all(gone);
    free_catalog(gone);
    sl_effects_clear(gone);
    sl_alloc_give(&alloc, gone->effects, gone->effect_capacity * sizeof *gone->effects);
    sl_heap_fini(&gone->timers);
    sl_buf_fini(&gone->scratch);
    sl_buf_fini(&gone->output);
    sl_pool_fini(&gone->pool);
    sl_alloc_give(&alloc, gone, sizeof *gone);
    *self = NULL;
}

int sl_reject(struct sl_sched *self, uint64_t peer, uint64_t re, const struct sl_shard *rests_on, enum sl_reject code,
              const char *format, ...) {
    enum { SENTENCE_SIZE = 512 };
    int rc = sl_effects_reserve(self, 1);
    char *sentence = sl_step_block(self, SENTENCE_SIZE);
    if (rc || !sentence) return SL_E_NO_MEMORY;
    va_list args;
    va_start(args, format);
    sl_text_format_list(sentence, SENTENCE_SIZE, format, args);
    va_end(args);
    struct sl_effect *effect =
        rests_on ? sl_effect_add_tagged(self, SL_DO_REJECTED, rests_on) : sl_effect_add(self, SL_DO_REJECTED);
    effect->peer = peer;
    effect->re = re;
    effect->rejected.code = code;
    effect->rejected.message = sl_text(sentence);
    effect->rejected.retry_after_ms = code == SL_REJECT_BACKPRESSURE ? 200 : code == SL_REJECT_NOT_READY ? 100 : 0;
    return SL_OK;
}

/* The beat of a shard that has written nothing for a while. Not while a batch is open: its commit is the next write. */
static int beat(struct sl_sched *self, struct sl_shard *shard) {
    bool due = self->now - shard->write_at >= (uint64_t)self->config.beat_ms * 1000000u;
    if (!due || shard->batch_count > 0 || shard->writes.count > 0) return SL_OK;
    return sl_shard_seal(self, shard, SL_LEDGER_BEAT, 0, NULL);
}

/* Drain: what is flushed and settled is given back. */
static int drain_shard(struct sl_sched *self, struct sl_shard *shard) {
    bool idle = shard->batch_count == 0 && shard->writes.count == 0 && shard->dirty.count == 0;
    if (shard->releasing || !idle) return SL_OK;
    int rc = sl_shard_seal(self, shard, SL_LEDGER_RELEASE, 0, NULL);
    if (!rc) shard->releasing = true;
    return rc;
}

static int flush_shard(struct sl_sched *self, struct sl_shard *shard) {
    if (shard->state != SL_SHARD_OPEN) return SL_OK;
    int rc = SL_OK;
    if (shard->batch_count > 0 && shard->commits_under_way == 0) rc = sl_shard_seal_commit(self, shard);
    if (!rc && !shard->releasing) rc = sl_shard_settle(self, shard);
    if (!rc && !shard->releasing) rc = beat(self, shard);
    if (!rc) rc = sl_retention_turn(self, shard);
    if (!rc) rc = sl_sweep_turn(self, shard);
    if (!rc && self->draining) rc = drain_shard(self, shard);
    sl_shard_send(self, shard);
    return rc;
}

/* All that was there has been decided: what can start starts, what is open is sealed. */
static int flush(struct sl_sched *self) {
    int rc = sl_dispatch(self);
    sl_reads_send_held(self);
    sl_query_send_held(self);
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        int failed = sl_owner_poll(self, &self->shards[i]);
        if (!failed) failed = flush_shard(self, &self->shards[i]);
        if (!rc) rc = failed;
    }
    if (!self->draining || self->drained || rc) return rc;
    /* What is not given back by then, because Redis does not answer, is taken over as that of a broker that died. */
    for (uint16_t i = 0; i < self->config.shard_count && self->now < self->drain_until; i++) {
        enum sl_shard_state state = self->shards[i].state;
        if (state == SL_SHARD_OPEN || state == SL_SHARD_RECOVERING || state == SL_SHARD_ACQUIRING) return SL_OK;
    }
    self->drained = true;
    (void)sl_effect_add(self, SL_DO_DRAINED);
    return SL_OK;
}

static int begin_drain(struct sl_sched *self) {
    int rc = sl_effects_reserve(self, (uint32_t)self->sessions.count);
    if (rc) return rc;
    self->draining = true;
    self->drain_until = self->now + (uint64_t)SL_DRAIN_MS * 1000000u;
    return SL_OK;
}

static int ledger_reply(struct sl_sched *self, const struct sl_ledger_reply *reply) {
    if (reply->shard >= self->config.shard_count) return SL_OK;
    if (reply->verb >= SL_LEDGER_READ_LEASE) return sl_read_reply(self, reply);
    sl_shard_reply(self, &self->shards[reply->shard], reply);
    return SL_OK;
}

static void peer_gone(struct sl_sched *self, uint64_t peer) {
    struct sl_session *session = sl_session_of_peer(self, peer);
    if (session) (void)sl_session_lost(self, session, false);
    sl_watch_forget_peer(self, peer);
}

static int handle(struct sl_sched *self, const struct sl_event *event) {
    switch (event->kind) {
    case SL_EV_TICK:
    case SL_EV_FLUSH:
        return SL_OK;
    case SL_EV_LEDGER_UP:
        return sl_on_ledger_up(self);
    case SL_EV_LEDGER_DOWN:
        sl_on_ledger_down(self);
        return SL_OK;
    case SL_EV_LEDGER_REPLY:
        return ledger_reply(self, event->reply);
    case SL_EV_PRESSURE:
        self->pressure = event->on;
        return SL_OK;
    case SL_EV_PIPELINE:
        return sl_on_pipeline(self, event);
    case SL_EV_POLICY:
        return sl_on_policy(self, event);
    case SL_EV_TYPE:
        return sl_on_type(self, event);
    case SL_EV_ACCEPT_TYPE:
        return sl_on_accept_type(self, event);
    case SL_EV_SUBMIT:
        return sl_on_submit(self, event, NULL);
    case SL_EV_CANCEL_JOB:
        return sl_on_cancel_job(self, event);
    case SL_EV_QUERY:
        return sl_on_query(self, event);
    case SL_EV_WATCH:
        return sl_on_watch(self, event);
    case SL_EV_CLIENT_GONE:
    case SL_EV_WORKER_GONE:
        peer_gone(self, event->peer);
        return SL_OK;
    case SL_EV_HELLO:
        return sl_on_hello(self, event);
    case SL_EV_HEARTBEAT:
        return sl_on_heartbeat(self, event);
    case SL_EV_RESULT:
        return sl_on_result(self, event);
    case SL_EV_FIELD:
        return sl_on_field(self, event);
    case SL_EV_BYE:
        peer_gone(self, event->peer);
        return SL_OK;
    case SL_EV_DRAIN:
        return begin_drain(self);
    case SL_EV_COUNT:
        break;
    }
    SL_ASSERT(!"an event has a kind");
    return SL_OK;
}

/* Room that every step may need, taken before anything changes. */
static int reserve(struct sl_sched *self) {
    enum { EFFECTS = 64, EFFECTS_A_SHARD = 8, POOL_BYTES = 4096, POOL_BYTES_A_SHARD = 1024 };
    int rc = sl_effects_reserve(self, EFFECTS + (uint32_t)EFFECTS_A_SHARD * self->config.shard_count);
    if (!rc) rc = sl_pool_reserve(&self->pool, POOL_BYTES + (size_t)POOL_BYTES_A_SHARD * self->config.shard_count);
    return rc;
}

int sl_sched_step(struct sl_sched *self, const struct sl_event *event, struct sl_effects *out_effects) {
    SL_ASSERT(event->now >= self->now);
    sl_effects_clear(self);
    int rc = reserve(self);
    if (rc) return rc;
    self->now = event->now;
    self->wall_ms = event->wall_ms;
    rc = handle(self, event);
    if (rc) return rc;
    if (event->kind == SL_EV_TICK || event->kind == SL_EV_FLUSH) {
        /* What time and the end of a turn bring is tried again at the next one when there was no memory for it. */
        (void)sl_sessions_tick(self);
        (void)sl_on_timeouts(self);
        (void)flush(self);
    }
    *out_effects = (struct sl_effects){.items = self->effects, .count = self->effect_count};
    return SL_OK;
}

static void take_least(uint64_t *least, uint64_t at) {
    if (at < *least) *least = at;
}

static uint64_t shard_deadline(const struct sl_sched *self, const struct sl_shard *shard) {
    uint64_t least = UINT64_MAX;
    if (shard->state == SL_SHARD_FOREIGN && !shard->polling && !self->draining && self->connected) {
        take_least(&least, shard->poll_at);
    }
    if (shard->state != SL_SHARD_OPEN || shard->unsure || !self->connected) return least;
    if (shard->writes.count == 0) take_least(&least, shard->write_at + (uint64_t)self->config.beat_ms * 1000000u);
    /* With an open batch no settle can be sealed: the end of the turn, or the reply to the commit, comes first. */
    bool may_settle = shard->settles_under_way == 0 && shard->batch_count == 0 && !shard->releasing;
    if (may_settle) take_least(&least, shard->settle_at);
    take_least(&least, sl_retention_deadline(self, shard));
    if (!self->draining) take_least(&least, sl_sweep_deadline(shard));
    return least;
}

uint64_t sl_sched_deadline(const struct sl_sched *self) {
    uint64_t least = UINT64_MAX;
    if (self->sessions.count > 0) take_least(&least, self->next_heartbeat_at);
    if (self->draining && !self->drained) take_least(&least, self->drain_until);
    const struct sl_heap_node *timer = sl_heap_first(&self->timers);
    if (timer) take_least(&least, timer->at);
    if (self->sessions.count > 0) take_least(&least, self->heard_least + (uint64_t)self->config.lost_ms * 1000000u);
    for (uint16_t i = 0; i < self->config.shard_count; i++) take_least(&least, shard_deadline(self, &self->shards[i]));
    return least;
}

void sl_sched_figures(const struct sl_sched *self, struct sl_sched_figures *out) {
    *out = self->figures;
    out->workers = self->sessions.count;
    out->slots = self->slots_total;
    out->undurable_bytes = self->undurable_bytes;
    out->memory_bytes = self->pool.bytes_used;
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        const struct sl_job_table *table = &self->shards[i].table;
        out->hot_bytes += table->blob_bytes;
        out->memory_bytes += table->jobs.capacity * sizeof *table->jobs.slots;
    }
}
