/* Types in the order of their names, each with the bytes that it views; policies by name alone. See known.h. */
#include "known.h"

#include "base/buf.h"
#include "base/err.h"
#include "catalog_type.h"

#include <stdlib.h>
#include <string.h>

struct record {
    struct sl_decoded_type decoded; /* views bytes */
    uint8_t bytes[];
};

struct sl_known {
    const struct sl_stage_type **places; /* owns; each is the type of a record, and its first member */
    struct sl_stage_types types;
    struct sl_policies policies;
};

int sl_known_new(struct sl_known **out_self) {
    struct sl_known *self = calloc(1, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    sl_tree_init(&self->policies.texts, sl_alloc_system());
    *out_self = self;
    return SL_OK;
}

static void free_record(const struct sl_stage_type *type) {
    free((void *)(uintptr_t)type);
}

void sl_known_free(struct sl_known **self) {
    if (!*self) return;
    for (uint32_t i = 0; i < (*self)->types.count; i++) free_record((*self)->places[i]);
    free((*self)->places);
    free((*self)->policies.items);
    sl_tree_fini(&(*self)->policies.texts);
    free(*self);
    *self = NULL;
}

static int make_room(struct sl_known *self) {
    const struct sl_stage_type **places = realloc(self->places, (self->types.count + 1) * sizeof *places);
    if (!places) return SL_E_NO_MEMORY;
    self->places = places;
    self->types.items = places;
    return SL_OK;
}

int sl_known_put_type(struct sl_known *self, struct sl_bytes encoded) {
    struct record *record = malloc(sizeof *record + encoded.size);
    if (!record || make_room(self)) {
        free(record);
        return SL_E_NO_MEMORY;
    }
    memcpy(record->bytes, encoded.data, encoded.size);
    if (sl_decode_type(sl_bytes(record->bytes, encoded.size), &record->decoded)) {
        free(record);
        return SL_E_DAMAGED;
    }
    uint32_t at;
    if (sl_stage_types_search(&self->types, record->decoded.type.type, record->decoded.type.callable, &at)) {
        free_record(self->places[at]);
    } else {
        memmove(&self->places[at + 1], &self->places[at], (self->types.count - at) * sizeof *self->places);
        self->types.count++;
    }
    self->places[at] = &record->decoded.type;
    return SL_OK;
}

int sl_known_add_policies(struct sl_known *self, const struct sl_policies *policies) {
    struct sl_policy *items = realloc(self->policies.items, (self->policies.count + policies->count) * sizeof *items);
    if (!items) return SL_E_NO_MEMORY;
    self->policies.items = items;
    for (uint32_t i = 0; i < policies->count; i++) {
        if (sl_policies_find(&self->policies, policies->items[i].name)) continue;
        struct sl_bytes name = sl_tree_copy(&self->policies.texts, policies->items[i].name);
        if (!name.data) return SL_E_NO_MEMORY;
        items[self->policies.count++] = (struct sl_policy){.name = name};
    }
    return SL_OK;
}

const struct sl_stage_types *sl_known_types(const struct sl_known *self) {
    return self->types.count > 0 ? &self->types : NULL;
}

const struct sl_policies *sl_known_policies(const struct sl_known *self) {
    return &self->policies;
}
