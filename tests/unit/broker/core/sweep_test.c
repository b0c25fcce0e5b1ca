/* Tombstones are kept as long as they must be, and no longer. */
#include "base/limits.h"
#include "core/sched_state.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct core_driver driver;

static size_t tombstone_count(void) {
    size_t count = 0;
    for (uint16_t shard = 0; shard < 2; shard++) {
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_GONE, .shard = shard};
        struct sl_ledger_reply reply;
        cr_assert_eq(ledger_twin_call(driver.twin, &call, &reply), 0);
        count += reply.item_count;
    }
    return count;
}

static void finish(const char *key) {
    (void)driver_submit(&driver, 0, key, false);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 100);
}

static void finish_without_key(uint8_t number) {
    struct sl_event submit = {.kind = SL_EV_SUBMIT};
    uint8_t once[16] = {number};
    submit.submit = (struct sl_ev_submit){.peer = DRIVER_PEER_CLIENT, .message_id = 1, .once = true, .pipeline = sim_shape(0)->name,
                                          .tenant = sl_text("default"), .payload = sl_text("\xa7payload"),
                                          .id = sl_job_id_make(sl_text("salt"), sl_text("default"), "once", sl_bytes(once, 16))};
    uint32_t accepted = driver.said[SL_DO_ACCEPTED];
    driver_step(&driver, &submit);
    driver_wait(&driver, 10);
    cr_assert_eq(driver.said[SL_DO_ACCEPTED], accepted + 1);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 100);
}

Test(sweep, a_tombstone_goes_when_it_is_old_enough_and_not_before) {
    driver_init(&driver, 0);
    driver_keep(&driver, 100, 0, 2000);
    finish("job");
    driver_wait(&driver, 1700);
    cr_assert_eq(tombstone_count(), 1);
    driver_wait(&driver, 1000);
    cr_assert_eq(tombstone_count(), 0);
    uint32_t accepted = driver.said[SL_DO_ACCEPTED];
    (void)driver_submit(&driver, 0, "job", false);
    cr_assert(driver.said[SL_DO_ACCEPTED] == accepted + 1 && !driver.accepted.duplicate, "it is a new job");
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 100);
    driver_fini(&driver);
}

Test(sweep, a_successor_finds_the_old_ones) {
    driver_init(&driver, 0);
    driver_keep(&driver, 100, 0, 0);
    for (uint32_t i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "many-%u", (unsigned)i);
        (void)driver_submit(&driver, 0, key, false);
        driver_result(&driver, SL_OUTCOME_DONE);
    }
    driver_wait(&driver, 1500);
    cr_assert_eq(tombstone_count(), 200);
    driver_keep(&driver, 100, 0, 1000);
    driver_wait(&driver, 1500);
    cr_assert_eq(tombstone_count(), 0, "more than wait for a settle at once");
    driver_fini(&driver);
}

Test(sweep, a_job_without_a_key_leaves_nothing) {
    driver_init(&driver, 0);
    driver_keep(&driver, 300, 0, 0);
    finish_without_key(1);
    finish("job");
    driver_wait(&driver, 1000);
    cr_assert_eq(tombstone_count(), 1, "only that of the job with a key");
    driver_fini(&driver);
}

/* A job under way holds the checkpoint back: the log still names the removed one, and a successor must know that it was removed. */
Test(sweep, a_tombstone_stays_while_the_log_names_its_job) {
    driver_init(&driver, 0);
    driver_keep(&driver, 300, 0, 0);
    struct sl_shard *shard = &driver.core->shards[0];
    struct sl_job_id id = {{1}};
    shard->sweep.drops[shard->sweep.drop_count++] = (struct sl_drop){.id = id, .at = shard->commit_n + 1};
    cr_assert_eq(sl_sweep_count(shard, shard->commit_n), 0);
    cr_assert_eq(sl_sweep_count(shard, shard->commit_n + 1), 1);
    sl_sweep_forget(shard, shard->commit_n);
    cr_assert_eq(shard->sweep.drop_count, 1);
    sl_sweep_forget(shard, shard->commit_n + 1);
    cr_assert_eq(shard->sweep.drop_count, 0);
    driver_fini(&driver);
}
