/* The timer heap against a list that is searched from end to end. */
#include "base/err.h"
#include "base/heap.h"
#include "base/rng.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <signal.h>

enum { NODE_COUNT = 500, STEP_COUNT = 20000 };

static struct sl_failing_alloc memory;
static struct sl_heap heap;
static struct sl_heap_node nodes[NODE_COUNT];

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    sl_heap_init(&heap, &memory.alloc);
}

static void tear_down(void) {
    sl_heap_fini(&heap);
    cr_assert_eq(memory.live_bytes, 0);
}

/* The node that is due first, by looking at all of them. */
static struct sl_heap_node *first_by_search(void) {
    struct sl_heap_node *best = NULL;
    for (int i = 0; i < NODE_COUNT; i++) {
        struct sl_heap_node *node = &nodes[i];
        if (!sl_heap_holds(node)) continue;
        if (!best || node->at < best->at || (node->at == best->at && node->sequence < best->sequence)) best = node;
    }
    return best;
}

TestSuite(heap, .init = set_up, .fini = tear_down);

Test(heap, an_empty_one_has_no_first) {
    cr_assert_null(sl_heap_first(&heap));
    sl_heap_remove(&heap, &nodes[0]);
    cr_assert_eq(heap.count, 0);
}

Test(heap, agrees_with_a_search_after_every_random_step) {
    struct sl_rng rng = {.state = 1};
    cr_assert_eq(sl_heap_reserve(&heap, NODE_COUNT), SL_OK);
    for (int step = 0; step < STEP_COUNT; step++) {
        struct sl_heap_node *node = &nodes[sl_rng_below(&rng, NODE_COUNT)];
        if (sl_heap_holds(node)) {
            sl_heap_remove(&heap, node);
        } else {
            sl_heap_insert(&heap, node, sl_rng_below(&rng, 50));
        }
        cr_assert_eq(sl_heap_first(&heap), first_by_search(), "step %d", step);
    }
}

Test(heap, gives_equal_times_in_the_order_of_insertion) {
    cr_assert_eq(sl_heap_reserve(&heap, NODE_COUNT), SL_OK);
    for (int i = 0; i < NODE_COUNT; i++) sl_heap_insert(&heap, &nodes[i], 7);
    for (int i = 0; i < NODE_COUNT; i++) {
        cr_assert_eq(sl_heap_first(&heap), &nodes[i]);
        sl_heap_remove(&heap, &nodes[i]);
    }
}

Test(heap, reserving_without_memory_changes_nothing) {
    cr_assert_eq(sl_heap_reserve(&heap, 1), SL_OK);
    sl_heap_insert(&heap, &nodes[0], 3);
    memory.countdown = 0;
    cr_assert_eq(sl_heap_reserve(&heap, 1000), SL_E_NO_MEMORY);
    cr_assert_eq(sl_heap_reserve(&heap, UINT32_MAX), SL_E_NO_MEMORY);
    cr_assert_eq(sl_heap_first(&heap), &nodes[0]);
}

Test(heap, inserting_without_room_is_a_bug, .signal = SIGABRT) {
    sl_heap_insert(&heap, &nodes[0], 3);
}

Test(heap, inserting_twice_is_a_bug, .signal = SIGABRT) {
    (void)sl_heap_reserve(&heap, 2);
    sl_heap_insert(&heap, &nodes[0], 3);
    sl_heap_insert(&heap, &nodes[0], 4);
}
