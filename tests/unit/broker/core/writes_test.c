/* Numbered writes: how large, and what a broker that lost its shard or its Redis says and does. */
#include "base/err.h"
#include "base/limits.h"
#include "core/kept.h"
#include "core/transition.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>
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

/* A shard with something acknowledged, and a commit that is on its way. */
static void begin_commit(struct sl_ledger_call *out_commit) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    driver_wait(&driver, 200);
    driver.holds = true;
    driver_result(&driver, SL_OUTCOME_DONE);
    cr_assert(driver_take(&driver, SL_LEDGER_COMMIT, out_commit));
}

static void end_commit(struct sl_ledger_call *commit, struct sl_ledger_call *resume) {
    free((void *)(uintptr_t)commit->body.data);
    if (resume) free((void *)(uintptr_t)resume->body.data);
    driver_fini(&driver);
}

/* The file holds so many writes, the first of which is this commit. */
static void expect_kept(const struct sl_ledger_call *commit, uint32_t count) {
    struct sl_kept kept;
    struct sl_kept_reader reader;
    struct sl_kept_write write;
    cr_assert_eq(sl_kept_open(sl_bytes(driver.kept, driver.kept_size), &kept, &reader), SL_OK);
    cr_assert(kept.shard == commit->shard && kept.epoch == commit->epoch && kept.durable == commit->n);
    cr_assert_eq(memcmp(kept.owner.bytes, commit->owner.bytes, 16), 0);
    cr_assert_eq(kept.held, count);
    cr_assert_eq(kept.count, count);
    cr_assert_eq(kept.why.size, strlen(driver.alarm));
    cr_assert_eq(sl_kept_next(&reader, &write), 1);
    cr_assert(write.n == commit->n + 1 && write.verb == SL_LEDGER_COMMIT && write.sealed);
    cr_assert(sl_digest_equal(write.digest, commit->digest));
    cr_assert(sl_bytes_equal(write.body, commit->body));
    for (uint32_t i = 1; i < count; i++) {
        struct sl_digest before = write.digest;
        struct sl_batch_reader batch;
        cr_assert_eq(sl_kept_next(&reader, &write), 1);
        cr_assert(!write.sealed && write.n == commit->n + 2, "what was decided and not sealed");
        cr_assert_eq(sl_batch_open(write.body, &batch), SL_OK);
        cr_assert(sl_digest_equal(batch.digest, before));
        cr_assert(sl_digest_equal(write.digest, sl_digest_chain(before, write.body)));
    }
    cr_assert_eq(sl_kept_next(&reader, &write), 0);
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
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    cr_assert_eq(driver.said[SL_DO_KEEP], 1);
    cr_assert_not_null(strstr(driver.alarm, "REGRESSION: another broker took shard"), "%s", driver.alarm);
    cr_assert_not_null(strstr(driver.alarm, "from write 1 on"), "%s", driver.alarm);
    expect_kept(&commit, 1);
    free((void *)(uintptr_t)commit.body.data);
    free((void *)(uintptr_t)resume.body.data);
    driver_fini(&driver);
}

/* A Redis that went back may hand out the same epoch again; the owner's name tells the two apart (reliability, V17). */
Test(writes, another_owner_of_the_same_epoch_is_a_regression_too) {
    struct sl_ledger_call commit, resume;
    begin_commit(&commit);
    struct sl_ledger_reply fenced = {.verb = SL_LEDGER_COMMIT, .shard = commit.shard, .serial = commit.serial,
                                     .status = SL_LEDGER_FENCED, .epoch = commit.epoch};
    driver_deliver(&driver, &fenced);
    cr_assert(driver_take(&driver, SL_LEDGER_RESUME, &resume));
    struct sl_ledger_reply lease = {.verb = SL_LEDGER_RESUME, .shard = resume.shard, .serial = resume.serial,
                                    .status = SL_LEDGER_OK, .epoch = commit.epoch, .owner = {{9}}};
    driver_deliver(&driver, &lease);
    cr_assert_not_null(strstr(driver.alarm, "REGRESSION"), "%s", driver.alarm);
    expect_kept(&commit, 1);
    end_commit(&commit, &resume);
}

