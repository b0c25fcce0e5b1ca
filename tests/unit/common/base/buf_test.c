/* Growable bytes. */
#include "base/buf.h"
#include "base/err.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct sl_failing_alloc memory;
static struct sl_buf buf;

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    sl_buf_init(&buf, &memory.alloc);
}

static void tear_down(void) {
    sl_buf_fini(&buf);
    cr_assert_eq(memory.live_blocks, 0);
    cr_assert_eq(memory.live_bytes, 0);
}

TestSuite(buf, .init = set_up, .fini = tear_down);

Test(buf, an_empty_one_holds_no_memory) {
    cr_assert_eq(memory.take_count, 0);
    cr_assert_eq(buf.size, 0);
    cr_assert_eq(sl_buf_append(&buf, NULL, 0), SL_OK);
    cr_assert_eq(memory.take_count, 0);
}

Test(buf, keeps_what_was_appended_while_it_grows) {
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t byte = (uint8_t)(i * 31);
        cr_assert_eq(sl_buf_append(&buf, &byte, 1), SL_OK);
    }
    cr_assert_eq(buf.size, 100000);
    for (unsigned i = 0; i < 100000; i++) cr_assert_eq(buf.data[i], (uint8_t)(i * 31));
    cr_assert_lt(memory.take_count, 20, "growth must double");
}

Test(buf, room_that_was_reserved_needs_no_allocation) {
    cr_assert_eq(sl_buf_reserve(&buf, 1000), SL_OK);
    uint64_t taken = memory.take_count;
    memory.countdown = 0;
    uint8_t bytes[1000] = {7};
    sl_buf_put(&buf, bytes, 600);
    cr_assert_eq(sl_buf_append(&buf, bytes, 400), SL_OK);
    cr_assert_eq(memory.take_count, taken);
    cr_assert_eq(buf.size, 1000);
}

Test(buf, a_failed_append_changes_nothing_and_is_remembered) {
    cr_assert_eq(sl_buf_append(&buf, "abc", 3), SL_OK);
    memory.countdown = 0;
    uint8_t many[500] = {0};
    cr_assert_eq(sl_buf_append(&buf, many, sizeof many), SL_E_NO_MEMORY);
    cr_assert(buf.failed);
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "abc"));
    sl_buf_clear(&buf);
    cr_assert_not(buf.failed);
    cr_assert_eq(buf.size, 0);
}

Test(buf, a_size_that_no_memory_has_is_refused) {
    cr_assert_eq(sl_buf_reserve(&buf, SIZE_MAX), SL_E_NO_MEMORY);
    cr_assert_eq(sl_buf_reserve(&buf, SIZE_MAX / 2), SL_E_NO_MEMORY);
    cr_assert_eq(memory.take_count, 0);
}

Test(buf, formats_text_without_its_nul) {
    cr_assert_eq(sl_buf_format(&buf, "%s-%d", "stage", 7), SL_OK);
    cr_assert_eq(sl_buf_format(&buf, "%s", ""), SL_OK);
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "stage-7"));
    memory.countdown = 0;
    cr_assert_eq(sl_buf_format(&buf, "%300d", 1), SL_E_NO_MEMORY);
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "stage-7"));
}

Test(buf, putting_more_than_was_reserved_is_a_bug, .signal = SIGABRT) {
    uint8_t many[1000] = {0};
    sl_buf_put(&buf, many, sizeof many);
}

Test(bytes, compare_as_text_does) {
    cr_assert_lt(sl_bytes_compare(sl_text("a"), sl_text("b")), 0);
    cr_assert_lt(sl_bytes_compare(sl_text("a"), sl_text("ab")), 0);
    cr_assert_gt(sl_bytes_compare(sl_text("\xff"), sl_text("a")), 0);
    cr_assert_eq(sl_bytes_compare(sl_text("ab"), sl_text("ab")), 0);
    cr_assert_eq(sl_bytes_compare(sl_bytes(NULL, 0), sl_text("")), 0);
    cr_assert(sl_bytes_equal(sl_bytes(NULL, 0), sl_text("")));
    cr_assert_not(sl_bytes_equal(sl_text("a"), sl_text("ab")));
}
