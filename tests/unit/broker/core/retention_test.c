/* Finished jobs are removed when they are old enough or too many, the oldest first, and not before; what is begun is ended by whoever
 * owns the shard then. */
#include "base/err.h"
#include "base/limits.h"
#include "core/sched_state.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct core_driver driver;

static struct sl_ledger_reply stored(struct sl_job_id id) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_JOB, .shard = sl_job_shard(id, 2), .job = id};
    struct sl_ledger_reply reply;
    cr_assert_eq(ledger_twin_call(driver.twin, &call, &reply), 0);
    return reply;
}

static bool has(struct sl_job_id id, const char *key) {
    struct sl_ledger_reply reply = stored(id);
    for (size_t i = 0; i < reply.item_count; i++)
        if (sl_bytes_is(reply.items[i].key, key)) return true;
    return false;
}

static size_t ended_count(void) {
    size_t count = 0;
    for (uint16_t shard = 0; shard < 2; shard++) {
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_ENDED, .shard = shard, .count = 1000};
        struct sl_ledger_reply reply;
        cr_assert_eq(ledger_twin_call(driver.twin, &call, &reply), 0);
        count += reply.item_count;
    }
    return count;
}

/* A job of the shape, finished and settled. */
static struct sl_job_id finish_of(uint32_t shape, const char *key) {
    struct sl_job_id id = driver_submit(&driver, shape, key, false);
    for (uint16_t i = 0; i < sim_shape(shape)->stage_count; i++) driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 100);
    cr_assert(has(id, "r"));
    return id;
}

static struct sl_job_id finish(const char *key) {
    return finish_of(0, key);
}

Test(retention, a_finished_job_goes_when_it_is_old_enough_and_not_before) {
    driver_init(&driver, 0);
    driver_keep(&driver, 1000, 0, 0);
    struct sl_job_id id = finish("job");
    driver_wait(&driver, 850);
    cr_assert(has(id, "r") && !has(id, "gone"));
    driver_wait(&driver, 300);
    struct sl_ledger_reply left = stored(id);
    cr_assert(left.item_count == 1 && sl_bytes_is(left.items[0].key, "gone"));
    cr_assert_eq(ended_count(), 0);
    driver_fini(&driver);
}

Test(retention, jobs_that_have_not_ended_stay) {
    driver_init(&driver, 0);
    driver_keep(&driver, 100, 1, 0);
    struct sl_job_id id = driver_submit(&driver, 0, "job", false);
    driver_wait(&driver, 2000);
    cr_assert(has(id, "live"));
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 500);
    cr_assert(has(id, "gone") && !has(id, "r"));
    driver_fini(&driver);
}

/* Which calls an idle broker makes in a minute beside its beats. */
static uint32_t idle_calls(void) {
    uint32_t calls = 0;
    memset(driver.made, 0, sizeof driver.made);
    driver_wait(&driver, 60000);
    for (int verb = 0; verb <= SL_LEDGER_READ_GONE; verb++) calls += verb == SL_LEDGER_BEAT ? 0 : driver.made[verb];
    return calls;
}

Test(retention, an_idle_shard_asks_redis_nothing) {
    driver_init(&driver, 0);
    driver_keep(&driver, SL_RETENTION_MS, SL_RETENTION_BYTES, 0);
    (void)finish("first");
    (void)finish("second");
    driver_wait(&driver, 3000);
    cr_assert_eq(idle_calls(), 0, "with jobs that are not due");
    driver_keep(&driver, 500, 0, 0);
    driver_wait(&driver, 3000);
    cr_assert_eq(ended_count(), 0);
    cr_assert_eq(idle_calls(), 0, "with nothing but tombstones");
    driver_fini(&driver);
}

Test(retention, without_limits_everything_stays_and_nothing_is_asked) {
    driver_init(&driver, 0);
    driver_keep(&driver, 0, 0, 0);
    struct sl_job_id id = finish("job");
    memset(driver.made, 0, sizeof driver.made);
    driver_wait(&driver, 20000);
    cr_assert(has(id, "r"));
    cr_assert_eq(driver.made[SL_LEDGER_READ_OLDEST], 0);
    driver_fini(&driver);
}

/* Keys of jobs that all belong to shard 0. */
static const char *key_of(uint32_t number) {
    static char key[16];
    for (uint32_t i = 0, found = 0;; i++) {
        snprintf(key, sizeof key, "job-%u", (unsigned)i);
        if (sl_job_shard(sl_job_id_make(sl_text("salt"), sl_text("default"), "key", sl_text(key)), 2) == 0 && found++ == number) return key;
    }
}

