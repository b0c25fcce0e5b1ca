/* The system's allocator behind the interface of alloc.h. */
#include "alloc.h"

#include <stdlib.h>

static void *system_resize(void *context, void *block, size_t size_old, size_t size_new) {
    (void)context;
    (void)size_old;
    if (size_new == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, size_new);
}

const struct sl_alloc *sl_alloc_system(void) {
    static const struct sl_alloc system_alloc = {.resize = system_resize, .context = NULL};
    return &system_alloc;
}
