/* Which values a stage receives, and which state keys it writes; see inputs.h. */
#include "inputs.h"

#include "base/assert.h"
#include "base/err.h"

#include <stdio.h>

enum {
    SCAN_MAX = 16,     /* up to so many inputs are compared one by one; more go through a table */
    SLOT_COUNT = 4096, /* a power of two, at least twice SL_INPUTS_MAX */
    WORD_BITS = 64
};
_Static_assert(SLOT_COUNT >= 2 * SL_INPUTS_MAX, "the table of keys must stay half empty");

struct resolving {
    const struct sl_pipeline *pipeline;
    const struct sl_stage_types *types;
    uint16_t stage;
    struct sl_input *inputs;
    uint32_t inputs_max;
    uint32_t count;
    int rc;
    char *error;
    size_t error_size;
    uint64_t taken[SL_STAGES_MAX / WORD_BITS]; /* stages that are among the inputs, or lost to a later one */
    uint16_t slots[SLOT_COUNT];                /* input index + 1 by key; only used above SCAN_MAX */
};

static int compare_type(const struct sl_stage_type *self, struct sl_bytes type, struct sl_bytes callable) {
    int order = sl_bytes_compare(self->type, type);
    return order ? order : sl_bytes_compare(self->callable, callable);
}

bool sl_stage_types_search(const struct sl_stage_types *self, struct sl_bytes type, struct sl_bytes callable,
                           uint32_t *out_index) {
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_type(self->items[middle], type, callable) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_index = low;
    return low < self->count && compare_type(self->items[low], type, callable) == 0;
}

const struct sl_stage_type *sl_stage_types_find(const struct sl_stage_types *self, struct sl_bytes type) {
    uint32_t index;
    return self && sl_stage_types_search(self, type, sl_bytes(NULL, 0), &index) ? self->items[index] : NULL;
}

static const struct sl_stage_type *find_named(const struct sl_stage_types *self, const struct sl_pipeline *pipeline,
                                              struct sl_bytes type, bool replace) {
    for (uint16_t i = 0; i < pipeline->plugin_count; i++) {
        uint32_t index;
        if (pipeline->plugins[i].replace != replace) continue;
        if (sl_stage_types_search(self, type, pipeline->plugins[i].callable, &index)) return self->items[index];
    }
    return NULL;
}

const struct sl_stage_type *sl_stage_types_bound(const struct sl_stage_types *self, const struct sl_pipeline *pipeline,
                                                 uint16_t stage) {
    SL_ASSERT(stage < pipeline->stage_count);
    if (!self) return NULL;
    struct sl_bytes type = pipeline->stages[stage].type;
    const struct sl_stage_type *found = find_named(self, pipeline, type, true);
    if (!found) found = sl_stage_types_find(self, type);
    if (!found) found = find_named(self, pipeline, type, false);
    return found;
}

void sl_stage_type_key(struct sl_bytes callable, struct sl_bytes type, char *out) {
    size_t head = callable.size < SL_KEY_MAX ? callable.size : SL_KEY_MAX;
    size_t tail = type.size < SL_NAME_MAX ? type.size : SL_NAME_MAX;
    if (head) memcpy(out, callable.data, head);
    if (head) out[head++] = '/';
    if (tail) memcpy(out + head, type.data, tail);
    out[head + tail] = '\0';
}

struct sl_text_list sl_state_keys_resolve(const struct sl_pipeline *pipeline, uint16_t stage,
                                          const struct sl_stage_types *types) {
    SL_ASSERT(stage < pipeline->stage_count);
    const struct sl_stage *self = &pipeline->stages[stage];
    if (self->has_state_keys) return self->state_keys;
    const struct sl_stage_type *type = sl_stage_types_bound(types, pipeline, stage);
    return type ? type->state_keys : (struct sl_text_list){0};
}

static struct sl_bytes stage_name(const struct resolving *self, uint16_t stage) {
    return self->pipeline->stages[stage].name;
}

