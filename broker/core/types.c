/* Stage types: what workers offer and pipelines need, with the metadata that the cluster agreed on. */
#include "sched_state.h"

static struct sl_type *find(struct sl_sched *self, struct sl_bytes key) {
    for (struct sl_link *link = sl_list_first(&self->types); link; link = sl_list_next(&self->types, link)) {
        struct sl_type *type = SL_CONTAINER(link, struct sl_type, link);
        if (sl_bytes_is(key, type->key)) return type;
    }
    return NULL;
}

struct sl_type *sl_type_get(struct sl_sched *self, struct sl_bytes callable, struct sl_bytes name) {
    char key[SL_TYPE_KEY_MAX + 1];
    SL_ASSERT(name.size <= SL_NAME_MAX);
    sl_stage_type_key(callable, name, key);
    struct sl_type *type = find(self, sl_text(key));
    if (type) return type;
    type = sl_pool_take(&self->pool, sizeof *type);
    if (!type) return NULL;
    memcpy(type->key, key, sizeof key);
    sl_list_init(&type->ready);
    sl_list_init(&type->offers);
    sl_list_append(&self->types, &type->link);
    return type;
}

static size_t list_size(const struct sl_text_list *list) {
    size_t size = list->count * sizeof *list->items;
    for (uint32_t i = 0; i < list->count; i++) size += list->items[i].size + 1;
    return size;
}

/* Texts are NUL-terminated behind their size, as everywhere in the model. */
static struct sl_bytes put_text(uint8_t **at, struct sl_bytes text) {
    uint8_t *copy = *at;
    if (text.size) memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *at += text.size + 1;
    return sl_bytes(copy, text.size);
}

static struct sl_text_list put_list(struct sl_bytes **items, uint8_t **at, const struct sl_text_list *list) {
    struct sl_text_list copy = {.items = *items, .count = list->count};
    for (uint32_t i = 0; i < list->count; i++) (*items)[i] = put_text(at, list->items[i]);
    *items += list->count;
    return copy;
}

/* Puts the type into the sorted table that the model asks. */
static int list_type(struct sl_sched *self, struct sl_type *type) {
    uint32_t index;
    if (sl_stage_types_search(&self->type_table, type->known.type, type->known.callable, &index)) return SL_OK;
    uint32_t count = self->type_table.count;
    const struct sl_stage_type **items =
        self->alloc.resize(self->alloc.context, (void *)(uintptr_t)self->type_table.items, count * sizeof *items,
                           (count + 1) * sizeof *items);
    if (!items) return SL_E_NO_MEMORY;
    memmove(items + index + 1, items + index, (count - index) * sizeof *items);
    items[index] = &type->known;
    self->type_table.items = items;
    self->type_table.count = count + 1;
    return SL_OK;
}

/* A copy of metadata that views the block returned; NULL: no memory. */
static struct sl_blob *copy_metadata(struct sl_sched *self, const struct sl_stage_type *from, struct sl_stage_type *out_copy) {
    size_t size = list_size(&from->state_keys) + list_size(&from->dependencies) + from->type.size + from->callable.size +
                  from->description.size + from->version.size + 4;
    struct sl_blob *memory = sl_alloc_take(&self->alloc, sizeof *memory + size + 8);
    if (!memory) return NULL;
    memory->refs = 1;
    memory->size = (uint32_t)size + 8;
    struct sl_bytes *items = (struct sl_bytes *)(((uintptr_t)memory->data + 7) / 8 * 8);
    uint8_t *at = (uint8_t *)(items + from->state_keys.count + from->dependencies.count);
    *out_copy = *from;
    out_copy->state_keys = put_list(&items, &at, &from->state_keys);
    out_copy->dependencies = put_list(&items, &at, &from->dependencies);
    out_copy->type = put_text(&at, from->type);
    out_copy->callable = put_text(&at, from->callable);
    out_copy->description = put_text(&at, from->description);
    out_copy->version = put_text(&at, from->version);
    return memory;
}

/* What a worker offered and the cluster knows otherwise: kept, in case a person says that it is right. */
int sl_type_note_refused(struct sl_sched *self, struct sl_type *type, const struct sl_stage_type *offered) {
    struct sl_stage_type copy;
    if (type->refused_memory && sl_digest_equal(type->refused.digest, offered->digest)) return SL_OK;
    struct sl_blob *memory = copy_metadata(self, offered, &copy);
    if (!memory) return SL_E_NO_MEMORY;
    sl_blob_drop(&self->alloc, &type->refused_memory);
    type->refused_memory = memory;
    type->refused = copy;
    return SL_OK;
}

int sl_on_accept_type(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_accept_type *accept = &event->accept_type;
    const struct sl_type *type = find(self, accept->type);
    int size = (int)accept->type.size;
    const char *name = (const char *)accept->type.data;
    if (!type || !type->is_known) {
        return sl_reject(self, accept->peer, accept->message_id, NULL, SL_REJECT_UNKNOWN_TYPE,
                         "no worker has ever offered a stage type \"%.*s\"; see: sluice stages list", size, name);
    }
    if (!type->refused_memory || sl_digest_equal(type->refused.digest, type->known.digest)) {
        return sl_reject(self, accept->peer, accept->message_id, NULL, SL_REJECT_UNKNOWN_TYPE,
                         "no worker offers another registration of stage type \"%.*s\" than the cluster has", size, name);
    }
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    struct sl_effect *effect = sl_effect_add(self, SL_DO_REPLACE_TYPE);
    effect->peer = accept->peer;
    effect->re = accept->message_id;
    effect->type = type->refused;
    return SL_OK;
}

/* Everybody says HELLO again: who was refused is taken now, and who offers the old registration is not. */
static int reset_sessions(struct sl_sched *self) {
    int rc = sl_effects_reserve(self, (uint32_t)self->sessions.count);
    if (rc) return rc;
    for (struct sl_link *link = sl_list_first(&self->sessions); link; link = sl_list_next(&self->sessions, link)) {
        sl_effect_add(self, SL_DO_RESET)->peer = SL_CONTAINER(link, struct sl_session, link)->peer;
    }
    return SL_OK;
}

int sl_on_type(struct sl_sched *self, const struct sl_event *event) {
    struct sl_type *type = sl_type_get(self, event->type.callable, event->type.type);
    if (!type) return SL_E_NO_MEMORY;
    bool replaced = type->is_known && !sl_digest_equal(type->known.digest, event->type.digest);
    int rc = replaced ? reset_sessions(self) : SL_OK;
    return rc ? rc : sl_type_learn(self, type, &event->type);
}

int sl_type_learn(struct sl_sched *self, struct sl_type *type, const struct sl_stage_type *known) {
    struct sl_stage_type copy;
    struct sl_blob *memory = copy_metadata(self, known, &copy);
    if (!memory) return SL_E_NO_MEMORY;
    struct sl_stage_type before = type->known;
    type->known = copy;
    if (list_type(self, type)) {
        type->known = before;
        sl_blob_drop(&self->alloc, &memory);
        return SL_E_NO_MEMORY;
    }
    sl_blob_drop(&self->alloc, &type->memory);
    type->memory = memory;
    type->is_known = true;
    self->types_version++;
    uint32_t callable = sl_callable_find(self, type->known.callable);
    if (callable != UINT32_MAX) self->callables[callable].is_told = true;
    sl_bindings_update(self);
    return SL_OK;
}
