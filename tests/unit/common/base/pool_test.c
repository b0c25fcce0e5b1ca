/* Small blocks, and the promise that reserved room cannot fail. */
#include "base/err.h"
#include "base/pool.h"
#include "base/rng.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

enum { BLOCK_COUNT = 400, STEP_COUNT = 50000, SIZE_MAX_TESTED = 3 * SL_POOL_BLOCK_MAX };

static struct sl_failing_alloc memory;
static struct sl_pool pool;

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    sl_pool_init(&pool, &memory.alloc);
}

static void tear_down(void) {
    sl_pool_fini(&pool);
    cr_assert_eq(memory.live_blocks, 0);
}

TestSuite(pool, .init = set_up, .fini = tear_down);

Test(pool, blocks_are_zeroed_aligned_and_do_not_overlap) {
    static struct {
        uint8_t *data;
        size_t size;
        uint8_t fill;
    } blocks[BLOCK_COUNT];
    struct sl_rng rng = {.state = 5};
    for (int step = 0; step < STEP_COUNT; step++) {
        size_t i = sl_rng_below(&rng, BLOCK_COUNT);
        if (blocks[i].data) {
            for (size_t k = 0; k < blocks[i].size; k++) cr_assert_eq(blocks[i].data[k], blocks[i].fill);
            sl_pool_give(&pool, blocks[i].data, blocks[i].size);
            blocks[i].data = NULL;
            continue;
        }
        blocks[i].size = 1 + sl_rng_below(&rng, sl_rng_chance(&rng, 1, 10) ? SIZE_MAX_TESTED : 200);
        blocks[i].fill = (uint8_t)sl_rng_next(&rng);
        blocks[i].data = sl_pool_take(&pool, blocks[i].size);
        cr_assert_not_null(blocks[i].data);
        cr_assert_eq((uintptr_t)blocks[i].data % 16, 0);
        for (size_t k = 0; k < blocks[i].size; k++) cr_assert_eq(blocks[i].data[k], 0);
        memset(blocks[i].data, blocks[i].fill, blocks[i].size);
    }
    for (int i = 0; i < BLOCK_COUNT; i++) sl_pool_give(&pool, blocks[i].data, blocks[i].size);
    cr_assert_eq(pool.bytes_used, 0);
}

Test(pool, reserved_room_cannot_fail_whatever_the_sizes) {
    struct sl_rng rng = {.state = 6};
    for (int round = 0; round < 300; round++) {
        size_t reserved = 16 * (1 + sl_rng_below(&rng, 2000)), left = reserved;
        memory.countdown = UINT64_MAX;
        cr_assert_eq(sl_pool_reserve(&pool, reserved), SL_OK);
        memory.countdown = 0;
        while (left > 0) {
            size_t size_max = left < SL_POOL_BLOCK_MAX ? left : SL_POOL_BLOCK_MAX;
            size_t size = 1 + sl_rng_below(&rng, size_max);
            void *block = sl_pool_take(&pool, size);
            cr_assert_not_null(block, "round %d, %zu of %zu left", round, left, reserved);
            left -= (size + SL_POOL_STEP - 1) / SL_POOL_STEP * SL_POOL_STEP;
            if (sl_rng_chance(&rng, 1, 3)) sl_pool_give(&pool, block, size);
        }
    }
}

/* Every allocation of a run fails once; the run then goes on without that block and nothing is lost. */
Test(pool, every_allocation_can_fail) {
    for (uint64_t countdown = 0;; countdown++) {
        sl_failing_alloc_init(&memory, countdown);
        sl_pool_init(&pool, &memory.alloc);
        void *large = NULL;
        for (int i = 0; i < 200; i++) {
            size_t used = pool.bytes_used;
            if (!sl_pool_take(&pool, 2000)) cr_assert_eq(pool.bytes_used, used);
        }
        size_t used = pool.bytes_used, held = pool.bytes_held;
        large = sl_pool_take(&pool, SL_POOL_BLOCK_MAX + 1);
        if (large) sl_pool_give(&pool, large, SL_POOL_BLOCK_MAX + 1);
        cr_assert_eq(pool.bytes_used, used);
        cr_assert_eq(pool.bytes_held, held);
        sl_pool_fini(&pool);
        cr_assert_eq(memory.live_blocks, 0);
        if (!memory.has_failed) break;
    }
    cr_assert_gt(memory.take_count, 3, "the run must need several allocations to prove anything");
}

Test(pool, memory_that_was_given_back_is_used_again) {
    for (int round = 0; round < 1000; round++) {
        void *blocks[50];
        for (int i = 0; i < 50; i++) blocks[i] = sl_pool_take(&pool, 160);
        for (int i = 0; i < 50; i++) sl_pool_give(&pool, blocks[i], 160);
    }
    cr_assert_eq(memory.take_count, 1);
    sl_pool_give(&pool, NULL, 160);
}

Test(pool, a_block_of_no_bytes_is_a_bug, .signal = SIGABRT) {
    (void)sl_pool_take(&pool, 0);
}
