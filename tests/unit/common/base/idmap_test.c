/* The id table against an array of flags. */
#include "base/err.h"
#include "base/idmap.h"
#include "base/rng.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

enum { MEMBER_COUNT = 1000, STEP_COUNT = 200000 };

struct member {
    uint8_t id[16];
    bool is_in;
};

static struct sl_failing_alloc memory;
static struct sl_idmap map;
static struct member members[MEMBER_COUNT];

static void set_up(void) {
    struct sl_rng rng = {.state = 42};
    sl_counting_alloc_init(&memory);
    sl_idmap_init(&map, &memory.alloc, 99);
    for (int i = 0; i < MEMBER_COUNT; i++) {
        uint64_t words[2] = {sl_rng_next(&rng), sl_rng_next(&rng)};
        memcpy(members[i].id, words, sizeof words);
    }
}

static void tear_down(void) {
    sl_idmap_fini(&map);
    cr_assert_eq(memory.live_bytes, 0);
}

static void toggle(struct member *member) {
    if (member->is_in) {
        cr_assert_eq(sl_idmap_remove(&map, member->id), member);
    } else {
        cr_assert_null(sl_idmap_remove(&map, member->id));
        cr_assert_eq(sl_idmap_reserve(&map, 1), SL_OK);
        sl_idmap_insert(&map, member);
    }
    member->is_in = !member->is_in;
}

static void check_all(void) {
    size_t count = 0, walked = 0, cursor = 0;
    for (int i = 0; i < MEMBER_COUNT; i++) {
        cr_assert_eq(sl_idmap_find(&map, members[i].id), members[i].is_in ? &members[i] : NULL);
        count += members[i].is_in;
    }
    for (struct member *member = sl_idmap_each(&map, &cursor); member; member = sl_idmap_each(&map, &cursor)) {
        cr_assert(member->is_in);
        walked++;
    }
    cr_assert_eq(map.count, count);
    cr_assert_eq(walked, count);
}

TestSuite(idmap, .init = set_up, .fini = tear_down);

Test(idmap, agrees_with_flags_through_random_changes) {
    struct sl_rng rng = {.state = 7};
    for (int step = 0; step < STEP_COUNT; step++) {
        toggle(&members[sl_rng_below(&rng, MEMBER_COUNT)]);
        if (step % 10000 == 0) check_all();
    }
    check_all();
}

/* Ids that differ in one byte only, so that many share a home whatever the seed. */
Test(idmap, agrees_with_flags_when_ids_are_close) {
    struct sl_rng rng = {.state = 8};
    for (int i = 0; i < MEMBER_COUNT; i++) {
        memset(members[i].id, 0, sizeof members[i].id);
        members[i].id[i % 16] = (uint8_t)(1 + i / 16);
    }
    for (int step = 0; step < STEP_COUNT; step++) toggle(&members[sl_rng_below(&rng, MEMBER_COUNT)]);
    check_all();
}

Test(idmap, an_empty_one_finds_nothing) {
    size_t cursor = 0;
    cr_assert_null(sl_idmap_find(&map, members[0].id));
    cr_assert_null(sl_idmap_remove(&map, members[0].id));
    cr_assert_null(sl_idmap_each(&map, &cursor));
}

Test(idmap, members_may_be_removed_on_the_way_through) {
    bool seen[MEMBER_COUNT] = {false};
    for (int i = 0; i < MEMBER_COUNT; i++) toggle(&members[i]);
    size_t cursor = 0;
    struct member *member;
    while ((member = sl_idmap_each(&map, &cursor))) {
        int i = (int)(member - members);
        seen[i] = true;
        if (i % 3 == 0) continue;
        toggle(member);
        cursor--;
    }
    for (int i = 0; i < MEMBER_COUNT; i++) cr_assert(seen[i], "member %d was passed over", i);
    check_all();
}

Test(idmap, room_that_was_reserved_needs_no_allocation) {
    cr_assert_eq(sl_idmap_reserve(&map, MEMBER_COUNT), SL_OK);
    memory.countdown = 0;
    for (int i = 0; i < MEMBER_COUNT; i++) {
        sl_idmap_insert(&map, &members[i]);
        members[i].is_in = true;
    }
    check_all();
}

Test(idmap, reserving_without_memory_changes_nothing) {
    for (int i = 0; i < 100; i++) toggle(&members[i]);
    memory.countdown = 0;
    cr_assert_eq(sl_idmap_reserve(&map, 1000), SL_E_NO_MEMORY);
    cr_assert_eq(sl_idmap_reserve(&map, SIZE_MAX / 32), SL_E_NO_MEMORY);
    check_all();
}

Test(idmap, inserting_an_id_twice_is_a_bug, .signal = SIGABRT) {
    (void)sl_idmap_reserve(&map, 2);
    sl_idmap_insert(&map, &members[0]);
    sl_idmap_insert(&map, &members[0]);
}
