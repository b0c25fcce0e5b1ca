/* The way out's waiting room: in order, never before its number, and nothing after a drop. */
#include "base/err.h"
#include "core/outbox.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct sl_failing_alloc memory;
static struct sl_outbox *outbox;

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    cr_assert_eq(sl_outbox_new(&memory.alloc, 2, &outbox), SL_OK);
}

static void tear_down(void) {
    sl_outbox_free(&outbox);
    cr_assert_null(outbox);
    cr_assert_eq(memory.live_blocks, 0);
}

TestSuite(outbox, .init = set_up, .fini = tear_down);

static int put(uint16_t shard, uint64_t n, const char *text) {
    struct sl_outbox_message message = {.n = n, .peer = n * 10, .kind = 7, .bytes = sl_text(text)};
    return sl_outbox_put(outbox, shard, &message);
}

/* Takes what may leave of a shard, as one text. */
static const char *leave(uint16_t shard) {
    static char text[256];
    struct sl_outbox_message message;
    size_t used = 0;
    text[0] = '\0';
    while (sl_outbox_next(outbox, shard, &message)) {
        cr_assert_eq(message.peer, message.n * 10);
        cr_assert_eq(message.kind, 7);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", used ? " " : "", (int)message.bytes.size,
                                 (const char *)message.bytes.data);
    }
    return text;
}

Test(outbox, nothing_leaves_before_its_number_is_durable) {
    cr_assert_eq(put(0, 3, "a"), SL_OK);
    cr_assert_eq(put(0, 4, "b"), SL_OK);
    cr_assert_eq(put(0, 4, "c"), SL_OK);
    cr_assert_str_eq(leave(0), "");
    sl_outbox_release(outbox, 0, 2);
    cr_assert_str_eq(leave(0), "");
    sl_outbox_release(outbox, 0, 3);
    cr_assert_str_eq(leave(0), "a");
    sl_outbox_release(outbox, 0, 9);
    cr_assert_str_eq(leave(0), "b c");
    cr_assert_str_eq(leave(0), "");
}

Test(outbox, shards_wait_for_themselves_only) {
    cr_assert_eq(put(0, 1, "zero"), SL_OK);
    cr_assert_eq(put(1, 1, "one"), SL_OK);
    sl_outbox_release(outbox, 1, 1);
    cr_assert_str_eq(leave(0), "");
    cr_assert_str_eq(leave(1), "one");
}

Test(outbox, what_may_leave_at_once_never_overtakes_what_waits) {
    cr_assert(sl_outbox_may_leave(outbox, 0, 0), "what rests on nothing");
    cr_assert_not(sl_outbox_may_leave(outbox, 0, 1));
    cr_assert_eq(put(0, 1, "a"), SL_OK);
    sl_outbox_release(outbox, 0, 5);
    cr_assert_not(sl_outbox_may_leave(outbox, 0, 4), "an older one still waits to be taken");
    cr_assert_str_eq(leave(0), "a");
    cr_assert(sl_outbox_may_leave(outbox, 0, 5));
    cr_assert_not(sl_outbox_may_leave(outbox, 0, 6));
}

Test(outbox, a_release_that_comes_late_takes_nothing_back) {
    sl_outbox_release(outbox, 0, 5);
    sl_outbox_release(outbox, 0, 4);
    cr_assert(sl_outbox_may_leave(outbox, 0, 5));
}

Test(outbox, a_drop_throws_away_what_waits_and_numbers_begin_anew) {
    cr_assert_eq(put(0, 8, "lost"), SL_OK);
    cr_assert_eq(put(1, 8, "kept"), SL_OK);
    sl_outbox_release(outbox, 0, 7);
    sl_outbox_drop(outbox, 0);
    cr_assert_not(sl_outbox_may_leave(outbox, 0, 1), "what was durable is forgotten too");
    sl_outbox_release(outbox, 0, 8);
    cr_assert_str_eq(leave(0), "");
    sl_outbox_drop(outbox, 0);
    cr_assert_eq(put(0, 2, "of a new owner"), SL_OK);
    sl_outbox_release(outbox, 0, 2);
    cr_assert_str_eq(leave(0), "of a new owner");
    sl_outbox_release(outbox, 1, 8);
    cr_assert_str_eq(leave(1), "kept");
}

Test(outbox, bytes_are_copies_and_are_counted) {
    char text[] = "mine";
    size_t empty = sl_outbox_bytes(outbox);
    cr_assert_eq(empty, 0);
    cr_assert_eq(put(0, 1, text), SL_OK);
    text[0] = 'X';
    cr_assert_geq(sl_outbox_bytes(outbox), 4);
    sl_outbox_release(outbox, 0, 1);
    cr_assert_str_eq(leave(0), "mine");
    cr_assert_eq(sl_outbox_bytes(outbox), 0);
}

Test(outbox, a_long_queue_keeps_its_order_while_it_leaves) {
    char text[16];
    uint64_t put_n = 0, left_n = 0;
    struct sl_outbox_message message;
    for (uint64_t round = 0; round < 200; round++) {
        for (int i = 0; i < 5; i++) {
            snprintf(text, sizeof text, "%u", (unsigned)++put_n);
            cr_assert_eq(put(0, put_n, text), SL_OK);
        }
        sl_outbox_release(outbox, 0, put_n - 7 * (round < 2 ? 0 : 1));
        while (sl_outbox_next(outbox, 0, &message)) {
            snprintf(text, sizeof text, "%u", (unsigned)++left_n);
            cr_assert(sl_bytes_is(message.bytes, text));
        }
    }
    cr_assert_eq(left_n, put_n - 7);
    cr_assert_lt(memory.live_bytes, 4096, "what has left gives its room back");
}

Test(outbox, without_memory_nothing_has_changed) {
    cr_assert_eq(put(0, 1, "a"), SL_OK);
    char large[4096];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    size_t bytes = sl_outbox_bytes(outbox);
    memory.countdown = 0;
    cr_assert_eq(put(0, 2, large), SL_E_NO_MEMORY);
    cr_assert_eq(sl_outbox_bytes(outbox), bytes);
    memory.countdown = UINT64_MAX;
    cr_assert_eq(put(0, 1, "b"), SL_OK);
    sl_outbox_release(outbox, 0, 2);
    cr_assert_str_eq(leave(0), "a b");
}
