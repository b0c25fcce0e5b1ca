/* Stage types: what workers offer and pipelines need, with the metadata that the cluster agreed on. */
#include "sched_state.h"

struct sl_type *sl_type_get(struct sl_sched *self, struct sl_bytes name) {
    SL_ASSERT(name.size <= SL_NAME_MAX);
    for (struct sl_link *link = sl_list_first(&self->types); link; link = sl_list_next(&self->types, link)) {
        struct sl_type *type = SL_CONTAINER(link, struct sl_type, link);
        if (sl_bytes_is(name, type->name)) return type;
    }
    struct sl_type *type = sl_pool_take(&self->pool, sizeof *type);
    if (!type) return NULL;
    memcpy(type->name, name.data, name.size);
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
    if (sl_stage_types_search(&self->type_table, type->known.type, &index)) return SL_OK;
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

int sl_type_learn(struct sl_sched *self, struct sl_type *type, const struct sl_stage_type *known) {
    size_t size = list_size(&known->state_keys) + list_size(&known->dependencies) + known->type.size +
                  known->description.size + known->version.size + 3;
    struct sl_blob *memory = sl_alloc_take(&self->alloc, sizeof *memory + size + 8);
    if (!memory) return SL_E_NO_MEMORY;
    memory->refs = 1;
    memory->size = (uint32_t)size + 8;
    struct sl_bytes *items = (struct sl_bytes *)(((uintptr_t)memory->data + 7) / 8 * 8);
    uint8_t *at = (uint8_t *)(items + known->state_keys.count + known->dependencies.count);
    struct sl_stage_type copy = *known;
    copy.state_keys = put_list(&items, &at, &known->state_keys);
    copy.dependencies = put_list(&items, &at, &known->dependencies);
    copy.type = put_text(&at, known->type);
    copy.description = put_text(&at, known->description);
    copy.version = put_text(&at, known->version);
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
    return SL_OK;
}
