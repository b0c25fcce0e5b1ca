/* Questions whose reads race with the settles of what they ask about: reads and writes go over two connections. */
#include "core/query.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct core_driver driver;

static void tear_down(void) {
    driver_fini(&driver);
}

TestSuite(query, .fini = tear_down);

/* Redis performs the read, then the settle, whose reply comes first. */
static void overtake(enum sl_ledger_verb verb, struct sl_ledger_reply *out_read) {
    struct sl_ledger_call read, settle;
    struct sl_ledger_reply settled;
    cr_assert(driver_take(&driver, verb, &read));
    driver_perform(&driver, &read, out_read);
    driver_await(&driver, SL_LEDGER_SETTLE, &settle);
    driver_perform(&driver, &settle, &settled);
    driver_deliver(&driver, &settled);
}

static void go_on(void) {
    driver.holds = false;
    driver_wait(&driver, 100);
}

Test(query, a_job_that_has_just_left_memory_is_asked_for_again) {
    driver_init(&driver, 0);
    struct sl_job_id job = driver_submit(&driver, 0, "job", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    struct sl_ledger_reply read;
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOB, job);
    overtake(SL_LEDGER_READ_JOB, &read);
    driver_deliver(&driver, &read);
    cr_assert_eq(driver.said[SL_DO_REJECTED], 0, "nobody says that there is no such job");
    go_on();
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1);
}

Test(query, a_queued_job_that_gave_its_parts_away_is_not_parked) {
    driver_init(&driver, 0);
    for (int i = 0; i < 40; i++) { /* more than are kept in memory for what starts next */
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        (void)driver_submit(&driver, 0, key, false);
    }
    driver_wait(&driver, 500);
    struct sl_job_id last = driver_submit(&driver, 0, "last", false);
    struct sl_ledger_reply read;
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOB, last);
    overtake(SL_LEDGER_READ_JOB, &read);
    driver_deliver(&driver, &read);
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
    go_on();
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1);
    cr_assert_eq(driver.said[SL_DO_ALARM], 0);
}

/* Asks for a prefix that no job has, and answers the reads. */
static void ask_prefix(const char *prefix) {
    struct sl_event query = {.kind = SL_EV_QUERY};
    struct sl_ledger_call call;
    struct sl_ledger_reply read;
    query.query = (struct sl_ev_query){.peer = DRIVER_PEER_CLIENT, .message_id = 2, .what = SL_QUERY_JOB, .job = sl_text(prefix)};
    driver_step(&driver, &query);
    while (driver_take(&driver, SL_LEDGER_READ_ENDED, &call) || driver_take(&driver, SL_LEDGER_READ_GONE, &call)) {
        driver_perform(&driver, &call, &read);
        driver_deliver(&driver, &read);
    }
}

Test(query, that_no_job_has_a_prefix_is_proved_in_every_shard) {
    driver_init(&driver, 0);
    driver.holds = true;
    ask_prefix("abcdef");
    cr_assert_eq(driver.said[SL_DO_REJECTED], 0, "another owner may have such a job by now");
    struct sl_ledger_call beat;
    struct sl_ledger_reply reply;
    for (uint32_t left = 2; left > 0; left--) {
        cr_assert(driver_take(&driver, SL_LEDGER_BEAT, &beat));
        driver_perform(&driver, &beat, &reply);
        cr_assert_eq(driver.said[SL_DO_REJECTED], 0, "%u shards are not proved", left);
        driver_deliver(&driver, &reply);
    }
    cr_assert_eq(driver.said[SL_DO_REJECTED], 1);
    cr_assert_eq(driver.rejected, SL_REJECT_UNKNOWN_JOB);
}

