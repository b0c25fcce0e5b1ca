/* An allocator for tests: fails when its countdown is over, knows the size of each block, and counts what is not given back. */
#ifndef SL_SUPPORT_FAILING_ALLOC_H
#define SL_SUPPORT_FAILING_ALLOC_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>

struct sl_failing_alloc {
    struct sl_alloc alloc; /* hand out its address; the struct must not move */
    uint64_t countdown;    /* allocations that still work; UINT64_MAX: all */
    bool has_failed;
    uint64_t take_count; /* allocations and growths that worked */
    size_t live_blocks;
    size_t live_bytes;
};

/* An allocator that fails after `countdown` allocations (growing a block is one). A wrong old size is an assertion. */
void sl_failing_alloc_init(struct sl_failing_alloc *self, uint64_t countdown);

/* One that never fails and only counts. */
static inline void sl_counting_alloc_init(struct sl_failing_alloc *self) {
    sl_failing_alloc_init(self, UINT64_MAX);
}

#endif
