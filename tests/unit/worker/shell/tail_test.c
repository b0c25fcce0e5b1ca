/* The last lines of a host's output. */
#include "shell/tail.h"

#include "stagehost/frame.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sl_tail tail;
static struct sl_buf text;

static void set_up(void) {
    sl_tail_reset(&tail);
    sl_buf_init(&text, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&text);
}

TestSuite(tail, .init = set_up, .fini = tear_down);

Test(tail, gives_lines_since_the_mark) {
    sl_tail_add(&tail, sl_text("before\n"));
    tail.mark = tail.total;
    sl_tail_add(&tail, sl_text("one\ntwo"));
    sl_tail_text(&tail, NULL, 1000, &text);
    cr_assert(sl_bytes_is(sl_buf_bytes(&text), "one\ntwo\n"));
}

static void begin_task(uint32_t sequence) {
    char separator[SL_PIPE_SEPARATOR_SIZE + 1];
    sl_pipe_separator(sequence, separator);
    sl_tail_add(&tail, sl_text(separator));
}

static void assert_text(const uint32_t *follows, const char *expected) {
    sl_buf_clear(&text);
    sl_tail_text(&tail, follows, 1000, &text);
    cr_assert(sl_bytes_is(sl_buf_bytes(&text), expected), "\"%.*s\" instead of \"%s\"", (int)text.size, (const char *)text.data, expected);
}

Test(tail, gives_each_of_several_attempts_its_own_lines) {
    const uint32_t second = 7, third = 8, fourth = 9;
    sl_tail_add(&tail, sl_text("before\n"));
    tail.mark = tail.total;
    sl_tail_add(&tail, sl_text("no end of line"));
    begin_task(second);
    begin_task(third);
    sl_tail_add(&tail, sl_text("\x1e no separator\n"));
    assert_text(NULL, "no end of line\n");
    assert_text(&second, "");
    assert_text(&third, "\\x1e no separator\n");
    assert_text(&fourth, "");
}

Test(tail, gives_what_is_left_of_an_attempt_that_wrote_more_than_is_kept) {
    const uint32_t second = 7;
    sl_tail_add(&tail, sl_text("first\n"));
    begin_task(second);
    for (int i = 0; i < SL_TAIL_SIZE / 8; i++) sl_tail_add(&tail, sl_text("1234567\n"));
    sl_tail_text(&tail, &second, 16, &text);
    cr_assert(sl_bytes_is(sl_buf_bytes(&text), "1234567\n1234567\n"));
}

Test(tail, escapes_what_would_move_a_cursor) {
    sl_tail_add(&tail, sl_text("\x1b[2J\xff\n"));
    sl_tail_text(&tail, NULL, 1000, &text);
    cr_assert(sl_bytes_is(sl_buf_bytes(&text), "\\x1b[2J\\xff\n"));
}

Test(tail, keeps_the_last_bytes_only) {
    for (int i = 0; i < 100000; i++) sl_tail_add(&tail, sl_text("0123456789abcde\n"));
    sl_tail_add(&tail, sl_text("the end\n"));
    sl_tail_text(&tail, NULL, 100, &text);
    cr_assert_eq(text.size, 100);
    cr_assert_eq(memcmp(text.data + 92, "the end\n", 8), 0);
    sl_buf_clear(&text);
    sl_tail_text(&tail, NULL, 1 << 20, &text);
    cr_assert_eq(text.size, SL_TAIL_SIZE);
}

Test(tail, takes_a_piece_larger_than_itself) {
    static char large[SL_TAIL_SIZE + 1000];
    memset(large, 'a', sizeof large);
    memcpy(large + sizeof large - 4, "end\n", 4);
    sl_tail_add(&tail, sl_text("x"));
    sl_tail_add(&tail, sl_bytes(large, sizeof large));
    sl_tail_text(&tail, NULL, SL_TAIL_SIZE, &text);
    cr_assert_eq(text.size, SL_TAIL_SIZE);
    cr_assert_eq(memcmp(text.data + text.size - 4, "end\n", 4), 0);
}