Test(query, who_has_lost_a_shard_does_not_say_that_there_is_no_job) {
    driver_init(&driver, 0);
    driver.holds = true;
    ask_prefix("abcdef");
    struct sl_ledger_call beat;
    struct sl_ledger_reply reply;
    cr_assert(driver_take(&driver, SL_LEDGER_BEAT, &beat));
    driver_perform(&driver, &beat, &reply);
    reply.status = SL_LEDGER_FENCED;
    driver_deliver(&driver, &reply);
    cr_assert(driver_take(&driver, SL_LEDGER_RESUME, &beat));
    driver_perform(&driver, &beat, &reply);
    reply.epoch++; /* another broker's */
    memset(reply.owner.bytes, 7, sizeof reply.owner.bytes);
    driver_deliver(&driver, &reply);
    cr_assert_eq(driver.said[SL_DO_REJECTED], 1);
    cr_assert_eq(driver.rejected, SL_REJECT_NOT_READY);
    ask_prefix("abcdef");
    cr_assert_eq(driver.said[SL_DO_REJECTED], 2);
    cr_assert_eq(driver.rejected, SL_REJECT_NOT_READY, "nor who holds only some");
}

/* Jobs behind those that are kept in memory for what starts next: written, and cold. */
static struct sl_job_id submit_cold(void) {
    struct sl_job_id last = {{0}};
    for (int i = 0; i < 60; i++) {
        char key[8];
        snprintf(key, sizeof key, "c%d", i);
        last = driver_submit(&driver, 0, key, false);
    }
    driver_wait(&driver, 1000);
    return last;
}

static uint32_t reads_left(void) {
    struct sl_ledger_call call;
    uint32_t count = 0;
    for (; driver_take(&driver, SL_LEDGER_READ_JOB, &call); count++) free((void *)(uintptr_t)call.body.data);
    return count;
}

Test(query, what_the_shard_settles_of_others_costs_no_second_read) {
    driver_init(&driver, 0);
    struct sl_job_id job = submit_cold();
    struct sl_ledger_call call;
    struct sl_ledger_reply read;
    const struct sl_shard *shard = sl_shard_of(driver.core, job);
    uint64_t settle_n = shard->settle_n;
    cr_assert(sl_job_find(&shard->table, job)->cold);
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOB, job);
    cr_assert(driver_take(&driver, SL_LEDGER_READ_JOB, &call));
    driver_perform(&driver, &call, &read);
    driver.holds = false;
    for (int i = 0; i < 20 && shard->settle_n == settle_n; i++) { /* until one of the same shard has ended */
        driver_result(&driver, SL_OUTCOME_DONE);
        driver_wait(&driver, 200);
    }
    cr_assert_neq(shard->settle_n, settle_n);
    driver.holds = true;
    driver_deliver(&driver, &read);
    cr_assert_eq(reads_left(), 0);
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1);
}

/* As if memory had held each job that is asked for, and given it away. */
static void make_late(void) {
    struct sl_list *reads = &driver.core->reads;
    for (struct sl_link *link = sl_list_first(reads); link; link = sl_list_next(reads, link)) {
        struct sl_query *query = SL_CONTAINER(link, struct sl_read, link)->query;
        if (!query) continue;
        query->then.in_memory = true;
        for (uint32_t i = 0; i < query->item_count; i++) query->items[i].then.in_memory = true;
    }
}

/* How often Redis is asked for a job's record until the question has ended. */
static uint32_t ask_late(void) {
    struct sl_ledger_call call;
    struct sl_ledger_reply read;
    uint32_t count = 0;
    while (driver_take(&driver, SL_LEDGER_READ_JOB, &call)) {
        count++;
        cr_assert_leq(count, 1 + SL_QUERY_AGAIN_MAX, "it ends");
        driver_perform(&driver, &call, &read);
        make_late();
        driver_deliver(&driver, &read);
        while (driver_take(&driver, SL_LEDGER_READ_ENDED, &call)) {
            driver_perform(&driver, &call, &read);
            driver_deliver(&driver, &read);
        }
    }
    return count;
}

Test(query, asking_again_has_an_end) {
    driver_init(&driver, 0);
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOB, sl_job_id_make(sl_text("salt"), sl_text("default"), "key", sl_text("nobody's")));
    cr_assert_eq(ask_late(), 1 + SL_QUERY_AGAIN_MAX);
    cr_assert_eq(driver.said[SL_DO_REJECTED], 1);
    cr_assert_eq(driver.rejected, SL_REJECT_NOT_READY);
}