static uint64_t bytes_of(struct sl_job_id id) {
    struct sl_ledger_reply reply = stored(id);
    struct sl_ended ended;
    cr_assert_eq(reply.item_count, 1);
    cr_assert_eq(sl_record_read_ended(reply.items[0].value, &ended), SL_OK);
    cr_assert(ended.retained.bytes >= reply.items[0].value.size && ended.retained.bytes < reply.items[0].value.size + 64, "%llu bytes of %zu",
              (unsigned long long)ended.retained.bytes, reply.items[0].value.size);
    return ended.retained.bytes;
}

Test(retention, what_is_too_much_goes_the_oldest_first) {
    struct sl_job_id ids[6];
    driver_init(&driver, 0);
    ids[0] = finish(key_of(0));
    uint64_t bytes = bytes_of(ids[0]);
    driver_keep(&driver, 0, 2 * (3 * bytes + bytes / 2), 0); /* three in each of two shards, and not four */
    for (uint32_t i = 1; i < 3; i++) ids[i] = finish(key_of(i));
    driver_wait(&driver, 3000);
    for (uint32_t i = 0; i < 3; i++) cr_assert(has(ids[i], "r"), "job %u", (unsigned)i);
    for (uint32_t i = 3; i < 6; i++) {
        ids[i] = finish(key_of(i));
        driver_wait(&driver, 3000);
        for (uint32_t k = 0; k <= i; k++) cr_assert_eq(has(ids[k], "r"), k + 3 > i, "job %u after job %u", (unsigned)k, (unsigned)i);
    }
    driver_fini(&driver);
}

Test(retention, what_is_kept_is_counted_over_a_takeover) {
    struct sl_job_id ids[5];
    driver_init(&driver, 0);
    for (uint32_t i = 0; i < 3; i++) ids[i] = finish(key_of(i));
    uint64_t bytes = bytes_of(ids[0]);
    driver_keep(&driver, 0, 2 * (3 * bytes + bytes / 2), 0);
    driver_wait(&driver, 3000);
    cr_assert_eq(ended_count(), 3);
    ids[3] = finish(key_of(3));
    driver_wait(&driver, 3000);
    cr_assert(!has(ids[0], "r") && has(ids[1], "r"));
    driver_keep(&driver, 0, 2 * (3 * bytes + bytes / 2), 0);
    driver_wait(&driver, 3000);
    cr_assert_eq(ended_count(), 3, "what was removed is not counted any more");
    ids[4] = finish(key_of(4));
    driver_wait(&driver, 3000);
    cr_assert(!has(ids[1], "r") && has(ids[2], "r") && has(ids[4], "r"));
    driver_fini(&driver);
}

Test(retention, hundreds_go_in_bounded_steps) {
    driver_init(&driver, 0);
    for (uint32_t i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof key, "many-%u", (unsigned)i);
        (void)driver_submit(&driver, 0, key, false);
        driver_result(&driver, SL_OUTCOME_DONE);
    }
    driver_wait(&driver, 100);
    cr_assert_eq(ended_count(), 300);
    memset(driver.made, 0, sizeof driver.made);
    driver_keep(&driver, 1, 0, 0);
    driver_wait(&driver, 1500);
    cr_assert_eq(ended_count(), 0);
    cr_assert_lt(driver.made[SL_LEDGER_SETTLE], 24, "a settle removes many");
    cr_assert_lt(driver.made[SL_LEDGER_READ_OLDEST], 24);
    driver_fini(&driver);
}

/* Until the commit that removes the job is performed; what follows it is not. */
static void remove_and_die(void) {
    struct sl_ledger_call call;
    struct sl_ledger_reply reply;
    driver.holds = true;
    for (int i = 0; i < 200; i++) {
        driver_wait(&driver, 10);
        while (driver_take(&driver, SL_LEDGER_BEAT, &call) || driver_take(&driver, SL_LEDGER_READ_GONE, &call) ||
               driver_take(&driver, SL_LEDGER_READ_OLDEST, &call) || driver_take(&driver, SL_LEDGER_READ_RECORD, &call)) {
            driver_perform(&driver, &call, &reply);
            driver_deliver(&driver, &reply);
        }
        if (driver_take(&driver, SL_LEDGER_COMMIT, &call)) {
            driver_perform(&driver, &call, &reply);
            break;
        }
    }
    for (int verb = 0; verb <= SL_LEDGER_READ_GONE; verb++) /* the rest dies with it */
        while (driver_take(&driver, (enum sl_ledger_verb)verb, &call)) free((void *)(uintptr_t)call.body.data);
    driver.holds = false;
}

