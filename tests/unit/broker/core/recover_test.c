/* A shard read by its next owner: what it has not been told of it reads, and what cannot go on harms nothing else. */
#include "base/err.h"
#include "core/sched_state.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct core_driver driver;

static uint64_t jobs_under_way(void) {
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.shards_open, 2);
    return figures.jobs[SL_JOB_QUEUED] + figures.jobs[SL_JOB_PROCESSING];
}

/* How many entries the shard's log holds from the job's submission on. */
static size_t log_size(struct sl_job_id id) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_LOG, .shard = sl_job_shard(id, 2), .count = 1000};
    struct sl_ledger_reply reply;
    cr_assert_eq(ledger_twin_call(driver.twin, &call, &reply), 0);
    return reply.item_count;
}

static struct sl_job_id other_job_of_its_shard(struct sl_job_id id) {
    for (int i = 0; i < 64; i++) {
        char key[16];
        snprintf(key, sizeof key, "other%d", i);
        struct sl_job_id other = sl_job_id_make(sl_text("salt"), sl_text("default"), "key", sl_text(key));
        if (sl_job_shard(other, 2) != sl_job_shard(id, 2)) continue;
        (void)driver_submit(&driver, 0, key, false);
        return other;
    }
    cr_assert_fail("no key falls into the shard");
    return id;
}

/* A standby that was started before the pipeline was stored must not give the job up, nor trim it away. */
Test(recover, a_job_of_a_pipeline_that_was_stored_meanwhile_goes_on) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 3, "job", false);
    driver_succeed(&driver, 1);
    cr_assert_eq(driver.made[SL_LEDGER_READ_PIPELINE], 1, "it reads what it was not told");
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    cr_assert_eq(jobs_under_way(), 1);
    driver_fini(&driver);
}

/* The same of a job whose record is settled, and of several pipelines. */
Test(recover, settled_jobs_of_pipelines_that_were_not_told_go_on) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 3, "a", false);
    (void)driver_submit(&driver, 2, "b", false);
    (void)driver_submit(&driver, 1, "c", false);
    driver_wait(&driver, 300);
    driver_succeed(&driver, 1);
    cr_assert_geq(driver.made[SL_LEDGER_READ_PIPELINE], 3);
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    cr_assert_eq(jobs_under_way(), 3);
    driver_fini(&driver);
}

Test(recover, a_recovery_behind_a_pipeline_survives_any_want_of_memory) {
    for (uint64_t n = 1; n < 400; n++) {
        driver_init(&driver, 0);
        (void)driver_submit(&driver, 3, "job", false);
        driver.memory.countdown = n;
        driver_succeed(&driver, 1);
        driver_wait(&driver, 2000);
        cr_assert_eq(jobs_under_way(), 1, "allocation %u", (unsigned)n);
        bool failed = driver.memory.has_failed;
        driver_fini(&driver);
        if (!failed) break;
    }
}

Test(recover, a_job_of_a_pipeline_that_is_nowhere_is_parked_and_others_go_on) {
    driver_init(&driver, 0);
    struct sl_job_id id = driver_submit(&driver, 3, "job", false);
    driver_put_pipeline(&driver, 3, false);
    driver_succeed(&driver, 1);
    cr_assert_eq(jobs_under_way(), 0);
    cr_assert(strstr(driver.alarm, "its pipeline") == NULL && strstr(driver.alarm, "a job's pipeline is not in Redis"), "%s", driver.alarm);
    (void)driver_submit(&driver, 0, "other", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_ended(&driver, 1, 0);
    driver_query(&driver, SL_QUERY_JOB, id);
    cr_assert(driver.rejected == SL_REJECT_DAMAGED && strstr(driver.rejected_text, "apply it again"), "%s", driver.rejected_text);
    driver_fini(&driver);
}

/* What the log alone knows of a parked job outlives the checkpoints of those who own the shard until its pipeline is back. */
Test(recover, a_parked_job_goes_on_when_its_pipeline_is_back) {
    driver_init(&driver, 0);
    struct sl_job_id id = driver_submit(&driver, 3, "job", false);
    driver_put_pipeline(&driver, 3, false);
    for (int owner = 0; owner < 3; owner++) {
        driver_succeed(&driver, 1);
        (void)other_job_of_its_shard(id);
        if (owner == 0) driver_result(&driver, SL_OUTCOME_DONE);
        driver_wait(&driver, 300);
        cr_assert_geq(log_size(id), 1, "nothing of it was trimmed away");
    }
    uint32_t accepted = driver.said[SL_DO_ACCEPTED];
    (void)driver_submit(&driver, 3, "job", true);
    cr_assert_eq(driver.said[SL_DO_ACCEPTED], accepted, "nor does it begin a second time");
    cr_assert_eq(driver.rejected, SL_REJECT_DAMAGED);
    driver_put_pipeline(&driver, 3, true);
    driver_succeed(&driver, 1);
    cr_assert_eq(jobs_under_way(), 1);
    driver_wait(&driver, 300);
    cr_assert_eq(log_size(id), 0, "checkpoints move again");
    driver_fini(&driver);
}

/* Another text under its digest, though it be a pipeline: a job runs what it was submitted to, or waits. */
Test(recover, a_job_does_not_run_what_stands_in_its_pipelines_place) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 3, "job", false);
    ledger_twin_put_pipeline(driver.twin, sim_shape(3)->digest, sim_shape(2)->canonical);
    driver_succeed(&driver, 1);
    cr_assert_eq(jobs_under_way(), 0);
    cr_assert(strstr(driver.alarm, "it is parked until that is applied again"), "%s", driver.alarm);
    driver_put_pipeline(&driver, 3, true);
    driver_succeed(&driver, 1);
    cr_assert_eq(jobs_under_way(), 1);
    driver_fini(&driver);
}
