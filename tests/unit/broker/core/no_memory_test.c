/* Every allocation of a life of the core fails once: the step says so and has changed no job, and taken again it works. */
#include "base/outcome.h"
#include "core_driver.h"

#include <criterion/criterion.h>

static struct core_driver driver;

/* Two stages, a failure, a repetition, questions, a cancellation. */
static void live(uint64_t fail_at) {
    driver_init(&driver, fail_at);
    struct sl_job_id first = driver_submit(&driver, 1, "first", false);
    struct sl_event watch = {.kind = SL_EV_WATCH};
    watch.watch = (struct sl_ev_watch){.peer = DRIVER_PEER_CLIENT, .message_id = 9, .jobs = &first, .job_count = 1};
    driver_step(&driver, &watch);
    driver_result(&driver, SL_OUTCOME_RETRYABLE);
    driver_wait(&driver, 100);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 200);
    (void)driver_submit(&driver, 1, "first", true);
    for (int what = SL_QUERY_JOB; what <= SL_QUERY_PIPELINES; what++) driver_query(&driver, (enum sl_query_what)what, first);
    struct sl_job_id second = driver_submit(&driver, 2, "second", false);
    char text[SL_ID_TEXT_SIZE];
    sl_id_to_text(second.bytes, text);
    struct sl_event cancel = {.kind = SL_EV_CANCEL_JOB};
    cancel.cancel_job = (struct sl_ev_cancel_job){.peer = DRIVER_PEER_CLIENT, .message_id = 3, .job = sl_text(text),
                                                  .reason = sl_text("enough")};
    for (int tries = 0; tries < 3 && driver.said[SL_DO_CANCELLED] == 0; tries++) driver_step(&driver, &cancel);
    driver_wait(&driver, 200);
}

Test(no_memory, every_allocation_fails_once) {
    live(0);
    uint64_t count = driver.memory.take_count;
    struct sl_sched_figures wanted, figures;
    sl_sched_figures(driver.core, &wanted);
    cr_assert_eq(wanted.ended_total, 2);
    driver_fini(&driver);
    uint32_t failures = 0;
    for (uint64_t fail_at = 1; fail_at <= count; fail_at++) {
        live(fail_at);
        sl_sched_figures(driver.core, &figures);
        cr_assert_eq(figures.ended_total, 2, "allocation %llu of %llu", (unsigned long long)fail_at, (unsigned long long)count);
        failures += driver.failures;
        driver_fini(&driver);
    }
    cr_assert_gt(failures, count / 4, "only %u of %llu failures were seen", (unsigned)failures, (unsigned long long)count);
}
