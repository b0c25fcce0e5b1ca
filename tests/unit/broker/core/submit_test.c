/* Submitting and cancelling: what is a repetition, what a conflict, what a few digits of an id mean. */
#include "base/err.h"
#include "base/limits.h"
#include "core/sched_state.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct core_driver driver;

static void set_up(void) {
    driver_init(&driver, 0);
}

static void tear_down(void) {
    driver_fini(&driver);
}

TestSuite(submit, .init = set_up, .fini = tear_down);

enum key_kind { BY_KEY, BY_DOC, ONCE };

static struct sl_event submission(enum key_kind kind, const char *key, const char *payload) {
    static const char *const words[] = {"key", "doc", "once"};
    struct sl_event event = {.kind = SL_EV_SUBMIT};
    event.submit = (struct sl_ev_submit){.peer = DRIVER_PEER_CLIENT, .message_id = 1, .pipeline = sim_shape(0)->name,
                                         .tenant = sl_text("default"), .once = kind == ONCE,
                                         .payload = sl_text(payload)};
    if (kind == BY_KEY) event.submit.key = sl_text(key);
    if (kind == BY_DOC) event.submit.doc_key = sl_text(key);
    event.submit.id = sl_job_id_make(sl_text("salt"), sl_text("default"), words[kind], sl_text(key));
    return event;
}

/* The answer to a request: SL_DO_ACCEPTED or SL_DO_REJECTED. */
static enum sl_effect_kind answer(struct sl_event *event) {
    uint32_t accepted = driver.said[SL_DO_ACCEPTED], rejected = driver.said[SL_DO_REJECTED];
    driver_step(&driver, event);
    cr_assert_eq(driver.said[SL_DO_ACCEPTED] + driver.said[SL_DO_REJECTED], accepted + rejected + 1, "one answer a request");
    return driver.said[SL_DO_ACCEPTED] > accepted ? SL_DO_ACCEPTED : SL_DO_REJECTED;
}

static void expect_refused(struct sl_event *event, enum sl_reject code) {
    cr_assert_eq(answer(event), SL_DO_REJECTED);
    cr_assert_eq(driver.rejected, code, "%d", (int)driver.rejected);
}

/* Every kind of key against the same and another input, before the job ended, after that, and after it left the core's memory. */
static const struct {
    enum key_kind kind;
    const char *payload;
    bool conflict, duplicate;
} repetitions[] = {
    {BY_KEY, "\xa4same", false, true}, {BY_KEY, "\xa5other", true, false},
    {BY_DOC, "\xa4same", false, true}, {BY_DOC, "\xa5other", false, true},
    {ONCE, "\xa4same", false, false},  {ONCE, "\xa5other", true, false},
};

static void repeat_all(const char *when) {
    for (size_t i = 0; i < sizeof repetitions / sizeof *repetitions; i++) {
        struct sl_event again = submission(repetitions[i].kind, "k", repetitions[i].payload);
        again.submit.again = true;
        enum sl_effect_kind kind = answer(&again);
        cr_assert_eq(kind, repetitions[i].conflict ? SL_DO_REJECTED : SL_DO_ACCEPTED, "row %zu, %s", i, when);
        if (repetitions[i].conflict) {
            cr_assert_eq(driver.rejected, SL_REJECT_CONFLICT, "row %zu, %s", i, when);
        } else {
            cr_assert(sl_job_id_equal(driver.accepted.job, again.submit.id), "row %zu, %s", i, when);
            cr_assert_eq(driver.accepted.duplicate, repetitions[i].duplicate, "row %zu, %s", i, when);
        }
    }
}

