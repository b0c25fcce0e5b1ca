/* The allocator that pure code is given. The core allocates through it only, so that tests can fail any allocation. */
#ifndef SL_BASE_ALLOC_H
#define SL_BASE_ALLOC_H

#include <stddef.h>

struct sl_alloc {
    /* As realloc(3), with the old size given; size 0 frees and returns NULL. NULL otherwise means: no memory. */
    void *(*resize)(void *context, void *block, size_t size_old, size_t size_new);
    void *context;
};

/* malloc(3), realloc(3) and free(3). Static. */
const struct sl_alloc *sl_alloc_system(void);

/* A block of size bytes, or NULL. The contents are undefined. */
static inline void *sl_alloc_take(const struct sl_alloc *alloc, size_t size) {
    return alloc->resize(alloc->context, NULL, 0, size);
}

/* Frees a block of that size; NULL is allowed. */
static inline void sl_alloc_give(const struct sl_alloc *alloc, void *block, size_t size) {
    if (block) (void)alloc->resize(alloc->context, block, size, 0);
}

#endif
