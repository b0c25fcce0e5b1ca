/* Clocks and random bytes. */
#include "io/clock.h"
#include "io/entropy.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

Test(clock, monotonic_time_does_not_go_back) {
    uint64_t last = sl_clock_now_ns();
    cr_assert_gt(last, 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t now = sl_clock_now_ns();
        cr_assert_geq(now, last);
        last = now;
    }
}

Test(clock, wall_time_is_that_of_the_c_library) {
    uint64_t before = (uint64_t)time(NULL) * 1000;
    uint64_t now = sl_clock_wall_ms();
    cr_assert_geq(now, before - 1000);
    cr_assert_leq(now, before + 60000);
}

Test(entropy, fills_all_of_it_and_differs_each_time) {
    static unsigned char one[100000], two[100000];
    int zeros = 0;
    sl_entropy(one, sizeof one);
    sl_entropy(two, sizeof two);
    cr_assert_neq(memcmp(one, two, sizeof one), 0);
    for (size_t i = 0; i < sizeof one; i++) zeros += one[i] == 0;
    cr_assert_lt(zeros, 1000); /* about 390 are likely; a part that was not filled would be thousands */
    sl_entropy(one, 0);
}
