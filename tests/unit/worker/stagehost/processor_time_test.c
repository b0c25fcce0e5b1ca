/* The limit of an attempt: above what was used, and never taken from the next one. */
#include "stagehost/processor_time.h"

#include <criterion/criterion.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static rlim_t allowed(void) {
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_CPU, &limit), 0);
    return limit.rlim_cur;
}

Test(processor_time, follows_the_timeout_up_and_down) {
    rlim_t processors = (rlim_t)sysconf(_SC_NPROCESSORS_ONLN);
    struct rlimit before, after;
    cr_assert_eq(getrlimit(RLIMIT_CPU, &before), 0);
    sl_processor_time_allow(999);
    cr_assert_eq(allowed(), 1 + 2 * processors, "this process has used less than a second");
    sl_processor_time_allow(600000);
    cr_assert_eq(allowed(), 1 + 602 * processors);
    sl_processor_time_allow(UINT32_MAX);
    cr_assert_eq(allowed(), 1 + 4294969 * processors);
    sl_processor_time_allow(1000);
    cr_assert_eq(allowed(), 1 + 3 * processors);
    cr_assert_eq(getrlimit(RLIMIT_CPU, &after), 0);
    cr_assert_eq(after.rlim_max, before.rlim_max, "so that the next attempt can have more");
}

Test(processor_time, counts_from_what_was_used) {
    sl_processor_time_allow(1000);
    rlim_t before = allowed();
    struct timespec used = {0, 0};
    while (used.tv_sec < 1) cr_assert_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    sl_processor_time_allow(1000);
    cr_assert_geq(allowed(), before + 1);
}

Test(processor_time, stays_below_a_hard_limit) {
    const struct rlimit hard = {5, 5};
    cr_assert_eq(setrlimit(RLIMIT_CPU, &hard), 0);
    sl_processor_time_allow(60000);
    cr_assert_eq(allowed(), 5);
}