/* What another owner found where this one had been told that all is there is the usual way of things. */
Test(writes, an_owner_that_was_fenced_and_lost_nothing_acknowledged_is_silent) {
    struct sl_ledger_call commit, resume;
    begin_commit(&commit);
    struct sl_ledger_reply fenced = {.verb = SL_LEDGER_COMMIT, .shard = commit.shard, .serial = commit.serial,
                                     .status = SL_LEDGER_FENCED, .epoch = commit.epoch + 1};
    driver_deliver(&driver, &fenced);
    cr_assert(driver_take(&driver, SL_LEDGER_RESUME, &resume));
    struct sl_ledger_reply lease = {.verb = SL_LEDGER_RESUME, .shard = resume.shard, .serial = resume.serial, .status = SL_LEDGER_OK,
                                    .epoch = commit.epoch + 1, .owner = {{9}}, .n = commit.n + 3, .from = commit.n};
    driver_deliver(&driver, &lease);
    cr_assert_eq(driver.said[SL_DO_KEEP] + driver.said[SL_DO_ALARM], 0, "%s", driver.alarm);
    end_commit(&commit, &resume);
}

Test(writes, a_write_that_redis_refuses_is_named_and_kept) {
    struct sl_ledger_call commit;
    begin_commit(&commit);
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"}; /* of either shard; they stay in the open batch */
    struct sl_ledger_call look;
    struct sl_ledger_reply found;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) (void)driver_submit(&driver, 0, keys[i], false);
    while (driver_take(&driver, SL_LEDGER_READ_JOB, &look)) {
        driver_perform(&driver, &look, &found);
        driver_deliver(&driver, &found);
    }
    struct sl_ledger_reply bad = {.verb = SL_LEDGER_COMMIT, .shard = commit.shard, .serial = commit.serial, .status = SL_LEDGER_FAILED,
                                  .text = sl_text("BAD 3")};
    driver_deliver(&driver, &bad);
    char words[64];
    (void)snprintf(words, sizeof words, "Redis refused write %u, a commit", (unsigned)commit.n + 1); /* fits */
    cr_assert_not_null(strstr(driver.alarm, words), "%s", driver.alarm);
    cr_assert_not_null(strstr(driver.alarm, "BAD 3"), "%s", driver.alarm);
    expect_kept(&commit, 2);
    end_commit(&commit, NULL);
}

Test(writes, what_is_kept_is_said_without_memory_too) {
    struct sl_ledger_call commit;
    begin_commit(&commit);
    struct sl_ledger_reply bad = {.verb = SL_LEDGER_COMMIT, .shard = commit.shard, .serial = commit.serial, .status = SL_LEDGER_FAILED};
    driver.memory.countdown = 0;
    driver_deliver(&driver, &bad);
    cr_assert(driver.memory.has_failed);
    cr_assert_eq(driver.said[SL_DO_KEEP], 1);
    cr_assert_eq(driver.kept_size, 0);
    cr_assert_not_null(strstr(driver.alarm, "is quarantined"), "%s", driver.alarm);
    end_commit(&commit, NULL);
}

Test(writes, a_shard_that_is_quarantined_with_nothing_held_has_no_file) {
    struct sl_ledger_call resume;
    driver_init(&driver, 0);
    driver_wait(&driver, 100);
    driver.holds = true;
    struct sl_event down = {.kind = SL_EV_LEDGER_DOWN}, up = {.kind = SL_EV_LEDGER_UP};
    driver_step(&driver, &down);
    driver_step(&driver, &up);
    cr_assert(driver_take(&driver, SL_LEDGER_RESUME, &resume));
    struct sl_ledger_reply wiped = {.verb = SL_LEDGER_RESUME, .shard = resume.shard, .serial = resume.serial, .status = SL_LEDGER_OK};
    driver_deliver(&driver, &wiped);
    cr_assert_not_null(strstr(driver.alarm, "is quarantined"), "%s", driver.alarm);
    cr_assert_eq(driver.said[SL_DO_ALARM], 1);
    cr_assert_eq(driver.said[SL_DO_KEEP], 0);
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
