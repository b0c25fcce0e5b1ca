/* Distances in time, as tables show them. */
#include "cli/output.h"

#include <criterion/criterion.h>

Test(output, says_how_long_ago) {
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {{-5, "0s"}, {0, "0s"}, {59.9, "59s"}, {60, "1m"}, {3599, "59m"}, {3600, "1h"}, {86399, "23h"}, {86400, "1d"}, {1e12, "1000000d"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[16];
        sl_output_distance(rows[i].seconds, text);
        cr_assert_str_eq(text, rows[i].text);
    }
}

Test(output, reads_times) {
    cr_assert_float_eq(sl_output_time("2026-01-15T10:00:00.250Z"), 1768471200.25, 1e-6);
    cr_assert_float_eq(sl_output_time("1970-01-01T00:00:00Z"), 0, 1e-9);
    cr_assert_float_eq(sl_output_time("yesterday"), 0, 1e-9);
}
