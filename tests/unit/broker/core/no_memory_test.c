/* Every allocation of a life of the core fails once: the step says so and has changed no job, and taken again it works. */
#include "base/err.h"
#include "base/outcome.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIVES_MAX = 160, MANY = 70 }; /* more than a list has room for at first */

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

/* ---- more lives: each is prepared with all memory there is, then lived with one allocation failing ---- */

struct life {
    void (*prepare)(void);
    void (*live)(void);
    bool (*is_good)(void); /* at its end */
};

static uint64_t ended_total(void) {
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    return figures.ended_total;
}

static void live_once(const struct life *life, uint64_t fail_at) {
    driver_init(&driver, 0);
    if (life->prepare) life->prepare();
    driver.memory.take_count = 0;
    if (fail_at) driver.memory.countdown = fail_at - 1;
    life->live();
    driver.memory.countdown = UINT64_MAX;
    cr_assert(life->is_good(), "allocation %llu", (unsigned long long)fail_at);
}

static void fail_each(const struct life *life) {
    live_once(life, 0);
    uint64_t count = driver.memory.take_count;
    driver_fini(&driver);
    uint32_t failed = 0, lived = 0;
    for (uint64_t fail_at = 1; fail_at <= count; fail_at += 1 + count / LIVES_MAX) {
        live_once(life, fail_at);
        lived++;
        failed += driver.memory.has_failed;
        driver_fini(&driver);
    }
    cr_assert_gt(count, 0);
    cr_assert_gt(failed, lived / 2, "only %u of %u failed", (unsigned)failed, (unsigned)lived);
}

static void say_hello(uint32_t slots, bool has_attempt) {
    struct sl_stage_type types[4];
    struct sl_event hello = {.kind = SL_EV_HELLO};
    for (uint32_t i = 0; i < 4; i++) types[i] = *sim_type(i);
    hello.hello = (struct sl_ev_hello){.peer = DRIVER_PEER_WORKER, .name = sl_text("w1"), .instance = {{7}}, .slots = slots,
                                       .types = types, .type_count = 4, .in_flight = &driver.assigned,
                                       .in_flight_count = has_attempt};
    driver_step(&driver, &hello);
}

static void lose_worker(void) {
    struct sl_event gone = {.kind = SL_EV_WORKER_GONE, .peer = DRIVER_PEER_WORKER};
    driver_step(&driver, &gone);
}

/* A worker sends what was not acknowledged again. */
static void set_field(void) {
    struct sl_event field = {.kind = SL_EV_FIELD};
    field.field = (struct sl_ev_field){.peer = DRIVER_PEER_WORKER, .message_id = 5, .token = driver.assigned,
                                       .name = sl_text("ready"), .value = sl_text("\xc3")};
    for (int tries = 0; tries < 3 && driver.said[SL_DO_FIELD_ACK] == 0; tries++) driver_step(&driver, &field);
}

static void beat(void) {
    struct sl_token foreign = driver.assigned;
    foreign.nonce++;
    struct sl_token tokens[2] = {driver.assigned, foreign};
    struct sl_event event = {.kind = SL_EV_HEARTBEAT};
    event.heartbeat = (struct sl_ev_heartbeat){.peer = DRIVER_PEER_WORKER, .slots = 4, .in_flight = tokens, .in_flight_count = 2};
    driver_step(&driver, &event);
}

static void submit_one(void) {
    (void)driver_submit(&driver, 0, "first", false);
}

/* The worker sets a field, beats, is lost, comes back with its attempt, and ends it. */
static void live_as_worker(void) {
    set_field();
    beat();
    lose_worker();
    say_hello(4, true);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 100);
}

static bool first_is_done(void) {
    return ended_total() == 1 && driver.said[SL_DO_FIELD_ACK] == 1 && driver.said[SL_DO_RESULT_ACK] > 0;
}

Test(no_memory, of_a_worker_that_comes_back) {
    const struct life life = {submit_one, live_as_worker, first_is_done};
    fail_each(&life);
}

/* The ledger is cut with a commit on its way, and comes back. */
static void live_with_a_cut(void) {
    struct sl_event down = {.kind = SL_EV_LEDGER_DOWN}, up = {.kind = SL_EV_LEDGER_UP};
    struct sl_ledger_call lost;
    driver.holds = true;
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_step(&driver, &down);
    for (int verb = SL_LEDGER_COMMIT; verb <= SL_LEDGER_READ_GONE; verb++)
        while (driver_take(&driver, (enum sl_ledger_verb)verb, &lost)) free((void *)(uintptr_t)lost.body.data);
    driver.holds = false;
    driver_step(&driver, &up);
    driver_wait(&driver, 200);
}

