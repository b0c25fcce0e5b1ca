/* Lists of jobs: what is wanted is found behind any number of others. */
#include "core_driver.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct core_driver driver;

enum { OTHERS = 40 };

/* One job that fails, then many that do not, all of them settled and out of memory. */
static void set_up(void) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "fails", false);
    driver_result(&driver, SL_OUTCOME_PERMANENT);
    for (int i = 0; i < OTHERS; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        (void)driver_submit(&driver, 0, key, false);
        driver_result(&driver, SL_OUTCOME_DONE);
    }
    driver_wait(&driver, 200);
}

static void tear_down(void) {
    driver_fini(&driver);
}

TestSuite(list, .init = set_up, .fini = tear_down);

static uint32_t count(uint32_t statuses, const char *tenant, uint32_t limit) {
    struct sl_event query = {.kind = SL_EV_QUERY};
    uint32_t answers = driver.said[SL_DO_ANSWER];
    query.query = (struct sl_ev_query){.peer = DRIVER_PEER_CLIENT, .message_id = 2, .what = SL_QUERY_JOBS,
                                       .statuses = statuses, .tenant = sl_text(tenant), .limit = limit};
    driver_step(&driver, &query);
    cr_assert_eq(driver.said[SL_DO_ANSWER], answers + 1);
    return driver.answer_count;
}

Test(list, finds_the_old_job_that_failed_behind_many_that_did_not) {
    cr_assert_eq(count(1u << SL_JOB_FAILED, "", 2), 1);
    cr_assert_eq(count(1u << SL_JOB_COMPLETED, "", 1000), OTHERS);
    cr_assert_eq(count(1u << SL_JOB_QUEUED, "", 10), 0);
}

Test(list, gives_as_many_as_were_asked_for) {
    for (uint32_t limit = 1; limit <= 7; limit++) cr_assert_eq(count(0, "", limit), limit);
    cr_assert_eq(count(0, "", 1000), OTHERS + 1);
}

Test(list, holds_the_jobs_of_one_tenant) {
    cr_assert_eq(count(0, "default", 1000), OTHERS + 1);
    cr_assert_eq(count(0, "somebody", 1000), 0);
    (void)driver_submit(&driver, 0, "live", false);
    cr_assert_eq(count(0, "default", 1000), OTHERS + 2);
    cr_assert_eq(count(0, "somebody", 1000), 0);
}
