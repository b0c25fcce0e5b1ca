/* Requests: every way in which a message can be lost, and what is said when nothing is known. */
#include "talk.h"

#include "base/err.h"
#include "base/rng.h"

#include <criterion/criterion.h>

Test(session, sends_a_request_once_when_it_is_answered) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 30000);
    cr_assert_eq(talk.sent_count, 1u);
    cr_assert_eq(talk.sent[0].type, SL_WIRE_SUBMIT);
    cr_assert_eq(talk.sent[0].message_id, id);
    cr_assert_not(talk.sent_again[0]);
    talk_accept(&talk, id);
    talk_pass_ms(&talk, 60000);
    cr_assert_eq(talk.sent_count, 1u);
    cr_assert_eq(talk.done_count, 1u);
    cr_assert_eq(talk.done[0].id, id);
    cr_assert_eq(talk.done[0].end, SL_CALL_ANSWERED);
    cr_assert_eq(talk.done[0].type, SL_WIRE_ACCEPTED);
    cr_assert_eq(sl_session_open_count(talk.session), 0u);
    talk_fini(&talk);
}

Test(session, sends_the_same_again_on_a_new_connection_when_there_is_silence) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 30000);
    talk_clear(&talk);
    talk_pass_ms(&talk, 1300);
    cr_assert_eq(talk.connect_count, 1u);
    cr_assert_eq(talk.sent_count, 1u);
    cr_assert_eq(talk.sent[0].message_id, id);
    cr_assert(talk.sent_again[0], "the broker must look the job up");
    talk_accept(&talk, id);
    cr_assert_eq(talk.done_count, 1u);
    talk_fini(&talk);
}

Test(session, does_not_reconnect_when_others_are_answered) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t lost = talk_submit(&talk, 30000);
    uint64_t heard = talk_submit(&talk, 30000);
    talk_pass_ms(&talk, 100);
    talk_accept(&talk, heard);
    talk_clear(&talk);
    talk_pass_ms(&talk, 1300);
    cr_assert_eq(talk.connect_count, 0u);
    cr_assert_eq(talk.sent_count, 1u);
    cr_assert_eq(talk.sent[0].message_id, lost);
    talk_fini(&talk);
}

Test(session, waits_longer_with_each_repetition) {
    struct talk talk;
    talk_init(&talk, 8);
    (void)talk_submit(&talk, 3600000);
    talk_pass_ms(&talk, 60000);
    cr_assert_geq(talk.sent_count, 6u);
    cr_assert_leq(talk.sent_count, 13u);
    talk_fini(&talk);
}

Test(session, says_unknown_when_the_deadline_comes_without_an_answer) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 3000);
    talk_pass_ms(&talk, 2999);
    cr_assert_eq(talk.done_count, 0u);
    talk_pass_ms(&talk, 1);
    cr_assert_eq(talk.done_count, 1u);
    cr_assert_eq(talk.done[0].id, id);
    cr_assert_eq(talk.done[0].end, SL_CALL_UNKNOWN);
    talk_accept(&talk, id); /* too late: it is nobody's */
    cr_assert_eq(talk.done_count, 1u);
    talk_fini(&talk);
}

Test(session, says_unsent_when_nothing_ever_left) {
    struct talk talk;
    talk_init(&talk, 8);
    talk.can_send = false;
    (void)talk_submit(&talk, 3000);
    talk_pass_ms(&talk, 3000);
    cr_assert_eq(talk.sent_count, 0u);
    cr_assert_eq(talk.done_count, 1u);
    cr_assert_eq(talk.done[0].end, SL_CALL_UNSENT);
    talk_fini(&talk);
}

Test(session, a_send_that_failed_was_not_sent) {
    struct talk talk;
    talk_init(&talk, 8);
    talk.can_send = false;
    (void)talk_submit(&talk, 3000);
    struct sl_session_effect effect;
    cr_assert(sl_session_next(talk.session, talk.now, true, &effect));
    cr_assert_eq(effect.kind, SL_SESSION_SEND);
    sl_session_send_failed(talk.session);
    talk_pass_ms(&talk, 3000);
    cr_assert_eq(talk.done[0].end, SL_CALL_UNSENT);
    talk_fini(&talk);
}

Test(session, a_refusal_for_good_ends_the_request) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 30000);
    talk_reject(&talk, id, "unknown-pipeline", false, 0);
    cr_assert_eq(talk.done_count, 1u);
    cr_assert_eq(talk.done[0].end, SL_CALL_REFUSED);
    cr_assert_str_eq(talk.done_text[0], "because");
    talk_fini(&talk);
}

Test(session, a_refusal_for_now_is_tried_again_after_the_time_it_says) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 30000);
    talk_clear(&talk);
    talk_reject(&talk, id, "backpressure", true, 700);
    talk_pass_ms(&talk, 699);
    cr_assert_eq(talk.sent_count, 0u);
    talk_pass_ms(&talk, 1);
    cr_assert_eq(talk.sent_count, 1u);
    talk_accept(&talk, id);
    cr_assert_eq(talk.done[0].end, SL_CALL_ANSWERED);
    talk_fini(&talk);
}

Test(session, refused_to_the_end_is_known_to_have_done_nothing) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 1000);
    talk_reject(&talk, id, "not-ready", true, 2000);
    talk_pass_ms(&talk, 1000);
    cr_assert_eq(talk.done_count, 1u);
    cr_assert_eq(talk.done[0].end, SL_CALL_REFUSED);
    cr_assert_str_eq(talk.done_text[0], "because");
    talk_fini(&talk);
}