/* FNV-1a. The table only finds equal keys; no order comes from it. */
static uint32_t hash_key(struct sl_bytes key) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < key.size; i++) hash = (hash ^ key.data[i]) * 16777619u;
    return hash;
}

static void insert_slot(struct resolving *self, uint32_t input) {
    uint32_t at = hash_key(self->inputs[input].key) % SLOT_COUNT;
    while (self->slots[at]) at = (at + 1) % SLOT_COUNT;
    self->slots[at] = (uint16_t)(input + 1);
}

static struct sl_input *find_key(struct resolving *self, struct sl_bytes key) {
    if (self->count <= SCAN_MAX) {
        for (uint32_t i = 0; i < self->count; i++) {
            if (sl_bytes_equal(self->inputs[i].key, key)) return &self->inputs[i];
        }
        return NULL;
    }
    for (uint32_t at = hash_key(key) % SLOT_COUNT; self->slots[at]; at = (at + 1) % SLOT_COUNT) {
        struct sl_input *input = &self->inputs[self->slots[at] - 1];
        if (sl_bytes_equal(input->key, key)) return input;
    }
    return NULL;
}

static void append(struct resolving *self, struct sl_input input) {
    if (self->count == self->inputs_max) {
        self->rc = SL_E_LIMIT;
        (void)snprintf(self->error, self->error_size, "stage \"%.*s\" has more than %u inputs",
                       SL_SHOWN(stage_name(self, self->stage)), self->inputs_max);
        return;
    }
    self->inputs[self->count++] = input;
    if (self->count == SCAN_MAX + 1) {
        memset(self->slots, 0, sizeof self->slots);
        for (uint32_t i = 0; i < self->count; i++) insert_slot(self, i);
    } else if (self->count > SCAN_MAX) {
        insert_slot(self, self->count - 1);
    }
}

/* Two inputs with one key: of two stages that write the same state key the later one stays; anything else has no answer. */
static void settle_key(struct resolving *self, struct sl_input *there, struct sl_input input) {
    bool same_kind = there->kind == SL_INPUT_STAGE && input.kind == SL_INPUT_STAGE;
    if (same_kind && there->is_state_key && input.is_state_key) {
        if (sl_pipeline_is_ancestor(self->pipeline, input.stage, there->stage)) return;
        if (sl_pipeline_is_ancestor(self->pipeline, there->stage, input.stage)) {
            *there = input;
            return;
        }
    }
    self->rc = SL_E_BAD_INPUT;
    (void)snprintf(self->error, self->error_size,
                   "stage \"%.*s\" has two inputs that are called \"%.*s\": give one of them another state_key",
                   SL_SHOWN(stage_name(self, self->stage)), SL_SHOWN(input.key));
}

static void add(struct resolving *self, struct sl_input input) {
    struct sl_input *there = find_key(self, input.key);
    if (there) {
        settle_key(self, there, input);
    } else {
        append(self, input);
    }
}

/* Adds a stage under its state key, or under `name` when it has none or several, or when `by_name`. */
static void add_stage(struct resolving *self, uint16_t stage, struct sl_bytes name, bool by_name) {
    uint64_t bit = (uint64_t)1 << (stage % WORD_BITS);
    if (self->rc != SL_OK || self->taken[stage / WORD_BITS] & bit) return;
    self->taken[stage / WORD_BITS] |= bit;
    if (!sl_pipeline_is_ancestor(self->pipeline, stage, self->stage)) {
        self->rc = SL_E_BAD_INPUT;
        (void)snprintf(self->error, self->error_size,
                       "stage \"%.*s\" takes the output of \"%.*s\", which does not come before it: add \"%.*s\" to its "
                       "depends_on", SL_SHOWN(stage_name(self, self->stage)), SL_SHOWN(stage_name(self, stage)),
                       SL_SHOWN(stage_name(self, stage)));
        return;
    }
    struct sl_input input = {.kind = SL_INPUT_STAGE, .stage = stage, .key = name};
    struct sl_text_list keys = sl_state_keys_resolve(self->pipeline, stage, self->types);
    if (!by_name && keys.count == 1) {
        input.key = keys.items[0];
        input.is_state_key = true;
    }
    add(self, input);
}

