/* A binary min-heap of members with a time: the timers of the core. Equal times go by the order of insertion (libuv's rule),
 * so that order never comes from an address. */
#ifndef SL_BASE_HEAP_H
#define SL_BASE_HEAP_H

#include "alloc.h"

#include <stdbool.h>
#include <stdint.h>

struct sl_heap_node {
    uint64_t at;       /* due */
    uint64_t sequence; /* given on insertion */
    uint32_t place;    /* index in the heap plus 1; 0 = not in a heap */
};

struct sl_heap {
    struct sl_heap_node **nodes; /* owns the array, not the nodes */
    uint32_t count;
    uint32_t capacity;
    uint64_t next_sequence;
    const struct sl_alloc *alloc; /* borrows */
};

void sl_heap_init(struct sl_heap *self, const struct sl_alloc *alloc);
void sl_heap_fini(struct sl_heap *self);

/* Makes room for `more` further nodes. 0, or SL_E_NO_MEMORY. */
int sl_heap_reserve(struct sl_heap *self, uint32_t more);

/* Inserts a node that is in no heap; room must have been reserved. */
void sl_heap_insert(struct sl_heap *self, struct sl_heap_node *node, uint64_t at);

/* Removes a node; one that is in no heap is left alone. */
void sl_heap_remove(struct sl_heap *self, struct sl_heap_node *node);

/* The node that is due first, or NULL. */
static inline struct sl_heap_node *sl_heap_first(const struct sl_heap *self) {
    return self->count ? self->nodes[0] : (struct sl_heap_node *)0;
}

static inline bool sl_heap_holds(const struct sl_heap_node *node) {
    return node->place != 0;
}

#endif
