/* A pool of small blocks whose room can be reserved ahead: after sl_pool_reserve(n), blocks of n bytes in sum cannot
 * fail. That is how the core keeps "error means unchanged": it reserves what an event may need, then changes state. */
#ifndef SL_BASE_POOL_H
#define SL_BASE_POOL_H

#include "alloc.h"

#include <stdint.h>

enum { SL_POOL_BLOCK_MAX = 4096, SL_POOL_STEP = 16, SL_POOL_CLASSES = SL_POOL_BLOCK_MAX / SL_POOL_STEP };

struct sl_pool_chunk;

struct sl_pool {
    const struct sl_alloc *alloc; /* borrows for its whole life */
    struct sl_pool_chunk *chunks; /* owns, newest first */
    uint8_t *bump;                /* rest of the newest chunk */
    size_t bump_size;
    void *free_blocks[SL_POOL_CLASSES + 1]; /* by size in steps */
    size_t bytes_held;                      /* in chunks and large blocks */
    size_t bytes_used;                      /* in blocks handed out, rounded up */
};

/* An empty pool; allocates nothing. */
void sl_pool_init(struct sl_pool *self, const struct sl_alloc *alloc);

/* Frees every chunk, and so every block of at most SL_POOL_BLOCK_MAX bytes. Larger blocks must have been given back. */
void sl_pool_fini(struct sl_pool *self);

/* Makes sure that the next blocks of at most SL_POOL_BLOCK_MAX bytes each, `bytes` in sum (each rounded up to SL_POOL_STEP),
 * can be taken without failing. 0, or SL_E_NO_MEMORY. */
int sl_pool_reserve(struct sl_pool *self, size_t bytes);

/* A block of size bytes, zeroed, aligned to 16, or NULL. A block above SL_POOL_BLOCK_MAX comes from the allocator. */
void *sl_pool_take(struct sl_pool *self, size_t size);

/* Gives a block of that size back; NULL is allowed. */
void sl_pool_give(struct sl_pool *self, void *block, size_t size);

#endif