static void add_special(struct resolving *self, enum sl_dependency_kind kind) {
    static const struct sl_input specials[] = {
        [SL_DEPENDENCY_LEDGER] = {.kind = SL_INPUT_LEDGER, .key = {(const uint8_t *)"ledger", 6}},
        [SL_DEPENDENCY_PAYLOAD] = {.kind = SL_INPUT_PAYLOAD, .key = {(const uint8_t *)"payload", 7}},
        [SL_DEPENDENCY_STATE] = {.kind = SL_INPUT_STATE, .key = {(const uint8_t *)"state", 5}}};
    if (self->rc == SL_OK) add(self, specials[kind]);
}

/* Adds what a name stands for: a stage, or the other stages of a type. Whether there is any. */
static bool add_named(struct resolving *self, struct sl_bytes name) {
    int found = sl_pipeline_stage(self->pipeline, name);
    if (found >= 0) {
        add_stage(self, (uint16_t)found, name, false);
        return true;
    }
    uint16_t count, others = 0;
    const uint16_t *of_type = sl_pipeline_stages_of_type(self->pipeline, name, &count);
    for (uint16_t i = 0; i < count; i++) others = (uint16_t)(others + (of_type[i] != self->stage));
    for (uint16_t i = 0; i < count; i++) {
        if (of_type[i] == self->stage) continue;
        add_stage(self, of_type[i], others > 1 ? stage_name(self, of_type[i]) : name, others > 1);
    }
    return others > 0;
}

static struct sl_text_list dependencies_of(const struct resolving *self) {
    const struct sl_stage *stage = &self->pipeline->stages[self->stage];
    if (stage->has_dependencies) return stage->dependencies;
    const struct sl_stage_type *type = sl_stage_types_bound(self->types, self->pipeline, self->stage);
    return type ? type->dependencies : (struct sl_text_list){0};
}

static void resolve(struct resolving *self) {
    const struct sl_stage *stage = &self->pipeline->stages[self->stage];
    struct sl_text_list list = dependencies_of(self);
    bool named = false, found = false;
    for (uint32_t i = 0; i < list.count; i++) {
        enum sl_dependency_kind kind = sl_dependency_kind(list.items[i]);
        if (kind != SL_DEPENDENCY_NAME) {
            add_special(self, kind);
        } else {
            named = true;
            if (add_named(self, list.items[i])) found = true;
        }
    }
    if (list.count == 0 || (named && !found)) {
        for (uint32_t i = 0; i < stage->depends_on_count; i++) {
            add_stage(self, stage->depends_on[i], stage_name(self, stage->depends_on[i]), false);
        }
    }
    if (self->count == 0) add_special(self, SL_DEPENDENCY_PAYLOAD);
}

int sl_inputs_resolve(const struct sl_pipeline *pipeline, uint16_t stage, const struct sl_stage_types *types,
                      struct sl_input *out_inputs, uint32_t inputs_max, uint32_t *out_count, char *error,
                      size_t error_size) {
    SL_ASSERT(stage < pipeline->stage_count);
    struct resolving self; /* the slots are left alone until they are needed */
    self.pipeline = pipeline;
    self.types = types;
    self.stage = stage;
    self.inputs = out_inputs;
    self.inputs_max = inputs_max;
    self.count = 0;
    self.rc = SL_OK;
    self.error = error;
    self.error_size = error_size;
    memset(self.taken, 0, sizeof self.taken);
    resolve(&self);
    if (self.rc == SL_OK) *out_count = self.count;
    return self.rc;
}
