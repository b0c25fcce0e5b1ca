/* Whose code runs a stage: a plugin's own, or that of a function which the pipeline names (inputs.h, sl_stage_types_bound). What a
 * function offers is not known before a worker has looked at it: while one that goes before may still turn up, the stage waits among the
 * undecided, so that no other code runs in its place. */
#include "sched_state.h"

/* In place of an index: what the pipeline names is no library of ours; it is one more than a cluster may have, so no worker tells of it. */
enum { NO_LIBRARY = SL_CALLABLES_MAX, ONE_TOO_MANY };

uint32_t sl_callable_find(const struct sl_sched *self, struct sl_bytes text) {
    for (uint32_t i = 0; i < self->callable_count; i++) {
        if (sl_bytes_equal(self->callables[i].text, text)) return i;
    }
    return UINT32_MAX;
}

static bool is_told(const struct sl_sched *self, struct sl_bytes callable) {
    for (uint32_t i = 0; i < self->type_table.count; i++) {
        if (sl_bytes_equal(self->type_table.items[i]->callable, callable)) return true;
    }
    return false;
}

/* 0, SL_E_LIMIT or SL_E_NO_MEMORY. */
static int add_callable(struct sl_sched *self, struct sl_bytes text) {
    uint32_t count = self->callable_count;
    if (count == SL_CALLABLES_MAX) return SL_E_LIMIT;
    uint8_t *copy = sl_alloc_take(&self->alloc, text.size + 1);
    struct sl_callable *callables =
        !copy ? NULL
              : self->alloc.resize(self->alloc.context, self->callables, count * sizeof *callables,
                                   (count + 1) * sizeof *callables);
    if (!callables) {
        sl_alloc_give(&self->alloc, copy, text.size + 1);
        return SL_E_NO_MEMORY;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    callables[count] = (struct sl_callable){.text = sl_bytes(copy, text.size), .is_told = is_told(self, text)};
    self->callables = callables;
    self->callable_count = count + 1;
    return SL_OK;
}

/* Notes the functions that a pipeline names. What is written for Python names no library here and is passed over. */
static int note_callables(struct sl_sched *self, struct sl_pipeline_entry *entry) {
    const struct sl_pipeline *pipeline = entry->pipeline;
    if (pipeline->plugin_count == 0) return SL_OK;
    entry->callables = sl_alloc_take(&self->alloc, pipeline->plugin_count * sizeof *entry->callables);
    if (!entry->callables) return SL_E_NO_MEMORY;
    for (uint16_t i = 0; i < pipeline->plugin_count; i++) {
        struct sl_bytes text = pipeline->plugins[i].callable;
        entry->callables[i] = NO_LIBRARY;
        if (!sl_callable_names_library(text)) continue;
        int rc = sl_callable_find(self, text) == UINT32_MAX ? add_callable(self, text) : SL_OK;
        if (rc == SL_E_NO_MEMORY) return rc;
        if (rc) sl_alarm(self, NULL, "the pipelines name more functions than a cluster may have (256); workers are not told of the last ones");
        entry->callables[i] = rc ? ONE_TOO_MANY : sl_callable_find(self, text);
    }
    return SL_OK;
}

/* Whether no worker may still tell what the function offers. */
static bool is_settled(const struct sl_sched *self, uint32_t callable) {
    if (callable == ONE_TOO_MANY) return false;
    if (self->callables[callable].is_told) return true;
    for (struct sl_link *link = sl_list_first(&self->sessions); link; link = sl_list_next(&self->sessions, link)) {
        const struct sl_session *session = SL_CONTAINER(link, const struct sl_session, link);
        if (session->probes && !session->has_looked[callable]) return false;
    }
    return true;
}

/* The type that one of the functions registers; NULL: none does, and none will. */
static struct sl_type *bind_to_named(struct sl_sched *self, const struct sl_pipeline_entry *entry, uint16_t stage, bool replace) {
    const struct sl_pipeline *pipeline = entry->pipeline;
    for (uint16_t i = 0; i < pipeline->plugin_count; i++) {
        uint32_t index, callable = entry->callables[i];
        if (pipeline->plugins[i].replace != replace || callable == NO_LIBRARY) continue;
        if (sl_stage_types_search(&self->type_table, pipeline->stages[stage].type, pipeline->plugins[i].callable, &index)) {
            return SL_CONTAINER(self->type_table.items[index], struct sl_type, known);
        }
        if (!is_settled(self, callable)) return &self->undecided;
    }
    return NULL;
}

static struct sl_type *bind(struct sl_sched *self, const struct sl_pipeline_entry *entry, uint16_t stage) {
    struct sl_type *type = bind_to_named(self, entry, stage, true);
    if (!type && !entry->plain[stage]->is_known) type = bind_to_named(self, entry, stage, false);
    return type ? type : entry->plain[stage];
}

/* Stages that can start go with their type, in the order in which they stood. */
static void rebind(struct sl_sched *self, struct sl_pipeline_entry *entry, uint16_t index, struct sl_type *type) {
    struct sl_type *before = entry->types[index];
    struct sl_link *link = sl_list_first(&before->ready);
    while (link) {
        struct sl_link *next = sl_list_next(&before->ready, link);
        const struct sl_stage_run *stage = SL_CONTAINER(link, const struct sl_stage_run, link);
        if (stage->job->pipeline == entry && stage->index == index) {
            sl_list_remove(&before->ready, link);
            sl_list_append(&type->ready, link);
        }
        link = next;
    }
    if (before->ready.count == 0 && sl_link_is_on(&before->waiting)) sl_list_remove(&self->types_waiting, &before->waiting);
    if (type->ready.count > 0 && !sl_link_is_on(&type->waiting)) sl_list_append(&self->types_waiting, &type->waiting);
    entry->types[index] = type;
}

void sl_bindings_update(struct sl_sched *self) {
    if (self->callable_count == 0) return;
    for (struct sl_link *link = sl_list_first(&self->pipeline_list); link; link = sl_list_next(&self->pipeline_list, link)) {
        struct sl_pipeline_entry *entry = SL_CONTAINER(link, struct sl_pipeline_entry, link);
        if (entry->pipeline->plugin_count == 0) continue;
        for (uint16_t i = 0; i < entry->pipeline->stage_count; i++) {
            struct sl_type *type = bind(self, entry, i);
            if (type != entry->types[i]) rebind(self, entry, i, type);
        }
    }
}

static int find_types(struct sl_sched *self, struct sl_pipeline_entry *entry) {
    uint16_t count = entry->pipeline->stage_count;
    entry->types = sl_alloc_take(&self->alloc, count * sizeof *entry->types);
    entry->plain = sl_alloc_take(&self->alloc, count * sizeof *entry->plain);
    if (!entry->types || !entry->plain) return SL_E_NO_MEMORY;
    for (uint16_t i = 0; i < count; i++) {
        entry->plain[i] = sl_type_get(self, sl_bytes(NULL, 0), entry->pipeline->stages[i].type);
        if (!entry->plain[i]) return SL_E_NO_MEMORY;
    }
    return SL_OK;
}

int sl_bindings_make(struct sl_sched *self, struct sl_pipeline_entry *entry) {
    uint32_t count = self->callable_count;
    int rc = sl_effects_reserve(self, (uint32_t)self->sessions.count + 1);
    if (!rc) rc = find_types(self, entry);
    if (!rc) rc = note_callables(self, entry);
    if (rc) return rc;
    for (uint16_t i = 0; i < entry->pipeline->stage_count; i++) entry->types[i] = bind(self, entry, i);
    struct sl_link *link = self->callable_count > count ? sl_list_first(&self->sessions) : NULL;
    for (; link; link = sl_list_next(&self->sessions, link)) {
        sl_callables_tell(self, SL_CONTAINER(link, const struct sl_session, link));
    }
    return SL_OK;
}

void sl_callables_tell(struct sl_sched *self, const struct sl_session *session) {
    bool has_looked = true;
    for (uint32_t i = 0; i < self->callable_count; i++) has_looked = has_looked && session->has_looked[i];
    if (!session->probes || has_looked) return;
    struct sl_bytes *items = sl_step_block(self, self->callable_count * sizeof *items);
    if (!items) return; /* as a message lost on the way */
    for (uint32_t i = 0; i < self->callable_count; i++) items[i] = self->callables[i].text;
    struct sl_effect *effect = sl_effect_add(self, SL_DO_CALLABLES);
    effect->peer = session->peer;
    effect->callables.items = items;
    effect->callables.count = self->callable_count;
}

struct sl_bytes sl_binding_wanted(struct sl_sched *self, const struct sl_pipeline_entry *entry, uint16_t stage) {
    const struct sl_type *type = entry->types[stage];
    if (type->known.callable.size) return sl_text(type->key);
    struct sl_bytes name = entry->pipeline->stages[stage].type, callable = sl_bytes(NULL, 0);
    for (uint16_t i = 0; !type->is_known && callable.size == 0 && i < entry->pipeline->plugin_count; i++) {
        if (entry->callables[i] != NO_LIBRARY) callable = entry->pipeline->plugins[i].callable;
    }
    char *key = callable.size ? sl_step_block(self, SL_TYPE_KEY_MAX + 1) : NULL;
    if (!key) return name;
    sl_stage_type_key(callable, name, key);
    return sl_text(key);
}