Test(retention, a_removal_that_was_committed_is_ended_by_the_successor) {
    driver_init(&driver, 0);
    driver_keep(&driver, 500, 0, 0);
    struct sl_job_id id = finish("job");
    remove_and_die();
    cr_assert(has(id, "r"), "the record is there, and the log says that it goes");
    driver.retention_ms = 0; /* the successor would keep it for ever */
    memset(driver.made, 0, sizeof driver.made);
    driver_succeed(&driver, DRIVER_SHAPES);
    driver_wait(&driver, 300);
    cr_assert(has(id, "gone") && !has(id, "r"));
    cr_assert_eq(ended_count(), 0);
    cr_assert_eq(driver.made[SL_LEDGER_COMMIT], 0, "it is not decided again");
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    driver_fini(&driver);
}

/* Neither record nor tombstone, and the log removes it: damage, which harms nobody else. */
Test(retention, a_removal_of_nothing_is_damage) {
    driver_init(&driver, 0);
    driver_keep(&driver, 500, 0, 0);
    struct sl_job_id id = finish(key_of(0));
    remove_and_die();
    struct sl_ledger_reply record = stored(id);
    ((uint8_t *)(uintptr_t)record.items[0].value.data)[9] ^= 1;
    driver_succeed(&driver, DRIVER_SHAPES);
    cr_assert_gt(driver.said[SL_DO_ALARM], 0);
    (void)finish(key_of(1));
    driver_fini(&driver);
}

/* Its text is lost: what stands behind it in the order of removal must not wait for it. */
Test(retention, a_job_whose_pipeline_nobody_knows_keeps_no_other) {
    driver_init(&driver, 0);
    struct sl_job_id unknown = finish_of(1, key_of(0));
    struct sl_job_id known = finish(key_of(1));
    driver_put_pipeline(&driver, 1, false);
    driver.retention_ms = 1000;
    driver_succeed(&driver, 1);
    driver_wait(&driver, 20000);
    cr_assert(has(known, "gone") && !has(known, "r"));
    cr_assert(has(unknown, "r"));
    driver_fini(&driver);
}

Test(retention, a_job_whose_pipeline_was_not_told_goes_like_others) {
    driver_init(&driver, 0);
    struct sl_job_id id = finish_of(1, key_of(0));
    driver.retention_ms = 1000;
    driver_succeed(&driver, 1);
    driver_wait(&driver, 3000);
    cr_assert(has(id, "gone") && !has(id, "r"));
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    driver_fini(&driver);
}

Test(retention, a_record_that_cannot_be_read_is_passed_over_and_said_once) {
    driver_init(&driver, 0);
    struct sl_job_id bad = finish(key_of(0)), good = finish(key_of(1));
    struct sl_ledger_reply record = stored(bad);
    ((uint8_t *)(uintptr_t)record.items[0].value.data)[9] ^= 1;
    driver_keep(&driver, 500, 0, 0);
    driver_wait(&driver, 3000);
    cr_assert(has(bad, "r") && !has(good, "r"));
    cr_assert_eq(driver.said[SL_DO_ALARM], 1);
    struct sl_job_id later = finish(key_of(2));
    driver_wait(&driver, 3000);
    cr_assert(has(bad, "r") && !has(later, "r"), "what comes behind it goes too");
    cr_assert_eq(driver.said[SL_DO_ALARM], 1);
    driver_fini(&driver);
}

/* ---- what people and clients are told ---- */

static void submit_other_input(const char *key) {
    struct sl_event submit = {.kind = SL_EV_SUBMIT};
    submit.submit = (struct sl_ev_submit){.peer = DRIVER_PEER_CLIENT, .message_id = 1, .pipeline = sim_shape(0)->name,
                                          .tenant = sl_text("default"), .key = sl_text(key), .payload = sl_text("\xa5other"),
                                          .id = sl_job_id_make(sl_text("salt"), sl_text("default"), "key", sl_text(key))};
    driver_step(&driver, &submit);
}

Test(retention, a_repeated_request_finds_the_removed_job) {
    driver_init(&driver, 0);
    driver_keep(&driver, 100, 0, 0);
    struct sl_job_id id = finish("job");
    driver_wait(&driver, 500);
    cr_assert(has(id, "gone"));
    uint32_t accepted = driver.said[SL_DO_ACCEPTED];
    cr_assert(sl_job_id_equal(driver_submit(&driver, 0, "job", false), id));
    cr_assert_eq(driver.said[SL_DO_ACCEPTED], accepted + 1);
    cr_assert(driver.accepted.duplicate && driver.accepted.state == SL_JOB_COMPLETED && driver.accepted.run == 1);
    submit_other_input("job");
    cr_assert_eq(driver.rejected, SL_REJECT_CONFLICT);
    driver_wait(&driver, 200);
    cr_assert(!has(id, "live") && !has(id, "r"), "nothing was enqueued");
    driver_fini(&driver);
}

