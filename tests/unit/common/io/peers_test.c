/* The table of a router's peers. */
#include "base/err.h"
#include "base/rng.h"
#include "io/peers.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>

enum { CAPACITY = 4 };

static struct sl_failing_alloc memory;
static struct sl_peers peers;

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    cr_assert_eq(sl_peers_init(&peers, &memory.alloc, CAPACITY, 1), SL_OK);
}

static void tear_down(void) {
    sl_peers_fini(&peers);
    cr_assert_eq(memory.live_blocks, 0);
}

TestSuite(peers, .init = set_up, .fini = tear_down);

static struct sl_peer *hear(uint8_t number) {
    uint8_t id[ROUTING_ID_SIZE] = {0, 1, 2, 3, number};
    return sl_peers_hear(&peers, id, sizeof id);
}

Test(peers, keep_their_numbers) {
    uint64_t handles[CAPACITY];
    for (uint8_t i = 0; i < CAPACITY; i++) handles[i] = hear(i)->handle;
    for (uint8_t i = 0; i < CAPACITY; i++) {
        cr_assert_neq(handles[i], 0);
        cr_assert_eq(hear(i)->handle, handles[i]);
        cr_assert_eq(sl_peers_find(&peers, handles[i]), hear(i));
        for (uint8_t k = 0; k < i; k++) cr_assert_neq(handles[i], handles[k]);
    }
}

Test(peers, numbers_that_were_never_given_find_nobody) {
    struct sl_peer *peer = hear(1);
    cr_assert_null(sl_peers_find(&peers, 0));
    cr_assert_null(sl_peers_find(&peers, UINT64_MAX));
    cr_assert_null(sl_peers_find(&peers, peer->handle + (1 << PEERS_PLACE_BITS)));
    cr_assert_null(sl_peers_find(&peers, peer->handle + 1));
    cr_assert_null(sl_peers_find(&peers, CAPACITY));
}

Test(peers, forgotten_ones_come_back_under_another_number) {
    uint64_t handle = hear(1)->handle;
    sl_peers_forget(&peers, hear(1));
    cr_assert_null(sl_peers_find(&peers, handle));
    cr_assert_neq(hear(1)->handle, handle);
    cr_assert_null(sl_peers_find(&peers, handle), "the place is used again, the number is not");
}

Test(peers, only_automatic_routing_ids_count) {
    cr_assert_null(sl_peers_hear(&peers, (const uint8_t *)"\1bcde", 5));
    cr_assert_null(sl_peers_hear(&peers, (const uint8_t *)"\0bcdef", 6));
    cr_assert_null(sl_peers_hear(&peers, (const uint8_t *)"\0bcd", 4));
    cr_assert_null(sl_peers_hear(&peers, (const uint8_t *)"", 0));
    cr_assert_eq(peers.recent.count, 0);
}

Test(peers, the_one_that_was_silent_longest_makes_room) {
    uint64_t handles[CAPACITY];
    for (uint8_t i = 0; i < CAPACITY; i++) handles[i] = hear(i)->handle;
    (void)hear(0);
    (void)hear(9);
    cr_assert_eq(peers.evicted_count, 1);
    cr_assert_null(sl_peers_find(&peers, handles[1]));
    cr_assert_not_null(sl_peers_find(&peers, handles[0]));
    for (int i = 0; i < 1000; i++) (void)hear((uint8_t)(10 + i % 200));
    cr_assert_eq(peers.recent.count, CAPACITY);
    cr_assert_eq(peers.evicted_count, 1001);
}

Test(peers, no_memory_costs_only_the_new_one) {
    uint64_t handle = hear(0)->handle;
    memory.countdown = 0;
    cr_assert_null(hear(1));
    cr_assert_eq(hear(0)->handle, handle);
    cr_assert_eq(peers.recent.count, 1);
    for (uint64_t countdown = 0; countdown < 2; countdown++) {
        struct sl_peers other;
        struct sl_failing_alloc little;
        sl_failing_alloc_init(&little, countdown);
        cr_assert_eq(sl_peers_init(&other, &little.alloc, CAPACITY, 1), SL_E_NO_MEMORY);
        sl_peers_fini(&other);
        cr_assert_eq(little.live_blocks, 0);
    }
}