Test(query, a_list_that_asks_again_has_an_end) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 300); /* ended, and out of memory */
    struct sl_ledger_call call;
    struct sl_ledger_reply read;
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOBS, (struct sl_job_id){{0}});
    while (driver_take(&driver, SL_LEDGER_READ_ENDED, &call)) {
        driver_perform(&driver, &call, &read);
        driver_deliver(&driver, &read);
    }
    cr_assert_eq(ask_late(), 1 + SL_QUERY_AGAIN_MAX);
    cr_assert_eq(driver.said[SL_DO_REJECTED], 1);
    cr_assert_eq(driver.rejected, SL_REJECT_NOT_READY);
    cr_assert_eq(driver.said[SL_DO_ANSWER], 0);
}

Test(query, a_list_waits_for_what_it_shows) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    driver.holds = true;
    driver_result(&driver, SL_OUTCOME_DONE); /* its commit is under way */
    driver_query(&driver, SL_QUERY_JOBS, (struct sl_job_id){{0}});
    struct sl_ledger_call call;
    struct sl_ledger_reply reply;
    while (driver_take(&driver, SL_LEDGER_READ_ENDED, &call) || driver_take(&driver, SL_LEDGER_READ_JOB, &call)) {
        driver_perform(&driver, &call, &reply);
        driver_deliver(&driver, &reply);
    }
    cr_assert_eq(driver.said[SL_DO_ANSWER], 0, "a completed job whose end may still be lost");
    go_on();
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1);
    cr_assert_eq(driver.answer_count, 1);
}

Test(query, history_that_a_settle_takes_along_is_waited_for) {
    driver_init(&driver, 0);
    struct sl_job_id job = driver_submit(&driver, 1, "job", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_query(&driver, SL_QUERY_EVENTS, job);
    uint32_t whole = driver.answer_count;
    cr_assert_gt(whole, 0);
    struct sl_ledger_call read, settle;
    struct sl_ledger_reply reply;
    driver.holds = true;
    driver_query(&driver, SL_QUERY_EVENTS, job);
    cr_assert(driver_take(&driver, SL_LEDGER_READ_JOB, &read));
    driver_perform(&driver, &read, &reply);
    driver_await(&driver, SL_LEDGER_SETTLE, &settle);
    driver_deliver(&driver, &reply);
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1, "the settle that took the events is not there yet");
    driver_perform(&driver, &settle, &reply);
    driver_deliver(&driver, &reply);
    go_on();
    cr_assert_eq(driver.said[SL_DO_ANSWER], 2);
    cr_assert_geq(driver.answer_count, whole, "%u of %u", driver.answer_count, whole);
}

Test(query, a_job_that_ends_while_it_is_listed_is_listed_once) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    driver_result(&driver, SL_OUTCOME_DONE); /* in memory until its record is there */
    struct sl_ledger_call call, settle;
    struct sl_ledger_reply reply;
    driver.holds = true;
    driver_query(&driver, SL_QUERY_JOBS, (struct sl_job_id){{0}});
    driver_await(&driver, SL_LEDGER_SETTLE, &settle);
    driver_perform(&driver, &settle, &reply);
    driver_deliver(&driver, &reply);
    while (driver_take(&driver, SL_LEDGER_READ_ENDED, &call) || driver_take(&driver, SL_LEDGER_READ_JOB, &call)) {
        driver_perform(&driver, &call, &reply);
        driver_deliver(&driver, &reply);
    }
    go_on();
    cr_assert_eq(driver.said[SL_DO_ANSWER], 1);
    cr_assert_eq(driver.answer_count, 1);
}

Test(query, a_state_key_that_is_not_there_has_neighbours) {
    char text[SL_ID_TEXT_SIZE];
    driver_init(&driver, 0);
    struct sl_job_id job = driver_submit(&driver, 0, "job", false);
    struct sl_event query = {.kind = SL_EV_QUERY};
    sl_id_to_text(job.bytes, text);
    query.query = (struct sl_ev_query){.peer = DRIVER_PEER_CLIENT, .message_id = 2, .what = SL_QUERY_OUTPUT, .job = sl_text(text),
                                       .name = sl_text("missing")};
    driver_step(&driver, &query);
    cr_assert_str_eq(driver.rejected_text, "the run state of this job has no key \"missing\"");
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_step(&driver, &query);
    cr_assert_str_eq(driver.rejected_text, "the run state of this job has no key \"missing\"; it has: k0");
}
