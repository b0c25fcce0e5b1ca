/* The memory of one simulated run: blocks by size class on top of large chunks, all given back at once at its end. A run can
 * therefore be left in the middle, and a second run can be given other addresses. */
#ifndef SIM_ARENA_H
#define SIM_ARENA_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>

enum { SIM_ARENA_CLASSES = 40 };

struct sim_chunk;

struct sim_arena {
    struct sim_chunk *chunks; /* owns, newest first */
    struct sim_chunk *spare;  /* owns: chunks of runs before, used again */
    uint8_t *bump;
    size_t bump_size;
    void *free_blocks[SIM_ARENA_CLASSES];
    size_t shift;        /* bytes skipped at the start of each chunk: moves every address */
    uint64_t countdown;  /* the resize that fails, counted down; 0: none fails */
    uint64_t failed;     /* how many did */
    bool plain;          /* every block from malloc: for sanitizers, which then see each block's ends */
    struct sl_alloc alloc; /* of the parts under test: this one fails */
    struct sl_alloc sure;  /* of everything else */
};

/* An arena without memory. `plain` chooses malloc for each block. */
void sim_arena_init(struct sim_arena *self, bool plain);

/* Forgets every block and starts again with addresses moved by `shift` bytes (a multiple of 16). Plain blocks are freed. */
void sim_arena_reset(struct sim_arena *self, size_t shift);

void sim_arena_fini(struct sim_arena *self);

/* A zeroed block that lives until the reset. Never fails: the test ends when the machine has no memory. */
void *sim_arena_take(struct sim_arena *self, size_t size);

#endif