Test(retention, whoever_asks_for_a_removed_job_is_told_its_end) {
    driver_init(&driver, 0);
    driver_keep(&driver, 100, 0, 0);
    struct sl_job_id id = finish("job");
    driver_wait(&driver, 500);
    static const enum sl_query_what questions[] = {SL_QUERY_JOB, SL_QUERY_EVENTS, SL_QUERY_OUTPUT};
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        driver.rejected_text[0] = '\0';
        driver_query(&driver, questions[i], id);
        cr_assert_eq(driver.rejected, SL_REJECT_UNKNOWN_JOB);
        cr_assert(strstr(driver.rejected_text, "completed at") && strstr(driver.rejected_text, "--retention-time"), "%s", driver.rejected_text);
    }
    struct sl_event prefix = {.kind = SL_EV_QUERY};
    char digits[SL_ID_TEXT_SIZE];
    sl_id_to_text(id.bytes, digits);
    prefix.query = (struct sl_ev_query){.peer = DRIVER_PEER_CLIENT, .message_id = 2, .what = SL_QUERY_JOB, .job = sl_bytes(digits, 8)};
    driver.rejected_text[0] = '\0';
    driver_step(&driver, &prefix);
    cr_assert(strstr(driver.rejected_text, "completed at"), "by its first digits: %s", driver.rejected_text);
    struct sl_event watch = {.kind = SL_EV_WATCH};
    watch.watch = (struct sl_ev_watch){.peer = DRIVER_PEER_CLIENT, .message_id = 9, .jobs = &id, .job_count = 1};
    driver_step(&driver, &watch);
    cr_assert_not(driver.changed.known);
    cr_assert(strstr(driver.changed_text, "completed at"), "%s", driver.changed_text);
    char text[SL_ID_TEXT_SIZE];
    sl_id_to_text(id.bytes, text);
    struct sl_event cancel = {.kind = SL_EV_CANCEL_JOB};
    cancel.cancel_job = (struct sl_ev_cancel_job){.peer = DRIVER_PEER_CLIENT, .message_id = 3, .job = sl_text(text)};
    driver.rejected_text[0] = '\0';
    driver_step(&driver, &cancel);
    cr_assert(strstr(driver.rejected_text, "completed at"), "%s", driver.rejected_text);
    driver_fini(&driver);
}

/* The job is in memory again while its removal is on its way, without its history: that stands in Redis. */
Test(retention, a_job_that_is_being_removed_is_answered_from_redis) {
    struct sl_ledger_call call;
    struct sl_ledger_reply reply;
    driver_init(&driver, 0);
    driver_keep(&driver, 300, 0, 0);
    struct sl_job_id id = finish("job");
    driver_query(&driver, SL_QUERY_EVENTS, id);
    uint32_t events = driver.answer_count;
    cr_assert_gt(events, 0);
    driver.holds = true;
    for (int i = 0; i < 200 && driver.made[SL_LEDGER_COMMIT] < 3; i++) {
        driver_wait(&driver, 10);
        while (driver_take(&driver, SL_LEDGER_BEAT, &call) || driver_take(&driver, SL_LEDGER_READ_OLDEST, &call) ||
               driver_take(&driver, SL_LEDGER_READ_RECORD, &call)) {
            driver_perform(&driver, &call, &reply);
            driver_deliver(&driver, &reply);
        }
    }
    driver.answer_count = 0;
    driver_query(&driver, SL_QUERY_EVENTS, id);
    cr_assert(driver_take(&driver, SL_LEDGER_READ_JOB, &call));
    driver_perform(&driver, &call, &reply);
    driver_deliver(&driver, &reply);
    cr_assert_eq(driver.answer_count, events);
    driver.answer_count = 0;
    driver_query(&driver, SL_QUERY_JOBS, id);
    while (driver_take(&driver, SL_LEDGER_READ_ENDED, &call) || driver_take(&driver, SL_LEDGER_READ_JOB, &call)) {
        driver_perform(&driver, &call, &reply);
        driver_deliver(&driver, &reply);
    }
    while (driver_take(&driver, SL_LEDGER_COMMIT, &call)) { /* which the list waits for */
        driver_perform(&driver, &call, &reply);
        driver_deliver(&driver, &reply);
    }
    cr_assert_eq(driver.answer_count, 1, "lists show it until it is gone");
    driver_fini(&driver);
}