Test(submit, a_repetition_is_told_from_a_conflict) {
    struct sl_sched_figures figures;
    for (int kind = BY_KEY; kind <= ONCE; kind++) {
        struct sl_event first = submission((enum key_kind)kind, "k", "\xa4same");
        cr_assert_eq(answer(&first), SL_DO_ACCEPTED);
        cr_assert_not(driver.accepted.duplicate);
    }
    repeat_all("under way");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 3, "one attempt a job, whatever was repeated");
    while (sl_sched_figures(driver.core, &figures), figures.ended_total < 3) {
        struct sl_event beat = {.kind = SL_EV_CANCEL_JOB};
        char text[SL_ID_TEXT_SIZE];
        sl_id_to_text(submission((enum key_kind)figures.ended_total, "k", "").submit.id.bytes, text);
        beat.cancel_job = (struct sl_ev_cancel_job){.peer = DRIVER_PEER_CLIENT, .message_id = 3, .job = sl_text(text)};
        driver_step(&driver, &beat);
    }
    repeat_all("ended");
    driver_wait(&driver, 1000);
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.jobs[SL_JOB_CANCELLED], 0);
    repeat_all("stored");
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.ended_total, 3, "nothing was made again");
}

Test(submit, other_tenants_and_kinds_are_other_jobs) {
    struct sl_bytes salt = sl_text("salt");
    struct sl_job_id ids[] = {
        sl_job_id_make(salt, sl_text("a"), "key", sl_text("k")),  sl_job_id_make(salt, sl_text("b"), "key", sl_text("k")),
        sl_job_id_make(salt, sl_text("a"), "doc", sl_text("k")),  sl_job_id_make(salt, sl_text("a"), "once", sl_text("k")),
        sl_job_id_make(salt, sl_text("a"), "key", sl_text("kk")), sl_job_id_make(sl_text("x"), sl_text("a"), "key", sl_text("k")),
        sl_job_id_make(salt, sl_text("ak"), "ey", sl_text("k")),
    };
    size_t count = sizeof ids / sizeof *ids;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) cr_assert_not(sl_job_id_equal(ids[i], ids[k]), "%zu and %zu", i, k);
}

Test(submit, what_cannot_be_taken_is_refused_by_its_name) {
    struct sl_event event = submission(ONCE, "1", "\xc0");
    event.submit.pipeline = sl_text("p9");
    expect_refused(&event, SL_REJECT_UNKNOWN_PIPELINE);
    event = submission(ONCE, "2", "\xc0");
    event.submit.version = sl_text("1999-01-01");
    expect_refused(&event, SL_REJECT_UNKNOWN_PIPELINE);
    static uint8_t large[SL_VALUE_BYTES_MAX + 1];
    event = submission(ONCE, "3", "\xc0");
    event.submit.payload = sl_bytes(large, sizeof large);
    expect_refused(&event, SL_REJECT_TOO_LARGE);
    struct sl_event pressure = {.kind = SL_EV_PRESSURE, .on = true};
    driver_step(&driver, &pressure);
    event = submission(ONCE, "4", "\xc0");
    expect_refused(&event, SL_REJECT_BACKPRESSURE);
    pressure.on = false;
    driver_step(&driver, &pressure);
    cr_assert_eq(answer(&event), SL_DO_ACCEPTED);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 1);
}

/* A job without a key whose request came as a repetition; done, and out of memory. Then its first copy comes, perhaps to a successor. */
static void send_first_copy_late(bool to_successor) {
    struct sl_job_id id = sl_job_id_make(sl_text("salt"), sl_text("default"), "once", sl_text("0123456789abcdef"));
    struct sl_event submit = {.kind = SL_EV_SUBMIT};
    submit.submit = (struct sl_ev_submit){.peer = DRIVER_PEER_CLIENT, .message_id = 1, .again = true, .once = true,
                                          .pipeline = sim_shape(0)->name, .tenant = sl_text("default"), .id = id,
                                          .payload = sl_text("\xa7payload")};
    cr_assert_eq(answer(&submit), SL_DO_ACCEPTED);
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 300);
    uint32_t assigned = driver.said[SL_DO_ASSIGN];
    if (to_successor) driver_succeed(&driver, DRIVER_SHAPES);
    submit.submit.again = false;
    cr_assert_eq(answer(&submit), SL_DO_ACCEPTED);
    cr_assert_eq(driver.accepted.state, SL_JOB_COMPLETED);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], assigned, "it is not done again");
}

/* Sent over a connection that broke, repeated over a new one, and still coming: libzmq hands over the repetition first. */
Test(submit, a_first_copy_that_comes_late_is_the_same_job) {
    send_first_copy_late(false);
}

/* The owner before was sent the repetition, and did the job; its successor is sent the first copy. */
Test(submit, a_first_copy_that_comes_after_a_takeover_is_the_same_job) {
    send_first_copy_late(true);
}

