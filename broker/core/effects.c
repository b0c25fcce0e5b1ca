/* The effects of the step at hand, and the memory that lives until the next one. */
#include "sched_state.h"

struct block {
    struct block *next;
    size_t size;
};

enum { BLOCK_HEAD = 16 };

void sl_effects_clear(struct sl_sched *self) {
    self->effect_count = 0;
    struct block *block = self->step_blocks;
    while (block) {
        struct block *next = block->next;
        sl_alloc_give(&self->alloc, block, block->size);
        block = next;
    }
    self->step_blocks = NULL;
}

int sl_effects_reserve(struct sl_sched *self, uint32_t more) {
    if (more <= self->effect_capacity - self->effect_count) return SL_OK;
    uint32_t capacity = self->effect_capacity ? self->effect_capacity : 64;
    while (capacity - self->effect_count < more) capacity *= 2;
    void *effects = self->alloc.resize(self->alloc.context, self->effects, self->effect_capacity * sizeof *self->effects,
                                       capacity * sizeof *self->effects);
    if (!effects) return SL_E_NO_MEMORY;
    self->effects = effects;
    self->effect_capacity = capacity;
    return SL_OK;
}

struct sl_effect *sl_effect_add(struct sl_sched *self, enum sl_effect_kind kind) {
    SL_ASSERT(self->effect_count < self->effect_capacity);
    struct sl_effect *effect = &self->effects[self->effect_count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}

struct sl_effect *sl_effect_add_tagged(struct sl_sched *self, enum sl_effect_kind kind, const struct sl_shard *shard) {
    struct sl_effect *effect = sl_effect_add(self, kind);
    effect->shard = shard->index;
    effect->n = sl_shard_tag(shard);
    return effect;
}

void *sl_step_block(struct sl_sched *self, size_t size) {
    struct block *block = sl_alloc_take(&self->alloc, BLOCK_HEAD + size);
    if (!block) return NULL;
    *block = (struct block){.next = self->step_blocks, .size = BLOCK_HEAD + size};
    self->step_blocks = block;
    return (uint8_t *)block + BLOCK_HEAD;
}

struct sl_bytes sl_step_copy(struct sl_sched *self, struct sl_bytes bytes) {
    void *copy = sl_step_block(self, bytes.size + 1);
    if (!copy) return sl_bytes(NULL, 0);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    return sl_bytes(copy, bytes.size);
}

void sl_alarm(struct sl_sched *self, const struct sl_shard *shard, const char *text) {
    if (sl_effects_reserve(self, 1)) return;
    struct sl_bytes copy = sl_step_copy(self, sl_text(text));
    if (!copy.data) return;
    struct sl_effect *effect = sl_effect_add(self, SL_DO_ALARM);
    effect->shard = shard ? shard->index : UINT16_MAX;
    effect->text = copy;
}
