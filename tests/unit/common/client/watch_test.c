/* Watches: they survive lost messages, gaps, and brokers that start anew. */
#include "talk.h"

#include "base/err.h"

#include <criterion/criterion.h>

static void watch(struct talk *talk, uint8_t job) {
    cr_assert_eq(sl_session_watch(talk->session, talk->now, talk_job(job)), SL_OK);
    talk_drain(talk);
}

Test(watch, asks_once_and_tells_each_newer_state) {
    struct talk talk;
    talk_init(&talk, 8);
    watch(&talk, 1);
    cr_assert_eq(talk.sent_count, 1u);
    cr_assert_eq(talk.sent[0].type, SL_WIRE_WATCH);
    talk_change(&talk, 1, 5, "queued", 0);
    talk_change(&talk, 1, 7, "processing", 0);
    talk_change(&talk, 1, 6, "queued", 0); /* an older snapshot */
    talk_change(&talk, 1, 7, "processing", 0);
    cr_assert_eq(talk.change_count, 2u);
    cr_assert_eq(talk.changes[0], 5u);
    cr_assert_eq(talk.changes[1], 7u);
    talk_fini(&talk);
}

Test(watch, two_states_that_rest_on_one_write_are_both_told) {
    struct talk talk;
    talk_init(&talk, 8);
    watch(&talk, 1);
    talk_change(&talk, 1, 5, "processing", 0);
    talk_change(&talk, 1, 5, "processing", 0);
    cr_assert_eq(talk.change_count, 1u);
    talk_change(&talk, 1, 5, "completed", 0);
    cr_assert_eq(talk.change_count, 2u);
    cr_assert_eq(sl_session_watch_count(talk.session), 0u);
    talk_fini(&talk);
}

Test(watch, ends_with_the_last_state) {
    static const char *const last[] = {"completed", "failed", "cancelled", "unknown"};
    for (size_t i = 0; i < 4; i++) {
        struct talk talk;
        talk_init(&talk, 8);
        watch(&talk, 1);
        talk_change(&talk, 1, 5, last[i], 0);
        cr_assert_eq(talk.change_count, 1u);
        cr_assert_eq(sl_session_watch_count(talk.session), 0u);
        talk_clear(&talk);
        talk_pass_ms(&talk, 60000);
        cr_assert_eq(talk.sent_count, 0u, "%s", last[i]);
        talk_fini(&talk);
    }
}

Test(watch, asks_again_after_a_gap) {
    struct talk talk;
    talk_init(&talk, 8);
    watch(&talk, 1);
    watch(&talk, 2);
    talk_clear(&talk);
    talk_change(&talk, 1, 5, "queued", 3);
    cr_assert_eq(talk.sent_count, 1u);
    cr_assert_eq(talk.sent_watches[0], 2u);
    talk_fini(&talk);
}

Test(watch, asks_again_when_nothing_is_heard_and_then_reconnects) {
    struct talk talk;
    talk_init(&talk, 8);
    watch(&talk, 1);
    talk_change(&talk, 1, 5, "queued", 0);
    talk_clear(&talk);
    talk_pass_ms(&talk, 1100); /* a broker that started anew does not know who watches */
    cr_assert_eq(talk.sent_count, 1u);
    cr_assert_eq(talk.connect_count, 0u);
    talk_pass_ms(&talk, 3000); /* not even an answer to that */
    cr_assert_geq(talk.connect_count, 1u);
    cr_assert_geq(talk.sent_count, 2u);
    talk_change(&talk, 1, 9, "completed", 0);
    cr_assert_eq(talk.change_count, 1u);
    talk_fini(&talk);
}

Test(watch, asks_rarely_while_the_answers_stay_the_same) {
    struct talk talk;
    talk_init(&talk, 8);
    watch(&talk, 1);
    talk_change(&talk, 1, 5, "processing", 0);
    talk_clear(&talk);
    for (int i = 0; i < 600; i++) {
        uint32_t before = talk.sent_count;
        talk_pass_ms(&talk, 100);
        if (talk.sent_count > before) talk_change(&talk, 1, 5, "processing", 0);
    }
    cr_assert_eq(talk.connect_count, 0u);
    cr_assert_geq(talk.sent_count, 12u);
    cr_assert_leq(talk.sent_count, 20u);
    cr_assert_eq(talk.change_count, 0u);
    talk_fini(&talk);
}

Test(watch, asks_again_on_a_new_connection) {
    struct talk talk;
    talk_init(&talk, 8);
    watch(&talk, 1);
    talk_change(&talk, 1, 5, "processing", 0);
    talk_clear(&talk);
    sl_session_reset(talk.session, talk.now);
    talk_drain(&talk);
    cr_assert_eq(talk.sent_count, 1u);
    talk_fini(&talk);
}

Test(watch, many_jobs_go_in_several_messages) {
    struct talk talk;
    talk_init(&talk, 8);
    for (uint32_t i = 0; i < 40000; i++) {
        struct sl_job_id job = {{(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16)}};
        cr_assert_eq(sl_session_watch(talk.session, talk.now, job), SL_OK);
    }
    talk_drain(&talk);
    cr_assert_eq(talk.sent_count, 3u);
    cr_assert_eq(talk.sent_watches[0] + talk.sent_watches[1] + talk.sent_watches[2], 40000u);
    sl_session_unwatch(talk.session, talk_job(0));
    cr_assert_eq(sl_session_watch_count(talk.session), 39999u);
    talk_fini(&talk);
}

Test(watch, the_same_job_twice_is_one) {
    struct talk talk;
    talk_init(&talk, 8);
    watch(&talk, 1);
    watch(&talk, 1);
    cr_assert_eq(sl_session_watch_count(talk.session), 1u);
    cr_assert_eq(talk.sent_count, 1u);
    talk_fini(&talk);
}
