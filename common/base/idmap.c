/* Open addressing; see idmap.h. */
#include "idmap.h"

#include "assert.h"
#include "err.h"

#include <string.h>

enum { CAPACITY_MIN = 16 };

void sl_idmap_init(struct sl_idmap *self, const struct sl_alloc *alloc, uint64_t seed) {
    *self = (struct sl_idmap){.alloc = alloc, .seed = seed};
}

void sl_idmap_fini(struct sl_idmap *self) {
    sl_alloc_give(self->alloc, self->slots, self->capacity * sizeof *self->slots);
    sl_idmap_init(self, self->alloc, self->seed);
}

static size_t home(const struct sl_idmap *self, const uint8_t id[16]) {
    uint64_t a, b;
    memcpy(&a, id, 8);
    memcpy(&b, id + 8, 8);
    uint64_t mixed = (a ^ self->seed) * 0x9e3779b97f4a7c15u ^ b;
    mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93u;
    return (size_t)(mixed ^ mixed >> 32) & (self->capacity - 1);
}

int sl_idmap_reserve(struct sl_idmap *self, size_t more) {
    if (self->capacity && self->count + more <= self->capacity / 4 * 3) return SL_OK;
    size_t capacity = self->capacity ? self->capacity : CAPACITY_MIN;
    while (self->count + more > capacity / 4 * 3) {
        if (capacity > SIZE_MAX / 64) return SL_E_NO_MEMORY;
        capacity *= 2;
    }
    void **slots = sl_alloc_take(self->alloc, capacity * sizeof *slots);
    if (!slots) return SL_E_NO_MEMORY;
    memset(slots, 0, capacity * sizeof *slots);
    struct sl_idmap old = *self;
    self->slots = slots;
    self->capacity = capacity;
    self->count = 0;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i]) sl_idmap_insert(self, old.slots[i]);
    }
    sl_alloc_give(self->alloc, old.slots, old.capacity * sizeof *old.slots);
    return SL_OK;
}

/* The slot that holds id, or the free one where it belongs. */
static size_t find_slot(const struct sl_idmap *self, const uint8_t id[16]) {
    size_t slot = home(self, id);
    while (self->slots[slot] && memcmp(self->slots[slot], id, 16) != 0) slot = (slot + 1) & (self->capacity - 1);
    return slot;
}

void sl_idmap_insert(struct sl_idmap *self, void *member) {
    SL_ASSERT(self->count < self->capacity / 4 * 3);
    size_t slot = find_slot(self, member);
    SL_ASSERT(!self->slots[slot]);
    self->slots[slot] = member;
    self->count++;
}

void *sl_idmap_find(const struct sl_idmap *self, const uint8_t id[16]) {
    return self->count ? self->slots[find_slot(self, id)] : NULL;
}

void *sl_idmap_remove(struct sl_idmap *self, const uint8_t id[16]) {
    if (self->count == 0) return NULL;
    size_t mask = self->capacity - 1;
    size_t hole = find_slot(self, id);
    void *member = self->slots[hole];
    if (!member) return NULL;
    for (size_t next = (hole + 1) & mask; self->slots[next]; next = (next + 1) & mask) {
        size_t want = home(self, self->slots[next]);
        /* A member may fill the hole unless its home lies behind the hole, in ring order. */
        if (((next - want) & mask) >= ((next - hole) & mask)) {
            self->slots[hole] = self->slots[next];
            hole = next;
        }
    }
    self->slots[hole] = NULL;
    self->count--;
    return member;
}

void *sl_idmap_each(const struct sl_idmap *self, size_t *cursor) {
    while (*cursor < self->capacity) {
        void *member = self->slots[(*cursor)++];
        if (member) return member;
    }
    return NULL;
}
