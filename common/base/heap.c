/* Binary heap over an array of pointers; each node knows its place. */
#include "heap.h"

#include "assert.h"
#include "err.h"

void sl_heap_init(struct sl_heap *self, const struct sl_alloc *alloc) {
    *self = (struct sl_heap){.alloc = alloc};
}

void sl_heap_fini(struct sl_heap *self) {
    sl_alloc_give(self->alloc, self->nodes, self->capacity * sizeof *self->nodes);
    sl_heap_init(self, self->alloc);
}

int sl_heap_reserve(struct sl_heap *self, uint32_t more) {
    if (more <= self->capacity - self->count) return SL_OK;
    uint32_t capacity = self->capacity ? self->capacity : 64;
    while (capacity - self->count < more) {
        if (capacity > UINT32_MAX / 4) return SL_E_NO_MEMORY;
        capacity *= 2;
    }
    void *nodes = self->alloc->resize(self->alloc->context, self->nodes, self->capacity * sizeof *self->nodes,
                                      capacity * sizeof *self->nodes);
    if (!nodes) return SL_E_NO_MEMORY;
    self->nodes = nodes;
    self->capacity = capacity;
    return SL_OK;
}

static bool is_before(const struct sl_heap_node *a, const struct sl_heap_node *b) {
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void put(struct sl_heap *self, uint32_t index, struct sl_heap_node *node) {
    self->nodes[index] = node;
    node->place = index + 1;
}

static void sift_up(struct sl_heap *self, uint32_t index, struct sl_heap_node *node) {
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (!is_before(node, self->nodes[parent])) break;
        put(self, index, self->nodes[parent]);
        index = parent;
    }
    put(self, index, node);
}

static void sift_down(struct sl_heap *self, uint32_t index, struct sl_heap_node *node) {
    for (;;) {
        uint32_t child = 2 * index + 1;
        if (child >= self->count) break;
        if (child + 1 < self->count && is_before(self->nodes[child + 1], self->nodes[child])) child++;
        if (!is_before(self->nodes[child], node)) break;
        put(self, index, self->nodes[child]);
        index = child;
    }
    put(self, index, node);
}

void sl_heap_insert(struct sl_heap *self, struct sl_heap_node *node, uint64_t at) {
    SL_ASSERT(node->place == 0);
    SL_ASSERT(self->count < self->capacity);
    node->at = at;
    node->sequence = self->next_sequence++;
    self->count++;
    sift_up(self, self->count - 1, node);
}

void sl_heap_remove(struct sl_heap *self, struct sl_heap_node *node) {
    if (node->place == 0) return;
    uint32_t index = node->place - 1;
    SL_ASSERT(index < self->count && self->nodes[index] == node);
    struct sl_heap_node *last = self->nodes[--self->count];
    node->place = 0;
    if (last == node) return;
    if (index > 0 && is_before(last, self->nodes[(index - 1) / 2])) {
        sift_up(self, index, last);
    } else {
        sift_down(self, index, last);
    }
}