Test(session, refused_once_after_a_lost_answer_is_unknown) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 4000);
    talk_pass_ms(&talk, 1300); /* the first copy may have been taken */
    cr_assert_eq(talk.sent_count, 2u);
    talk_reject(&talk, id, "not-ready", true, 10000);
    talk_pass_ms(&talk, 4000);
    cr_assert_eq(talk.done_count, 1u);
    cr_assert_eq(talk.done[0].end, SL_CALL_UNKNOWN);
    cr_assert_str_eq(talk.done_text[0], "because", "the last word of the broker is kept");
    talk_fini(&talk);
}

Test(session, a_reset_sends_everything_again_but_not_in_a_storm) {
    struct talk talk;
    talk_init(&talk, 8);
    for (int i = 0; i < 3; i++) (void)talk_submit(&talk, 30000);
    talk_clear(&talk);
    talk_reset(&talk);
    cr_assert_eq(talk.sent_count, 0u);
    talk_pass_ms(&talk, 150);
    cr_assert_eq(talk.sent_count, 3u);
    talk_fini(&talk);
}

Test(session, an_answer_twice_counts_once) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 30000);
    talk_accept(&talk, id);
    talk_accept(&talk, id);
    talk_reject(&talk, id, "conflict", false, 0);
    cr_assert_eq(talk.done_count, 1u);
    talk_fini(&talk);
}

Test(session, an_answer_to_an_older_copy_ends_a_request_that_waits_for_its_turn) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 30000);
    talk_reset(&talk); /* the request is delayed, the answer was on its way */
    talk_accept(&talk, id);
    cr_assert_eq(talk.done_count, 1u);
    talk_clear(&talk);
    talk_pass_ms(&talk, 5000);
    cr_assert_eq(talk.sent_count, 0u);
    talk_fini(&talk);
}

Test(session, takes_no_more_than_its_window) {
    struct talk talk;
    talk_init(&talk, 2);
    uint64_t first = talk_submit(&talk, 30000);
    (void)talk_submit(&talk, 30000);
    cr_assert_not(sl_session_has_room(talk.session));
    cr_assert_eq(sl_session_start(talk.session, talk.now, sl_buf_bytes(&talk.frame), UINT64_MAX), SL_E_AGAIN);
    talk_accept(&talk, first);
    cr_assert(sl_session_has_room(talk.session));
    (void)talk_submit(&talk, 30000);
    talk_fini(&talk);
}

Test(session, the_place_of_a_request_is_free_when_its_end_is_told) {
    struct talk talk;
    talk_init(&talk, 1);
    uint64_t id = talk_submit(&talk, 30000);
    struct sl_wire_accepted accepted = {.re = id, .job = talk_job(1), .run = 1};
    sl_buf_clear(&talk.frame);
    cr_assert_eq(sl_wire_accepted_encode(&talk.frame, 1, &accepted), SL_OK);
    cr_assert_eq(sl_session_receive(talk.session, talk.now, sl_buf_bytes(&talk.frame)), SL_OK);
    struct sl_session_effect effect;
    cr_assert(sl_session_next(talk.session, talk.now, true, &effect));
    cr_assert_eq(effect.kind, SL_SESSION_DONE);
    cr_assert(sl_session_has_room(talk.session));
    (void)talk_submit(&talk, 30000);
    cr_assert_not(sl_session_has_room(talk.session));
    talk_fini(&talk);
}

Test(session, ignores_what_it_does_not_understand) {
    struct talk talk;
    talk_init(&talk, 8);
    uint64_t id = talk_submit(&talk, 30000);
    cr_assert_eq(sl_session_receive(talk.session, talk.now, sl_text("")), SL_E_BAD_INPUT);
    cr_assert_eq(sl_session_receive(talk.session, talk.now, sl_text("not a frame of ours at all")), SL_E_BAD_INPUT);
    uint8_t unknown[17] = {'S', 'L', 'U', '1', 99, 0, 1};
    unknown[16] = 0x80;
    cr_assert_eq(sl_session_receive(talk.session, talk.now, sl_bytes(unknown, sizeof unknown)), SL_E_BAD_INPUT);
    talk_accept(&talk, id);
    cr_assert_eq(talk.done_count, 1u);
    talk_fini(&talk);
}

/* Any mixture of loss, delay and refusal: each request ends exactly once, and none is lost. */
Test(session, every_request_ends_exactly_once_whatever_is_lost) {
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct talk talk;
        talk_init(&talk, 16);
        struct sl_rng rng = {.state = seed};
        uint64_t ids[8];
        for (int i = 0; i < 8; i++) ids[i] = talk_submit(&talk, 20000);
        for (int step = 0; step < 60; step++) {
            uint64_t id = ids[sl_rng_below(&rng, 8)];
            switch (sl_rng_below(&rng, 5)) {
            case 0: talk_reject(&talk, id, "backpressure", true, (uint32_t)sl_rng_below(&rng, 500)); break;
            case 1: talk_reset(&talk); break;
            case 2: talk_accept(&talk, id); break;
            default: talk_pass_ms(&talk, sl_rng_below(&rng, 700)); break;
            }
            talk.sent_count = 0;
        }
        for (int i = 0; i < 30; i++) {
            talk.sent_count = 0;
            talk_pass_ms(&talk, 1000);
        }
        cr_assert_eq(talk.done_count, 8u, "seed %llu", (unsigned long long)seed);
        for (int i = 0; i < 8; i++) {
            int seen = 0;
            for (uint32_t k = 0; k < talk.done_count; k++) seen += talk.done[k].id == ids[i];
            cr_assert_eq(seen, 1);
        }
        cr_assert_eq(sl_session_deadline(talk.session), UINT64_MAX);
        talk_fini(&talk);
    }
}
