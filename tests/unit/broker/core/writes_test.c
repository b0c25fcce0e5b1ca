/* Numbered writes: how large, and what a broker that lost its shard or its Redis says and does. */
#include "base/limits.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct core_driver driver;

/* Redis closes the connection of a client whose argument is too large, and what is sealed is sent again as it is, for ever. */
Test(writes, a_batch_that_cannot_leave_does_not_grow_without_end) {
    static uint8_t payload[300 << 10];
    struct sl_ledger_call call;
    size_t largest = 0;
    uint32_t commits = 0;
    driver_init(&driver, 0);
    driver.holds = true;
    memset(payload, 0, sizeof payload);
    memcpy(payload, "\xc6\x00\x04\xaf\xfb", 5); /* one bin */
    for (uint32_t i = 0; i < 40; i++) {
        uint8_t once[16] = {(uint8_t)i};
        struct sl_event submit = {.kind = SL_EV_SUBMIT};
        submit.submit = (struct sl_ev_submit){.peer = DRIVER_PEER_CLIENT, .message_id = 1, .once = true,
                                              .pipeline = sim_shape(0)->name, .tenant = sl_text("default"),
                                              .id = sl_job_id_make(sl_text("salt"), sl_text("default"), "once", sl_bytes(once, 16)),
                                              .payload = sl_bytes(payload, sizeof payload)};
        driver_step(&driver, &submit);
    }
    while (driver_take(&driver, SL_LEDGER_COMMIT, &call)) {
        struct sl_ledger_reply reply;
        if (call.body.size > largest) largest = call.body.size;
        driver_perform(&driver, &call, &reply);
        driver_deliver(&driver, &reply);
        commits++;
    }
    cr_assert_gt(commits, 2);
    cr_assert_leq(largest, SL_BATCH_BYTES_MAX + 64u);
    cr_assert_gt(largest, sizeof payload);
    driver.holds = false;
    driver_wait(&driver, 100);
    cr_assert_eq(driver.said[SL_DO_ACCEPTED], 40);
    driver_fini(&driver);
}

Test(writes, an_owner_that_was_fenced_says_what_it_had_acknowledged) {
    struct sl_ledger_call commit, resume;
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    driver_wait(&driver, 200);
    driver.holds = true;
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert(driver_take(&driver, SL_LEDGER_COMMIT, &commit));
    struct sl_ledger_reply fenced = {.verb = SL_LEDGER_COMMIT, .shard = commit.shard, .serial = commit.serial,
                                     .status = SL_LEDGER_FENCED, .epoch = commit.epoch + 1};
    driver_deliver(&driver, &fenced);
    cr_assert(driver_take(&driver, SL_LEDGER_RESUME, &resume), "the lease knows where the other one began");
    struct sl_ledger_reply lease = {.verb = SL_LEDGER_RESUME, .shard = resume.shard, .serial = resume.serial,
                                    .status = SL_LEDGER_OK, .epoch = commit.epoch + 1, .owner = {{9}}, .n = 1, .from = 1};
    driver_deliver(&driver, &lease);
    cr_assert_eq(driver.said[SL_DO_ALARM], 1);
    free((void *)(uintptr_t)commit.body.data);
    free((void *)(uintptr_t)resume.body.data);
    driver_fini(&driver);
}

Test(writes, a_drain_ends_without_redis) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    struct sl_event down = {.kind = SL_EV_LEDGER_DOWN}, drain = {.kind = SL_EV_DRAIN};
    driver.holds = true;
    driver_step(&driver, &down);
    driver_step(&driver, &drain);
    driver_wait(&driver, SL_DRAIN_MS - 100);
    cr_assert_eq(driver.said[SL_DO_DRAINED], 0);
    driver_wait(&driver, 200);
    cr_assert_eq(driver.said[SL_DO_DRAINED], 1);
    driver_fini(&driver);
}
