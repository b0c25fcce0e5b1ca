/* How problems are collected and shown. */
#include "fixture.h"

#include "base/err.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct sl_problems problems;

static void setup(void) {
    sl_problems_init(&problems, sl_alloc_system());
}

static void teardown(void) {
    sl_problems_fini(&problems);
}

static struct sl_mark at(uint32_t line, uint32_t column, uint32_t length) {
    return (struct sl_mark){.line = line, .column = column, .length = length};
}

static void assert_shown(const char *text, const char *golden) {
    char *out = shown(&problems, "f.yaml", text);
    cr_assert_str_eq(out, golden, "%s", out);
    free(out);
}

TestSuite(problem, .init = setup, .fini = teardown);

Test(problem, shows_place_line_caret_and_hint) {
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(2, 9, 4), "did you mean \"chunk\"?", "stage %d is wrong", 7);
    assert_shown("a:\n      - chnk\n", "f.yaml:2:9: error: stage 7 is wrong\n"
                                       "    2 |       - chnk\n"
                                       "      |         ^~~~ did you mean \"chunk\"?\n");
    cr_assert_eq(problems.error_count, 1);
}

Test(problem, a_place_without_a_line_shows_the_hint_behind_the_sentence) {
    sl_problems_add(&problems, SL_PROBLEM_WARNING, at(0, 0, 0), "write more", "the file is short");
    sl_problems_add(&problems, SL_PROBLEM_NOTE, at(9, 1, 1), NULL, "beyond");
    assert_shown("a: 1\n", "f.yaml: warning: the file is short; write more\nf.yaml:9:1: note: beyond\n");
    cr_assert_eq(problems.error_count, 0);
}

Test(problem, problems_are_sorted_by_place_and_stay_in_order_there) {
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(2, 1, 1), NULL, "third");
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(1, 2, 1), NULL, "first");
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(2, 1, 1), NULL, "fourth");
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(1, 3, 1), NULL, "second");
    assert_shown("abc\nd", "f.yaml:1:2: error: first\n    1 | abc\n      |  ^\n"
                           "f.yaml:1:3: error: second\n    1 | abc\n      |   ^\n"
                           "f.yaml:2:1: error: third\n    2 | d\n      | ^\n"
                           "f.yaml:2:1: error: fourth\n    2 | d\n      | ^\n");
}

Test(problem, the_caret_counts_characters_and_the_tail_ends_with_the_line) {
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(1, 4, 99), NULL, "x");
    assert_shown("äö: üß\r\nnext", "f.yaml:1:4: error: x\n    1 | äö: üß\n      |    ^~~\n");
}

Test(problem, control_characters_are_escaped_and_tabs_are_blanks) {
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(1, 4, 1), NULL, "bad \x1b[31m");
    assert_shown("\t\x1b" "ab", "f.yaml:1:4: error: bad \\x1b[31m\n    1 |  \\x1bab\n      |       ^\n");
}

Test(problem, a_long_line_is_cut_around_the_caret) {
    char line[1001], expected[1024];
    memset(line, 'x', 1000);
    line[1000] = '\0';
    line[500] = '!';
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(1, 501, 200), NULL, "here");
    snprintf(expected, sizeof expected, "f.yaml:1:501: error: here\n    1 | ...%.80s!%.79s...\n      | %83s^%.79s\n", line, line,
             "", "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~");
    assert_shown(line, expected);
}

Test(problem, after_the_limit_problems_are_counted_and_not_kept) {
    for (unsigned i = 0; i < SL_PROBLEMS_MAX; i++) sl_problems_add(&problems, SL_PROBLEM_WARNING, at(0, 0, 0), NULL, "w");
    cr_assert_not(problems.incomplete);
    sl_problems_add(&problems, SL_PROBLEM_ERROR, at(0, 0, 0), NULL, "e");
    for (unsigned i = 0; i < 100000; i++) sl_problems_add(&problems, SL_PROBLEM_NOTE, at(0, 0, 0), NULL, "n");
    cr_assert(problems.incomplete);
    cr_assert_not(problems.no_memory);
    cr_assert_eq(problems.count, SL_PROBLEMS_MAX);
    cr_assert_eq(problems.error_count, 1);
    char *out = shown(&problems, "f.yaml", "");
    cr_assert_not_null(strstr(out, "f.yaml: note: there are more problems than are shown\n"));
    free(out);
}
