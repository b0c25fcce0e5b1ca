/* Regular expressions as JSON Schema has them. */
#include "io/pattern.h"

#include "base/err.h"

#include <criterion/criterion.h>

static int match(const char *pattern, const char *text) {
    return sl_pattern_match(sl_text(pattern), sl_text(text));
}

Test(pattern, is_found_anywhere_unless_it_says_where) {
    cr_expect_eq(match("b", "abc"), 1);
    cr_expect_eq(match("^b", "abc"), 0);
    cr_expect_eq(match("c$", "abc"), 1);
    cr_expect_eq(match("c$", "abc\n"), 0);
    cr_expect_eq(match("", ""), 1);
    cr_expect_eq(match("a", ""), 0);
    cr_expect_eq(sl_pattern_match(sl_bytes(NULL, 0), sl_bytes(NULL, 0)), 1);
}

Test(pattern, counts_characters_and_not_bytes) {
    cr_expect_eq(match("^.$", "\xc3\xa4"), 1);
    cr_expect_eq(match("^..$", "\xc3\xa4"), 0);
}

Test(pattern, that_is_unsound_or_meets_no_text_is_told) {
    cr_expect_eq(match("(", "a"), SL_E_BAD_INPUT);
    cr_expect_eq(match("[b-a]", "a"), SL_E_BAD_INPUT);
    cr_expect_eq(match("\xff", "a"), SL_E_BAD_INPUT);
    cr_expect_eq(match("a", "\xff"), SL_E_BAD_INPUT);
}

Test(pattern, that_costs_too_much_ends) {
    cr_expect_eq(match("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), SL_E_LIMIT);
}
