/* The step: one event, its handler, then whatever is due. */
#include "parts.h"

#include "base/err.h"

static const uint64_t field_id_first = (uint64_t)1 << 40; /* above any message id that the shell counts itself */

static int make_hosts(struct sl_agent *self) {
    uint32_t count = self->config.host_count;
    self->hosts = sl_alloc_take(self->alloc, count * sizeof *self->hosts);
    if (!self->hosts) return SL_E_NO_MEMORY;
    memset(self->hosts, 0, count * sizeof *self->hosts);
    for (uint32_t i = 0; i < count; i++) {
        self->hosts[i].index = i;
        self->hosts[i].until = UINT64_MAX;
        sl_list_init(&self->hosts[i].given);
        sl_buf_init(&self->hosts[i].knows, self->alloc);
    }
    return sl_heap_reserve(&self->timers, count);
}

static void init_lists(struct sl_agent *self) {
    sl_list_init(&self->waiting);
    sl_list_init(&self->inlined);
    sl_list_init(&self->held);
    sl_list_init(&self->fields);
    sl_list_init(&self->idle);
    sl_list_init(&self->tiny);
    for (size_t i = 0; i < SL_AGENT_RESEND_LEVELS; i++) sl_list_init(&self->ended[i]);
    for (size_t i = 0; i < SL_SHARDS_MAX; i++) sl_list_init(&self->shards[i].unsent);
    for (size_t i = 0; i < 3; i++) sl_buf_init(&self->tokens[i], self->alloc);
}

int sl_agent_new(const struct sl_alloc *alloc, const struct sl_agent_config *config, struct sl_agent **out_self) {
    SL_ASSERT(config->host_count >= 1 && config->host_count <= SL_AGENT_HOSTS_MAX);
    struct sl_agent *self = sl_alloc_take(alloc, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    memset(self, 0, sizeof *self);
    self->alloc = alloc;
    self->config = *config;
    sl_pool_init(&self->pool, alloc);
    sl_idmap_init(&self->attempts, alloc, 0);
    sl_idmap_init(&self->definitions, alloc, 0);
    sl_heap_init(&self->timers, alloc);
    init_lists(self);
    self->next_field_id = field_id_first;
    self->heartbeat_ns = agent_ms(config->heartbeat_ms);
    self->lost_ns = agent_ms(config->lost_ms);
    if (make_hosts(self)) {
        sl_agent_free(&self);
        return SL_E_NO_MEMORY;
    }
    *out_self = self;
    return SL_OK;
}

static void free_definitions(struct sl_agent *self) {
    size_t cursor = 0;
    struct definition *definition;
    while ((definition = sl_idmap_each(&self->definitions, &cursor))) {
        sl_agent_definition_free(self, definition);
    }
}

/* The pool takes small blocks with it; large ones go back to the allocator one by one. */
static void free_blocks(struct sl_agent *self) {
    size_t cursor = 0;
    struct attempt *attempt;
    while ((attempt = sl_idmap_each(&self->attempts, &cursor))) {
        sl_pool_give(&self->pool, attempt->blob, attempt->blob_size);
        sl_agent_result_drop(self, attempt->result_blob, attempt->result_size, attempt->is_spooled);
    }
    while (self->fields.count) {
        struct field *field = SL_CONTAINER(sl_list_first(&self->fields), struct field, link);
        sl_list_remove(&self->fields, &field->link);
        sl_pool_give(&self->pool, field, field->size);
    }
}

void sl_agent_free(struct sl_agent **out_self) {
    struct sl_agent *self = *out_self;
    if (!self) return;
    free_blocks(self);
    free_definitions(self);
    for (uint32_t i = 0; self->hosts && i < self->config.host_count; i++) sl_buf_fini(&self->hosts[i].knows);
    sl_alloc_give(self->alloc, self->hosts, self->config.host_count * sizeof *self->hosts);
    sl_alloc_give(self->alloc, self->effects, self->effect_capacity * sizeof *self->effects);
    for (size_t i = 0; i < 3; i++) sl_buf_fini(&self->tokens[i]);
    sl_heap_fini(&self->timers);
    sl_idmap_fini(&self->attempts);
    sl_idmap_fini(&self->definitions);
    sl_pool_fini(&self->pool);
    sl_alloc_give(self->alloc, self, sizeof *self);
    *out_self = NULL;
}

static int on_start(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)event;
    for (uint32_t i = 0; i < self->config.host_count; i++) sl_agent_host_start(self, &self->hosts[i]);
    return SL_OK;
}

