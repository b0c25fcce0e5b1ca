/* Results that claim success and cannot be taken: they cost their own job, and nobody else anything. */
#include "core_driver.h"

#include <criterion/criterion.h>

static struct core_driver driver;

static uint64_t ended(void) {
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    return figures.ended_total;
}

static void succeed_with(const struct sl_state_value *values, uint32_t count) {
    struct sl_event result = {.kind = SL_EV_RESULT};
    result.result = (struct sl_ev_result){.peer = DRIVER_PEER_WORKER, .token = driver.assigned, .outcome = SL_OUTCOME_DONE,
                                          .values = values, .value_count = count, .count = 1, .error = sl_text("")};
    driver_step(&driver, &result);
}

/* A job of two stages whose first leaves this; then one that does all right. */
static void leave(const struct sl_state_value *values, uint32_t count) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 1, "bad", false);
    succeed_with(values, count);
    cr_assert_eq(driver.said[SL_DO_RESULT_ACK], 1);
    cr_assert_eq(ended(), 1, "the job has failed, and does not wait");
    (void)driver_submit(&driver, 0, "good", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert_eq(ended(), 2, "the next job ends");
    driver_fini(&driver);
}

Test(result, an_empty_value_fails_its_stage_and_stops_nobody_else) {
    struct sl_state_value empty = {.key = sl_text("k0"), .value = sl_bytes("", 0)};
    leave(&empty, 1);
}

Test(result, a_success_that_leaves_nothing_at_all_fails_its_stage) {
    leave(NULL, 0);
}

Test(result, a_key_that_was_not_declared_fails_its_stage) {
    struct sl_state_value foreign = {.key = sl_text("elsewhere"), .value = sl_text("\xa5value")};
    leave(&foreign, 1);
}
