/* The pipelines that the broker has sent: kept while there is room, forgotten when nobody needs them. */
#include "parts.h"

#include "base/err.h"

static bool runs_inline(const struct sl_agent *self, struct sl_bytes type) {
    for (uint32_t i = 0; i < self->config.type_count; i++) {
        if (sl_bytes_equal(self->config.types[i].name, type)) return self->config.types[i].runs_inline;
    }
    return false;
}

static int note_inline(struct sl_agent *self, struct definition *definition) {
    const struct sl_pipeline *pipeline = definition->pipeline;
    definition->runs_inline = sl_alloc_take(self->alloc, pipeline->stage_count * sizeof(bool));
    if (!definition->runs_inline) return SL_E_NO_MEMORY;
    for (uint16_t i = 0; i < pipeline->stage_count; i++) {
        definition->runs_inline[i] = pipeline->plugin_count == 0 && runs_inline(self, pipeline->stages[i].type);
    }
    return SL_OK;
}

/* Room for one more definition: in the map, and a bit in what each host knows. */
static int reserve_definition(struct sl_agent *self) {
    if (sl_idmap_reserve(&self->definitions, 1)) return SL_E_NO_MEMORY;
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        if (sl_buf_reserve(&self->hosts[i].knows, 1)) return SL_E_NO_MEMORY;
    }
    return SL_OK;
}

/* Marks what attempts under way need. How many definitions nobody needs. */
static size_t mark_needed(struct sl_agent *self) {
    size_t cursor = 0, needed = 0;
    struct definition *definition;
    while ((definition = sl_idmap_each(&self->definitions, &cursor))) definition->is_needed = false;
    cursor = 0;
    const struct attempt *attempt;
    while ((attempt = sl_idmap_each(&self->attempts, &cursor))) {
        if (sl_agent_attempt_has_ended(attempt)) continue;
        definition = sl_idmap_find(&self->definitions, attempt->task.definition.bytes);
        SL_ASSERT(definition);
        needed += !definition->is_needed;
        definition->is_needed = true;
    }
    return self->definitions.count - needed;
}

/* Forgets what is not marked; the broker sends it again when a task of it is returned. What is left gets new numbers, so hosts are told
 * it again too. */
static void forget_unneeded(struct sl_agent *self) {
    struct definition *unneeded = NULL, *definition;
    size_t cursor = 0;
    uint32_t number = 0;
    while ((definition = sl_idmap_each(&self->definitions, &cursor))) {
        if (definition->is_needed) {
            definition->number = number++;
        } else {
            definition->next_unneeded = unneeded;
            unneeded = definition;
        }
    }
    while ((definition = unneeded)) {
        unneeded = definition->next_unneeded;
        (void)sl_idmap_remove(&self->definitions, definition->digest);
        sl_agent_definition_free(self, definition);
    }
    for (uint32_t i = 0; i < self->config.host_count; i++) memset(self->hosts[i].knows.data, 0, self->hosts[i].knows.size);
}

void sl_agent_definition_free(struct sl_agent *self, struct definition *definition) {
    sl_alloc_give(self->alloc, definition->runs_inline, definition->pipeline->stage_count * sizeof(bool));
    sl_pipeline_free(&definition->pipeline);
    sl_pool_give(&self->pool, definition, sizeof *definition);
}

int sl_agent_on_define(struct sl_agent *self, const struct sl_agent_event *event) {
    if (sl_idmap_find(&self->definitions, event->define.digest.bytes)) return SL_OK;
    bool is_full = self->definitions.count >= SL_AGENT_DEFINITIONS_MAX;
    if (is_full && mark_needed(self) == 0) return SL_E_LIMIT;
    if (reserve_definition(self)) return SL_E_NO_MEMORY;
    struct definition *definition = sl_pool_take(&self->pool, sizeof *definition);
    if (!definition) return SL_E_NO_MEMORY;
    int rc = sl_pipeline_from_canonical(event->define.canonical, self->alloc, &definition->pipeline);
    if (rc) goto err_after_definition;
    rc = SL_E_DAMAGED;
    if (!sl_digest_equal(definition->pipeline->digest, event->define.digest)) goto err_after_pipeline;
    rc = note_inline(self, definition);
    if (rc) goto err_after_pipeline;

    if (is_full) forget_unneeded(self);
    memcpy(definition->digest, event->define.digest.bytes, sizeof definition->digest);
    definition->number = (uint32_t)self->definitions.count;
    sl_idmap_insert(&self->definitions, definition);
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        if (definition->number / 8 >= self->hosts[i].knows.size) sl_buf_put(&self->hosts[i].knows, "", 1);
    }
    return SL_OK;

err_after_pipeline:
    sl_pipeline_free(&definition->pipeline);
err_after_definition:
    sl_pool_give(&self->pool, definition, sizeof *definition);
    return rc;
}
