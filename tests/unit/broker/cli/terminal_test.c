/* The colour rules, as a table. */
#include "cli/terminal.h"

#include <criterion/criterion.h>

static const struct {
    struct sl_terminal_facts facts;
    bool color;
    bool redraw;
} rows[] = {
    {{true, NULL, NULL, "xterm", NULL}, true, true},
    {{true, "auto", NULL, "xterm", NULL}, true, true},
    {{false, NULL, NULL, "xterm", NULL}, false, false},
    {{true, NULL, "1", "xterm", NULL}, false, true},
    {{true, NULL, "", "xterm", NULL}, true, true}, /* an empty NO_COLOR is not set: no-color.org */
    {{true, NULL, NULL, "dumb", NULL}, false, false},
    {{true, NULL, NULL, NULL, NULL}, false, false},
    {{true, "never", NULL, "xterm", NULL}, false, true},
    {{false, "always", NULL, "xterm", NULL}, true, false},
    {{false, "always", "1", "dumb", NULL}, true, false},
    {{false, NULL, NULL, "xterm", "1"}, true, false},
    {{false, NULL, NULL, "xterm", "0"}, false, false},
    {{false, NULL, "1", "xterm", "1"}, false, false},
};

Test(terminal, colour_and_redrawing_follow_the_rules) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(sl_terminal_has_color(&rows[i].facts), rows[i].color, "row %zu", i);
        cr_assert_eq(sl_terminal_can_redraw(&rows[i].facts), rows[i].redraw, "row %zu", i);
    }
}

Test(terminal, without_colour_there_is_no_escape_byte) {
    for (int color = SL_COLOR_NONE; color <= SL_COLOR_BOLD; color++) cr_assert_str_empty(sl_color_start(false, color));
    cr_assert_str_empty(sl_color_end(false));
    cr_assert_eq(sl_color_start(true, SL_COLOR_RED)[0], '\x1b');
}
