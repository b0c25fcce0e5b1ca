/* A head before each block remembers its size. */
#include "failing_alloc.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD_SIZE = 16 };

static void *resize(void *context, void *block, size_t size_old, size_t size_new) {
    struct sl_failing_alloc *self = context;
    uint8_t *head = block ? (uint8_t *)block - HEAD_SIZE : NULL;
    size_t size_known = 0;
    if (head) memcpy(&size_known, head, sizeof size_known);
    SL_ASSERT(size_known == size_old);
    if (size_new == 0) {
        if (head) self->live_blocks--;
        self->live_bytes -= size_old;
        free(head);
        return NULL;
    }
    if (self->countdown == 0) {
        self->has_failed = true;
        return NULL;
    }
    if (self->countdown != UINT64_MAX) self->countdown--;
    uint8_t *grown = realloc(head, size_new + HEAD_SIZE);
    SL_ASSERT(grown);
    memcpy(grown, &size_new, sizeof size_new);
    if (!head) self->live_blocks++;
    self->live_bytes += size_new - size_old;
    self->take_count++;
    return grown + HEAD_SIZE;
}

void sl_failing_alloc_init(struct sl_failing_alloc *self, uint64_t countdown) {
    *self = (struct sl_failing_alloc){.alloc = {.resize = resize, .context = self}, .countdown = countdown};
}
