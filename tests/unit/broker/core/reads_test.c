/* When reads leave, and who is told of what they bring. */
#include "core_driver.h"

#include <criterion/criterion.h>

static struct core_driver driver;

static uint32_t calls_of(enum sl_ledger_verb verb) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < driver.call_count; i++) {
        count += driver.calls[(driver.first_call + i) % DRIVER_CALLS_MAX].verb == verb;
    }
    return count;
}

static void tell(enum sl_event_kind kind) {
    struct sl_event event = {.kind = kind};
    driver_step(&driver, &event);
}

/* A Redis that was started from an older state would answer with it before the owner has noticed. */
Test(reads, wait_after_a_cut_until_redis_has_told_where_it_stands) {
    driver_init(&driver, 0);
    struct sl_job_id job = driver_submit(&driver, 0, "job", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 200);
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOB, job);
    cr_assert_eq(calls_of(SL_LEDGER_READ_JOB), 1, "asked on the old connection");
    tell(SL_EV_LEDGER_DOWN);
    uint32_t asked = calls_of(SL_LEDGER_READ_JOB);
    tell(SL_EV_LEDGER_UP);
    cr_assert_gt(calls_of(SL_LEDGER_RESUME), 0);
    cr_assert_eq(calls_of(SL_LEDGER_READ_JOB), asked, "not before RESUME is answered");
    driver.holds = false;
    driver_wait(&driver, 20);
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1);
    driver_fini(&driver);
}