static bool one_ended(void) {
    return ended_total() == 1;
}

Test(no_memory, of_a_cut) {
    const struct life life = {submit_one, live_with_a_cut, one_ended};
    fail_each(&life);
}

/* A finished job is removed; its request comes again; a successor takes the shard; the tombstone goes. */
static void finish_one(void) {
    submit_one();
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 200);
    driver_keep(&driver, 300, 0, 3000);
}

static void live_through_a_removal(void) {
    driver_wait(&driver, 600);
    (void)driver_submit(&driver, 0, "first", true);
    driver_succeed(&driver, DRIVER_SHAPES);
    driver_wait(&driver, 4000);
}

static bool nothing_is_left(void) {
    size_t items = 0;
    for (uint16_t shard = 0; shard < 2; shard++) {
        static const enum sl_ledger_verb verbs[] = {SL_LEDGER_READ_ENDED, SL_LEDGER_READ_GONE};
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
            struct sl_ledger_call call = {.verb = verbs[i], .shard = shard, .count = 10};
            struct sl_ledger_reply reply;
            cr_assert_eq(ledger_twin_call(driver.twin, &call, &reply), 0);
            items += reply.item_count;
        }
    }
    return items == 0 && driver.said[SL_DO_ALARM] == 0 && driver.said[SL_DO_ACCEPTED] == 2;
}

Test(no_memory, of_a_removal) {
    const struct life life = {finish_one, live_through_a_removal, nothing_is_left};
    fail_each(&life);
}

static struct sl_token running;

/* A job of which an attempt runs, and jobs that wait, some of it settled and some in the log alone. */
static void leave_jobs(void) {
    (void)driver_submit(&driver, 1, "first", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    running = driver.assigned;
    lose_worker();
    for (int i = 0; i < 4; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        (void)driver_submit(&driver, 0, key, false);
        if (i == 1) driver_wait(&driver, 200);
    }
}

static void list(void) {
    struct sl_event query = {.kind = SL_EV_QUERY};
    uint32_t answers = driver.said[SL_DO_ANSWER];
    query.query = (struct sl_ev_query){.peer = DRIVER_PEER_CLIENT, .message_id = 2, .what = SL_QUERY_JOBS, .limit = 2 * MANY};
    for (int tries = 0; tries < 3 && driver.said[SL_DO_ANSWER] == answers; tries++) driver_step(&driver, &query);
}

/* Another core recovers the shards, and the worker comes to it with its attempt. */
static void live_as_successor(void) {
    driver_succeed(&driver, 4);
    lose_worker();
    driver.assigned = running;
    say_hello(4, true);
    driver.assigned = running;
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 100);
    list();
}

static bool all_are_there(void) {
    return ended_total() == 1 && driver.answer_count == 5;
}

Test(no_memory, of_a_recovery) {
    const struct life life = {leave_jobs, live_as_successor, all_are_there};
    fail_each(&life);
}

static void submit_many(void) {
    lose_worker();
    for (int i = 0; i < MANY; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        (void)driver_submit(&driver, 0, key, false);
    }
    driver_wait(&driver, 200);
}

static bool all_are_listed(void) {
    return driver.answer_count == MANY;
}

Test(no_memory, of_a_list) {
    const struct life life = {submit_many, list, all_are_listed};
    fail_each(&life);
}

static void drain(void) {
    struct sl_event event = {.kind = SL_EV_DRAIN};
    driver_step(&driver, &event);
    for (int i = 0; i < 100 && driver.said[SL_DO_DRAINED] == 0; i++) driver_wait(&driver, 10);
}

static bool is_drained(void) {
    return driver.said[SL_DO_DRAINED] == 1;
}

Test(no_memory, of_a_drain) {
    const struct life life = {leave_jobs, drain, is_drained};
    fail_each(&life);
}

Test(no_memory, of_a_new_core) {
    struct sl_sched_config config = sl_sched_config_default();
    struct sl_sched *core = NULL;
    config.incarnation = (struct sl_incarnation){{1}};
    config.shard_count = 2;
    uint32_t failed = 0;
    for (;; failed++) {
        struct sl_failing_alloc memory;
        sl_failing_alloc_init(&memory, failed);
        int rc = sl_sched_new(&memory.alloc, &config, &core);
        cr_assert(rc == SL_OK || (rc == SL_E_NO_MEMORY && !core));
        sl_sched_free(&core);
        cr_assert_eq(memory.live_blocks, 0, "allocation %u: %zu bytes were not given back", (unsigned)failed, memory.live_bytes);
        if (rc == SL_OK) break;
    }
    cr_assert_gt(failed, 1);
}