Test(submit, a_broker_that_stops_takes_nothing_new) {
    struct sl_event drain = {.kind = SL_EV_DRAIN}, event = submission(ONCE, "1", "\xc0");
    driver_step(&driver, &drain);
    expect_refused(&event, SL_REJECT_NOT_READY);
}

/* Ids as a test wants them: two that begin alike. */
static struct sl_job_id id_of(uint8_t first, uint8_t last) {
    struct sl_job_id id = {{0xab, 0xcd, first}};
    id.bytes[15] = last;
    sl_id_mark_v8(id.bytes);
    return id;
}

static void submit_as(struct sl_job_id id, const char *key) {
    struct sl_event event = submission(ONCE, key, "\xc0");
    event.submit.id = id;
    cr_assert_eq(answer(&event), SL_DO_ACCEPTED);
}

static struct sl_event cancellation(const char *job) {
    struct sl_event event = {.kind = SL_EV_CANCEL_JOB};
    event.cancel_job = (struct sl_ev_cancel_job){.peer = DRIVER_PEER_CLIENT, .message_id = 3, .job = sl_text(job)};
    return event;
}

Test(submit, digits_of_an_id_mean_one_job_or_none) {
    static const struct {
        const char *digits;
        int refusal; /* -1: one job is meant */
    } rows[] = {
        {"ffff", SL_REJECT_UNKNOWN_JOB}, {"abcd", SL_REJECT_AMBIGUOUS_JOB}, {"abcd02", -1},
        {"01020304-0506-8708-890a-0b0c0d0e0f10", SL_REJECT_UNKNOWN_JOB},
    };
    submit_as(id_of(1, 1), "1");
    submit_as(id_of(2, 2), "2");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_event event = cancellation(rows[i].digits);
        uint32_t cancelled = driver.said[SL_DO_CANCELLED], rejected = driver.said[SL_DO_REJECTED];
        driver_step(&driver, &event);
        cr_assert_eq(driver.said[SL_DO_CANCELLED], cancelled + (rows[i].refusal < 0), "%s", rows[i].digits);
        cr_assert_eq(driver.said[SL_DO_REJECTED], rejected + (rows[i].refusal >= 0), "%s", rows[i].digits);
        if (rows[i].refusal >= 0) cr_assert_eq((int)driver.rejected, rows[i].refusal, "%s", rows[i].digits);
    }
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.ended_total, 1, "the other job goes on");
}

Test(submit, a_job_is_cancelled_once_and_its_worker_is_told) {
    submit_as(id_of(1, 1), "1");
    struct sl_event event = cancellation("abcd01");
    driver_step(&driver, &event);
    cr_assert_eq(driver.said[SL_DO_CANCEL], 1);
    cr_assert_eq(driver.said[SL_DO_CANCELLED], 1);
    driver_step(&driver, &event);
    cr_assert_eq(driver.said[SL_DO_CANCELLED], 2, "asked again, it says the same");
    driver_result(&driver, SL_OUTCOME_DONE);
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    cr_assert_eq(figures.ended_total, 1);
    cr_assert_eq(figures.stale, 1, "a result that comes too late has no effect");
}

Test(submit, a_queued_job_that_is_not_in_memory_is_cancelled_too) {
    enum { BACKLOG = 200 };
    char key[16], text[SL_ID_TEXT_SIZE];
    struct sl_job_id last = {{0}};
    for (int i = 0; i < BACKLOG; i++) {
        snprintf(key, sizeof key, "%d", i);
        struct sl_event event = submission(ONCE, key, "\xc0");
        last = event.submit.id;
        cr_assert_eq(answer(&event), SL_DO_ACCEPTED);
    }
    driver_wait(&driver, 3000);
    const struct sl_job *job = sl_job_find(&driver.core->shards[sl_job_shard(last, 2)].table, last);
    cr_assert(job && !job->facts, "it was settled and given back");
    sl_id_to_text(last.bytes, text);
    struct sl_event event = cancellation(text);
    driver_step(&driver, &event);
    cr_assert_eq(driver.said[SL_DO_CANCELLED], 1);
}
