/* The memory of one simulated run; see arena.h. */
#include "arena.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20, ALIGN = 16, CLASS_BYTES_MIN = 32 };

struct sim_chunk {
    struct sim_chunk *next;
    struct sim_chunk *before; /* plain blocks only */
    size_t size;
    size_t pad;
};

/* Classes go 32, 48, 64, 96, 128, 192 ...: at most half of a block is lost. */
static unsigned class_of(size_t size, size_t *out_bytes) {
    size_t bytes = CLASS_BYTES_MIN;
    unsigned index = 0;
    while (bytes < size) {
        size_t half = bytes + bytes / 2;
        if (half >= size) {
            *out_bytes = half;
            return index + 1;
        }
        bytes *= 2;
        index += 2;
    }
    *out_bytes = bytes;
    return index;
}

static struct sim_chunk *chunk_take(struct sim_arena *self, size_t bytes) {
    if (bytes == CHUNK_BYTES && self->spare) {
        struct sim_chunk *chunk = self->spare;
        self->spare = chunk->next;
        return chunk;
    }
    struct sim_chunk *chunk = malloc(sizeof *chunk + bytes);
    SL_ASSERT(chunk);
    chunk->size = bytes;
    return chunk;
}

static void *bump_take(struct sim_arena *self, size_t bytes) {
    if (bytes + self->shift > CHUNK_BYTES / 4) {
        struct sim_chunk *chunk = chunk_take(self, bytes);
        chunk->next = self->chunks;
        self->chunks = chunk;
        return chunk + 1;
    }
    if (bytes > self->bump_size) {
        struct sim_chunk *chunk = chunk_take(self, CHUNK_BYTES);
        chunk->next = self->chunks;
        self->chunks = chunk;
        self->bump = (uint8_t *)(chunk + 1) + self->shift;
        self->bump_size = CHUNK_BYTES - self->shift;
    }
    void *block = self->bump;
    self->bump += bytes;
    self->bump_size -= bytes;
    return block;
}

static void *plain_take(struct sim_arena *self, size_t size) {
    struct sim_chunk *chunk = malloc(sizeof *chunk + size);
    SL_ASSERT(chunk);
    chunk->next = self->chunks;
    chunk->before = NULL;
    if (self->chunks) self->chunks->before = chunk;
    self->chunks = chunk;
    return chunk + 1;
}

static void plain_give(struct sim_arena *self, void *block) {
    struct sim_chunk *chunk = (struct sim_chunk *)block - 1;
    if (chunk->next) chunk->next->before = chunk->before;
    if (chunk->before) chunk->before->next = chunk->next;
    else self->chunks = chunk->next;
    free(chunk);
}

static void *block_take(struct sim_arena *self, size_t size) {
    if (self->plain) return plain_take(self, size);
    size_t bytes;
    unsigned index = class_of(size, &bytes);
    SL_ASSERT(index < SIM_ARENA_CLASSES);
    void *block = self->free_blocks[index];
    if (!block) return bump_take(self, bytes);
    memcpy(&self->free_blocks[index], block, sizeof(void *));
    return block;
}

static void block_give(struct sim_arena *self, void *block, size_t size) {
    if (self->plain) {
        plain_give(self, block);
        return;
    }
    size_t bytes;
    unsigned index = class_of(size, &bytes);
    memcpy(block, &self->free_blocks[index], sizeof(void *));
    self->free_blocks[index] = block;
}

static void *resize(void *context, void *block, size_t size_old, size_t size_new) {
    struct sim_arena *self = context;
    if (size_new == 0) {
        if (block) block_give(self, block, size_old);
        return NULL;
    }
    void *fresh = block_take(self, size_new);
    if (block) {
        memcpy(fresh, block, size_old < size_new ? size_old : size_new);
        block_give(self, block, size_old);
    }
    return fresh;
}

static void *resize_or_fail(void *context, void *block, size_t size_old, size_t size_new) {
    struct sim_arena *self = context;
    if (size_new && self->countdown && --self->countdown == 0) {
        self->failed++;
        return NULL;
    }
    return resize(context, block, size_old, size_new);
}

void sim_arena_init(struct sim_arena *self, bool plain) {
    *self = (struct sim_arena){.plain = plain};
    self->alloc = (struct sl_alloc){.resize = resize_or_fail, .context = self};
    self->sure = (struct sl_alloc){.resize = resize, .context = self};
}

void sim_arena_reset(struct sim_arena *self, size_t shift) {
    SL_ASSERT(shift % ALIGN == 0 && shift < CHUNK_BYTES / 8);
    while (self->chunks) {
        struct sim_chunk *chunk = self->chunks;
        self->chunks = chunk->next;
        if (self->plain || chunk->size != CHUNK_BYTES) {
            free(chunk);
            continue;
        }
        chunk->next = self->spare;
        self->spare = chunk;
    }
    memset(self->free_blocks, 0, sizeof self->free_blocks);
    self->bump = NULL;
    self->bump_size = 0;
    self->shift = shift;
    self->countdown = 0;
    self->failed = 0;
}

void sim_arena_fini(struct sim_arena *self) {
    sim_arena_reset(self, 0);
    while (self->spare) {
        struct sim_chunk *chunk = self->spare;
        self->spare = chunk->next;
        free(chunk);
    }
}

void *sim_arena_take(struct sim_arena *self, size_t size) {
    void *block = block_take(self, size ? size : 1);
    memset(block, 0, size);
    return block;
}
