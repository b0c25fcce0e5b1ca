/* When reads leave, and who is told of what they bring. */
#include "base/limits.h"
#include "core/sched_state.h"
#include "core_driver.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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

/* An error is no answer: a key that is taken would make its job a second time. */
Test(reads, a_look_up_that_failed_decides_nothing) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 300);
    uint32_t assigned = driver.said[SL_DO_ASSIGN];
    struct sl_ledger_call read;
    driver.holds = true;
    (void)driver_submit(&driver, 0, "job", false);
    cr_assert(driver_take(&driver, SL_LEDGER_READ_JOB, &read));
    struct sl_ledger_reply failed = {.verb = SL_LEDGER_READ_JOB, .shard = read.shard, .serial = read.serial,
                                     .status = SL_LEDGER_FAILED, .text = sl_text("WRONGTYPE")};
    driver_deliver(&driver, &failed);
    free((void *)(uintptr_t)read.body.data);
    cr_assert_eq(driver.rejected, SL_REJECT_NOT_READY);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], assigned);
    driver_fini(&driver);
}

Test(reads, questions_wait_for_redis_up_to_a_limit) {
    driver_init(&driver, 0);
    tell(SL_EV_LEDGER_DOWN);
    uint32_t asked = SL_READS_MAX + 100;
    for (uint32_t i = 0; i < asked; i++) driver_query(&driver, SL_QUERY_JOB, (struct sl_job_id){{(uint8_t)i, (uint8_t)(i >> 8), 1}});
    cr_assert_geq(driver.said[SL_DO_REJECTED], 100);
    cr_assert_eq(driver.rejected, SL_REJECT_NOT_READY);
    driver_fini(&driver);
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

/* The owner is fenced while the read is on its way: what it brings is of the successor's doing, and no damage. */
Test(reads, that_come_while_the_lease_is_asked_are_asked_again) {
    struct sl_ledger_call read, commit;
    struct sl_ledger_reply nothing;
    driver_init(&driver, 0);
    struct sl_job_id job = driver_submit(&driver, 0, "job", false);
    driver_wait(&driver, 200);
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOB, job);
    cr_assert(driver_take(&driver, SL_LEDGER_READ_JOB, &read));
    driver_perform(&driver, &read, &nothing);
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert(driver_take(&driver, SL_LEDGER_COMMIT, &commit));
    struct sl_ledger_reply fenced = {.verb = SL_LEDGER_COMMIT, .shard = commit.shard, .serial = commit.serial,
                                     .status = SL_LEDGER_FENCED, .epoch = commit.epoch + 1};
    driver_deliver(&driver, &fenced);
    free((void *)(uintptr_t)commit.body.data);
    driver_deliver(&driver, &nothing);
    cr_assert_eq(driver.said[SL_DO_ANSWER], 0, "the lease has not told yet whose the shard is");
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    driver.holds = false;
    driver_wait(&driver, 50);
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1, "it is ours after all");
    driver_fini(&driver);
}

static void queue_up(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "q%u", i);
        (void)driver_submit(&driver, 0, key, false);
    }
    driver_wait(&driver, 1000); /* they are settled, and leave memory but for their names */
}

/* What a small payload needs stands in the job's head. */
Test(reads, of_a_queued_job_with_a_small_payload_the_head_alone_is_read) {
    driver_init(&driver, 0);
    queue_up(70);
    uint32_t whole = driver.made[SL_LEDGER_READ_JOB];
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert_geq(driver.made[SL_LEDGER_READ_HEAD], 60, "all are in the window");
    cr_assert_eq(driver.made[SL_LEDGER_READ_JOB], whole);
    for (int i = 0; i < 66; i++) driver_result(&driver, SL_OUTCOME_DONE);
    driver_ended(&driver, 67, 0); /* all but those in the other three slots */
    driver_fini(&driver);
}

Test(reads, a_full_memory_reads_few_jobs_ahead) {
    driver_init(&driver, 0);
    driver.core->config.hot_bytes_max = 1;
    queue_up(70);
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert_leq(driver.made[SL_LEDGER_READ_HEAD], 25, "two waves of four slots, and sixteen");
    cr_assert_geq(driver.made[SL_LEDGER_READ_HEAD], 15);
    driver_fini(&driver);
}

/* It is not asked for for ever, and named. */
Test(reads, a_head_that_failed_parks_its_job_and_no_other) {
    driver_init(&driver, 0);
    queue_up(40);
    struct sl_ledger_call read;
    driver.holds = true;
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert(driver_take(&driver, SL_LEDGER_READ_HEAD, &read));
    free((void *)(uintptr_t)read.body.data);
    struct sl_ledger_reply failed = {.verb = SL_LEDGER_READ_HEAD, .shard = read.shard, .serial = read.serial,
                                     .status = SL_LEDGER_FAILED, .text = sl_text("WRONGTYPE")};
    driver.holds = false;
    driver_deliver(&driver, &failed);
    cr_assert_gt(driver.said[SL_DO_ALARM], 0);
    for (int i = 0; i < 35; i++) driver_result(&driver, SL_OUTCOME_DONE);
    driver_ended(&driver, 36, 0); /* all but it and those in the other three slots */
    driver_fini(&driver);
}

/* How many of 70 queued jobs are read when the first one has ended. */
static uint32_t read_ahead(size_t payload_size) {
    static uint8_t payload[SL_PAYLOAD_LIGHT_MAX + 1];
    payload[0] = 0xc5; /* bin 16 */
    payload[1] = (uint8_t)((payload_size - 3) >> 8);
    payload[2] = (uint8_t)(payload_size - 3);
    driver_init(&driver, 0);
    driver.payload = sl_bytes(payload, payload_size);
    queue_up(70);
    uint32_t before = driver.made[SL_LEDGER_READ_JOB];
    driver_result(&driver, SL_OUTCOME_DONE);
    uint32_t count = driver.made[SL_LEDGER_READ_JOB] - before;
    cr_assert_eq(driver.made[SL_LEDGER_READ_HEAD], 0, "their payloads stand in fields of their own");
    driver_fini(&driver);
    return count;
}

Test(reads, heavy_jobs_are_not_read_long_before_they_start) {
    cr_assert_geq(read_ahead(SL_PAYLOAD_LIGHT_MAX), 60);
    cr_assert_leq(read_ahead(SL_PAYLOAD_LIGHT_MAX + 1), 25);
}
