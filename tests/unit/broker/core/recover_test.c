/* A shard read by its next owner. */
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>

static struct core_driver driver;

/* A standby that was started before the pipeline was stored must not give the job up, nor trim it away. */
Test(recover, a_job_of_a_pipeline_that_was_stored_meanwhile_goes_on) {
    struct sl_sched_figures figures;
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 3, "job", false);
    cr_assert_eq(driver.said[SL_DO_ACCEPTED], 1);
    driver_succeed(&driver, 1);
    cr_assert_gt(driver.said[SL_DO_CATALOG], 0, "it asks what it may not have been told");
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    struct sl_event pipeline = {.kind = SL_EV_PIPELINE}, catalog = {.kind = SL_EV_CATALOG};
    pipeline.pipeline = (struct sl_ev_pipeline){
        .digest = sim_shape(3)->digest, .canonical = sim_shape(3)->canonical, .current = true};
    driver_step(&driver, &pipeline);
    driver_step(&driver, &catalog);
    driver_wait(&driver, 200);
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.shards_open, 2);
    cr_assert_eq(figures.jobs[SL_JOB_QUEUED] + figures.jobs[SL_JOB_PROCESSING], 1);
    driver_fini(&driver);
}

Test(recover, a_job_of_a_pipeline_that_is_nowhere_is_parked_and_others_go_on) {
    struct sl_sched_figures figures;
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 3, "job", false);
    driver_succeed(&driver, 1);
    struct sl_event catalog = {.kind = SL_EV_CATALOG};
    driver_step(&driver, &catalog);
    driver_wait(&driver, 200);
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.shards_open, 2);
    cr_assert_gt(driver.said[SL_DO_ALARM], 0);
    (void)driver_submit(&driver, 0, "other", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.ended_total, 1);
    driver_fini(&driver);
}
