/* What follows an attempt that did not succeed: the whole table of outcomes, against the budgets. */
#include "base/outcome.h"
#include "core_driver.h"

#include <criterion/criterion.h>

static struct core_driver driver;

/* Makes attempts end with the outcome until the job ends; returns how many it took. */
static uint32_t attempts_until_end(enum sl_outcome outcome) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    uint32_t attempts = 0;
    struct sl_sched_figures figures;
    do {
        cr_assert_lt(attempts, 10);
        driver_result(&driver, outcome);
        attempts++;
        driver_wait(&driver, 200);
        sl_sched_figures(driver.core, &figures);
    } while (figures.ended_total == 0);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], attempts);
    driver_fini(&driver);
    return attempts;
}

Test(retry, each_outcome_is_tried_as_often_as_its_budget_says) {
    cr_assert_eq(attempts_until_end(SL_OUTCOME_DONE), 1);
    cr_assert_eq(attempts_until_end(SL_OUTCOME_RETRYABLE), 3);
    cr_assert_eq(attempts_until_end(SL_OUTCOME_PERMANENT), 1);
    cr_assert_eq(attempts_until_end(SL_OUTCOME_CRASH), 3);
    cr_assert_eq(attempts_until_end(SL_OUTCOME_TIMEOUT), 3);
}

Test(retry, what_is_given_back_costs_nothing) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    for (uint32_t i = 0; i < 20; i++) driver_result(&driver, SL_OUTCOME_RETURNED);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 21);
    driver_result(&driver, SL_OUTCOME_RETRYABLE);
    driver_wait(&driver, 200);
    driver_result(&driver, SL_OUTCOME_DONE);
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.ended_total, 1);
    driver_fini(&driver);
}

Test(retry, a_result_counts_once) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 1, "job", false);
    struct sl_token first = driver.assigned;
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert_eq(driver.assigned.stage, 1);
    struct sl_token second = driver.assigned;
    driver.assigned = first;
    driver_result(&driver, SL_OUTCOME_RETRYABLE);
    driver.assigned = second;
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_ended(&driver, 1, 1);
    driver_fini(&driver);
}

Test(retry, an_outcome_that_is_none_is_permanent) {
    cr_assert_eq(attempts_until_end((enum sl_outcome)77), 1);
}