/* Nothing but the time, which every step looks at. */
static int on_nothing(struct sl_agent *self, const struct sl_agent_event *event) {
    (void)self;
    (void)event;
    return SL_OK;
}

typedef int (*handler)(struct sl_agent *self, const struct sl_agent_event *event);

static const struct {
    handler handle;
    bool from_broker; /* a sign of its life */
} handlers[SL_AGENT_EVENT_COUNT] = {
    [SL_AGENT_START] = {on_start, false},
    [SL_AGENT_CONNECTED] = {sl_agent_on_connected, false},
    [SL_AGENT_WELCOME] = {sl_agent_on_welcome, true},
    [SL_AGENT_ASSIGN] = {sl_agent_on_assign, true},
    [SL_AGENT_CANCEL] = {sl_agent_on_cancel, true},
    [SL_AGENT_RESULT_ACK] = {sl_agent_on_result_ack, true},
    [SL_AGENT_FIELD_ACK] = {sl_agent_on_field_ack, true},
    [SL_AGENT_REJECTED] = {sl_agent_on_rejected, true},
    [SL_AGENT_DEFINE] = {sl_agent_on_define, true},
    [SL_AGENT_BEAT] = {sl_agent_on_beat, true},
    [SL_AGENT_RESET] = {sl_agent_on_reset, true},
    [SL_AGENT_OFFERS] = {sl_agent_on_offers, false},
    [SL_AGENT_BROKER_BYE] = {sl_agent_on_broker_bye, true},
    [SL_AGENT_HOST_READY] = {sl_agent_on_host_ready, false},
    [SL_AGENT_HOST_DONE] = {sl_agent_on_host_done, false},
    [SL_AGENT_HOST_PROGRESS] = {sl_agent_on_host_progress, false},
    [SL_AGENT_HOST_FIELD] = {sl_agent_on_host_field, false},
    [SL_AGENT_HOST_RECLAIMED] = {sl_agent_on_host_reclaimed, false},
    [SL_AGENT_HOST_BROKEN] = {sl_agent_on_host_broken, false},
    [SL_AGENT_HOST_DIED] = {sl_agent_on_host_died, false},
    [SL_AGENT_INLINE_FIELD] = {sl_agent_on_inline_field, false},
    [SL_AGENT_INLINE_DONE] = {sl_agent_on_inline_done, false},
    [SL_AGENT_TICK] = {on_nothing, false},
    [SL_AGENT_DRAIN] = {sl_agent_on_drain, false},
    [SL_AGENT_STOP] = {sl_agent_on_stop, false},
    [SL_AGENT_SPAWNER_LOST] = {sl_agent_on_spawner_lost, false},
};

/* Whether an attempt is late is judged when all that came meanwhile was taken: its result may be there. */
static void hosts_due(struct sl_agent *self, bool is_tick) {
    struct sl_heap_node *first;
    while ((first = sl_heap_first(&self->timers)) && first->at <= self->now) {
        struct host *host = SL_CONTAINER(first, struct host, timer);
        if (host->state == HOST_READY && !is_tick) return;
        sl_agent_host_due(self, host);
    }
}

int sl_agent_step(struct sl_agent *self, const struct sl_agent_event *event, struct sl_agent_effects *out_effects) {
    SL_ASSERT(event->kind < SL_AGENT_EVENT_COUNT);
    SL_ASSERT(event->now >= self->now);
    *out_effects = (struct sl_agent_effects){.items = NULL};
    if (self->left) return SL_OK;
    if (sl_agent_reserve(self)) return SL_E_NO_MEMORY;
    uint64_t before = self->now;
    self->now = event->now;
    self->effect_count = 0;
    int rc = handlers[event->kind].handle(self, event);
    if (rc) {
        SL_ASSERT(self->effect_count == 0);
        self->now = before;
        return rc;
    }
    if (handlers[event->kind].from_broker) self->heard_at = self->now;
    if (!self->left) {
        hosts_due(self, event->kind == SL_AGENT_TICK);
        sl_agent_broker_due(self, event->kind == SL_AGENT_TICK);
        sl_agent_give(self);
        sl_agent_drain_due(self);
    }
    *out_effects = (struct sl_agent_effects){.items = self->effects, .count = self->effect_count};
    return SL_OK;
}

uint64_t sl_agent_deadline(const struct sl_agent *self) {
    if (self->left) return UINT64_MAX;
    const struct sl_heap_node *first = sl_heap_first(&self->timers);
    uint64_t at = sl_agent_broker_deadline(self);
    if (first && first->at < at) at = first->at;
    return self->draining && self->drain_at < at ? self->drain_at : at;
}
