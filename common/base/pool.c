/* Small blocks by size class over chunks that are never returned before the end; large ones straight from the allocator. */
#include "pool.h"

#include "assert.h"
#include "err.h"

#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, CHUNK_HEAD = 16 };

struct sl_pool_chunk {
    struct sl_pool_chunk *next;
    size_t size;
};

static size_t rounded(size_t size) {
    return (size + SL_POOL_STEP - 1) / SL_POOL_STEP * SL_POOL_STEP;
}

void sl_pool_init(struct sl_pool *self, const struct sl_alloc *alloc) {
    memset(self, 0, sizeof *self);
    self->alloc = alloc;
}

void sl_pool_fini(struct sl_pool *self) {
    while (self->chunks) {
        struct sl_pool_chunk *chunk = self->chunks;
        self->chunks = chunk->next;
        sl_alloc_give(self->alloc, chunk, chunk->size);
    }
    sl_pool_init(self, self->alloc);
}

/* What is left of the old chunk becomes a free block, so that no memory is lost when a new chunk is taken. */
static void retire_bump(struct sl_pool *self) {
    while (self->bump_size >= SL_POOL_STEP) {
        size_t size = self->bump_size < SL_POOL_BLOCK_MAX ? self->bump_size : SL_POOL_BLOCK_MAX;
        size = size / SL_POOL_STEP * SL_POOL_STEP;
        *(void **)self->bump = self->free_blocks[size / SL_POOL_STEP];
        self->free_blocks[size / SL_POOL_STEP] = self->bump;
        self->bump += size;
        self->bump_size -= size;
    }
    self->bump_size = 0;
}

int sl_pool_reserve(struct sl_pool *self, size_t bytes) {
    bytes = rounded(bytes);
    if (bytes <= self->bump_size) return SL_OK;
    size_t size = bytes + CHUNK_HEAD > CHUNK_BYTES ? bytes + CHUNK_HEAD : CHUNK_BYTES;
    struct sl_pool_chunk *chunk = sl_alloc_take(self->alloc, size);
    if (!chunk) return SL_E_NO_MEMORY;
    retire_bump(self);
    *chunk = (struct sl_pool_chunk){.next = self->chunks, .size = size};
    self->chunks = chunk;
    self->bytes_held += size;
    self->bump = (uint8_t *)chunk + CHUNK_HEAD;
    self->bump_size = size - CHUNK_HEAD;
    return SL_OK;
}

static void *take_large(struct sl_pool *self, size_t size) {
    void *block = sl_alloc_take(self->alloc, size);
    if (!block) return NULL;
    self->bytes_held += size;
    self->bytes_used += size;
    memset(block, 0, size);
    return block;
}

void *sl_pool_take(struct sl_pool *self, size_t size) {
    SL_ASSERT(size > 0);
    size = rounded(size);
    if (size > SL_POOL_BLOCK_MAX) return take_large(self, size);
    void **block = self->free_blocks[size / SL_POOL_STEP];
    if (block) {
        self->free_blocks[size / SL_POOL_STEP] = *block;
    } else {
        if (sl_pool_reserve(self, size)) return NULL;
        block = (void **)(void *)self->bump;
        self->bump += size;
        self->bump_size -= size;
    }
    self->bytes_used += size;
    memset(block, 0, size);
    return block;
}

void sl_pool_give(struct sl_pool *self, void *block, size_t size) {
    if (!block) return;
    size = rounded(size);
    SL_ASSERT(self->bytes_used >= size);
    self->bytes_used -= size;
    if (size > SL_POOL_BLOCK_MAX) {
        self->bytes_held -= size;
        sl_alloc_give(self->alloc, block, size);
        return;
    }
    *(void **)block = self->free_blocks[size / SL_POOL_STEP];
    self->free_blocks[size / SL_POOL_STEP] = block;
}
