/* What the catalog holds, as it comes to the core: pipelines, policies, stage types. */
#include "sched_state.h"

void sl_pipeline_entry_free(struct sl_sched *self, struct sl_pipeline_entry *entry) {
    size_t stage_count = entry->pipeline ? entry->pipeline->stage_count : 0;
    sl_alloc_give(&self->alloc, entry->types, stage_count * sizeof *entry->types);
    sl_alloc_give(&self->alloc, entry->plain, stage_count * sizeof *entry->plain);
    if (entry->callables) sl_alloc_give(&self->alloc, entry->callables, entry->pipeline->plugin_count * sizeof *entry->callables);
    sl_pipeline_free(&entry->pipeline);
    sl_pool_give(&self->pool, entry, sizeof *entry);
}

/* The newest pipeline of a name@version is the one that it means. */
static void make_current(struct sl_sched *self, struct sl_pipeline_entry *entry) {
    for (struct sl_link *link = sl_list_first(&self->pipeline_list); link;
         link = sl_list_next(&self->pipeline_list, link)) {
        struct sl_pipeline_entry *other = SL_CONTAINER(link, struct sl_pipeline_entry, link);
        bool same = sl_bytes_equal(other->pipeline->name, entry->pipeline->name) &&
                    sl_bytes_equal(other->pipeline->version, entry->pipeline->version);
        if (same) other->current = false;
    }
    entry->current = true;
}

int sl_on_pipeline(struct sl_sched *self, const struct sl_event *event) {
    struct sl_pipeline_entry *entry = sl_idmap_find(&self->pipelines, event->pipeline.digest.bytes);
    if (!entry) {
        int rc = sl_idmap_reserve(&self->pipelines, 1);
        if (rc) return rc;
        entry = sl_pool_take(&self->pool, sizeof *entry);
        if (!entry) return SL_E_NO_MEMORY;
        entry->digest = event->pipeline.digest;
        sl_list_init(&entry->queue);
        rc = sl_pipeline_from_canonical(event->pipeline.canonical, &self->alloc, &entry->pipeline);
        if (!rc && !sl_digest_equal(entry->pipeline->digest, entry->digest)) rc = SL_E_DAMAGED; /* a sound one, and not that one */
        if (!rc) rc = sl_bindings_make(self, entry);
        if (rc) {
            sl_pipeline_entry_free(self, entry);
            if (rc == SL_E_NO_MEMORY) return rc;
            sl_alarm(self, NULL, "a stored pipeline cannot be read; jobs of it are parked");
            return SL_OK;
        }
        sl_idmap_insert(&self->pipelines, entry);
        sl_list_append(&self->pipeline_list, &entry->link);
    }
    if (event->pipeline.current) make_current(self, entry);
    return SL_OK;
}

/* Policies are few and never go: the newest numbers of a name count from the next attempt on. */
int sl_on_policy(struct sl_sched *self, const struct sl_event *event) {
    for (uint32_t i = 0; i < self->policy_count; i++) {
        struct sl_bytes name = self->policies[i].name;
        if (!sl_bytes_equal(name, event->policy.name)) continue;
        self->policies[i] = event->policy;
        self->policies[i].name = name;
        return SL_OK;
    }
    uint8_t *name = sl_alloc_take(&self->alloc, event->policy.name.size + 1);
    uint32_t count = self->policy_count;
    struct sl_policy *policies =
        !name ? NULL
              : self->alloc.resize(self->alloc.context, self->policies, count * sizeof *policies,
                                   (count + 1) * sizeof *policies);
    if (!policies) {
        sl_alloc_give(&self->alloc, name, event->policy.name.size + 1);
        return SL_E_NO_MEMORY;
    }
    memcpy(name, event->policy.name.data, event->policy.name.size);
    name[event->policy.name.size] = '\0';
    policies[count] = event->policy;
    policies[count].name = sl_bytes(name, event->policy.name.size);
    self->policies = policies;
    self->policy_count = count + 1;
    return SL_OK;
}
