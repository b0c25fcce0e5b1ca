/* The agent, a rule a test. */
#include "agent_fixture.h"

#include "base/err.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

AGENT_SUITE(agent, 1);

static void assert_text(struct sl_bytes actual, const char *expected) {
    cr_assert(sl_bytes_is(actual, expected), "\"%.*s\" instead of \"%s\"", (int)actual.size, (const char *)actual.data, expected);
}

/* The first word to a broker, and what is known then. */
Test(agent, greets_when_connected_and_offers_its_slots) {
    struct agent_fixture other;
    fixture_new(&other, 1);
    fixture_tell(&other, SL_AGENT_START);
    cr_assert_eq(fixture_count(&other, SL_AGENT_DO_HOST_START), HOSTS);
    fixture_tell(&other, SL_AGENT_CONNECTED);
    cr_assert_eq(fixture_first(&other, SL_AGENT_DO_HELLO)->beat.slots, HOSTS * 2);
    fixture_free(&other);
}

Test(agent, gives_a_task_to_an_idle_host_with_its_pipeline_once) {
    struct sl_token first = fixture_assign(fx, STAGE_PLAIN, 1000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_DEFINE), 1);
    uint32_t host = fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host;
    assert_text(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->give.task->input, "input");
    fixture_done(fx, host, &first, 2000);
    assert_text(fixture_result(fx, &first)->output, "output");
    (void)fixture_assign(fx, STAGE_PLAIN, 1000);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, host, "the host that was busy last is warm");
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_DEFINE), 0);
}

Test(agent, runs_a_stage_inline_if_its_type_may) {
    struct sl_token token = fixture_assign(fx, STAGE_INLINE, 1000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_INLINE), 1);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_GIVE), 0);
    struct sl_agent_event event = {.kind = SL_AGENT_INLINE_FIELD, .nonce = token.nonce};
    event.field.name = sl_text("ready");
    event.field.value = sl_text("\xc3");
    fixture_step(fx, event);
    uint64_t message_id = fixture_first(fx, SL_AGENT_DO_FIELD)->field.message_id;
    event = (struct sl_agent_event){.kind = SL_AGENT_INLINE_DONE};
    event.done.token = token;
    fixture_step(fx, event);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0, "the field is not acknowledged");
    event = (struct sl_agent_event){.kind = SL_AGENT_FIELD_ACK};
    event.message_id = message_id;
    fixture_step(fx, event);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_DONE);
}

Test(agent, returns_a_task_without_a_free_slot) {
    for (int i = 0; i < 2 * HOSTS; i++) {
        (void)fixture_assign(fx, STAGE_PLAIN, 1000);
        cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    }
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_RETURNED);
    assert_text(fixture_result(fx, &token)->error, "no free slot");
}

Test(agent, returns_a_task_whose_pipeline_it_does_not_know) {
    fx->digest.bytes[0] ^= 1;
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_RETURNED);
    fx->digest.bytes[0] ^= 1;
    token = fixture_assign(fx, STAGE_COUNT, 1000);
    assert_text(fixture_result(fx, &token)->error, "the pipeline has no such stage");
}

Test(agent, refuses_a_pipeline_that_is_none_and_a_shard_that_cannot_be) {
    struct sl_agent_event event = {.kind = SL_AGENT_DEFINE};
    event.define.canonical = sl_text("\x93");
    fixture_step(fx, event);
    cr_assert_neq(fx->rc, SL_OK);
    struct sl_token token = {.shard = SL_SHARDS_MAX, .nonce = 5};
    fixture_assign_token(fx, &token, 1000);
    cr_assert_eq(fx->rc, SL_E_BAD_INPUT);
    token.shard = SL_SHARDS_MAX - 1;
    fixture_assign_token(fx, &token, 1000);
    cr_assert_eq(fx->rc, SL_OK);
}

Test(agent, ignores_a_task_that_it_has) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    uint32_t host = fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host;
    fixture_assign_token(fx, &token, 1000);
    cr_assert_eq(fx->effects.count, 0);
    fixture_done(fx, host, &token, 2000);
    fixture_assign_token(fx, &token, 1000);
    assert_text(fixture_result(fx, &token)->output, "output");
}

Test(agent, refuses_an_epoch_below_the_highest_of_the_shard) {
    fx->epoch = 9;
    (void)fixture_assign(fx, STAGE_PLAIN, 1000);
    fx->epoch = 8;
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_RETURNED);
    token = (struct sl_token){.shard = 3, .epoch = 8, .nonce = 77};
    fixture_assign_token(fx, &token, 1000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_GIVE), 1, "another shard has its own epochs");
}

Test(agent, repeats_a_result_slower_and_slower_until_it_is_acknowledged) {
    static const uint64_t waits_ms[] = {1000, 2000, 4000, 8000, 10000, 10000};
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_done(fx, 1, &token, 2000);
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        for (uint64_t ms = 500; ms < waits_ms[i]; ms += 500) {
            fixture_pass(fx, 500);
            cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
            fixture_tell(fx, SL_AGENT_BEAT);
        }
        fixture_pass(fx, 500);
        cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 1);
        fixture_tell(fx, SL_AGENT_BEAT);
    }
    fixture_ack(fx, &token);
    for (int i = 0; i < 40; i++) {
        fixture_pass(fx, 500);
        cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
        fixture_tell(fx, SL_AGENT_BEAT);
    }
}

Test(agent, offers_everything_again_after_a_reset) {
    struct sl_token done = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_done(fx, 1, &done, 2000);
    (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_tell(fx, SL_AGENT_RESET);
    const struct sl_agent_beat *hello = &fixture_first(fx, SL_AGENT_DO_HELLO)->beat;
    cr_assert_eq(hello->in_flight_count, 3);
    cr_assert_eq(hello->result_count, 1);
    fixture_tell(fx, SL_AGENT_RESET);
    cr_assert_eq(fx->effects.count, 0, "it is greeting already");
    fixture_welcome(fx);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 1);
}

Test(agent, says_hello_again_when_what_it_offers_has_changed) {
    (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_tell(fx, SL_AGENT_OFFERS);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HELLO)->beat.in_flight_count, 1);
    fixture_tell(fx, SL_AGENT_OFFERS);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HELLO), 1, "the HELLO on its way does not say it");
    fixture_welcome(fx);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HELLO), 0);
}

Test(agent, sends_no_result_while_nobody_knows_it) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_tell(fx, SL_AGENT_RESET);
    fixture_done(fx, 1, &token, 2000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    fixture_welcome(fx);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 1);
}

Test(agent, repeats_hello_until_it_is_welcomed) {
    fixture_tell(fx, SL_AGENT_BROKER_BYE);
    fixture_pass(fx, 2 * HEARTBEAT_MS);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HELLO), 1);
    fixture_pass(fx, 2 * HEARTBEAT_MS);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HELLO), 1);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HEARTBEAT), 0);
}

Test(agent, answers_the_beat_of_its_broker) {
    fixture_pass(fx, HEARTBEAT_MS * 6 / 10);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HEARTBEAT), 0);
    fixture_tell(fx, SL_AGENT_BEAT);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HEARTBEAT), 1);
    fixture_tell(fx, SL_AGENT_BEAT);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HEARTBEAT), 0, "not twice in half the time");
}

Test(agent, beats_with_what_runs_and_what_waits) {
    for (int i = 0; i < 3; i++) (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_pass(fx, HEARTBEAT_MS);
    const struct sl_agent_beat *beat = &fixture_first(fx, SL_AGENT_DO_HEARTBEAT)->beat;
    cr_assert_eq(beat->session, 7);
    cr_assert_eq(beat->slots, 2 * HOSTS);
    cr_assert_eq(beat->in_flight_count, 2);
    cr_assert_eq(beat->waiting_count, 1);
}

Test(agent, connects_again_when_the_broker_is_silent_and_goes_on) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_pass(fx, LOST_MS - 1);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RECONNECT), 0);
    fixture_pass(fx, 1);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RECONNECT), 1);
    cr_assert_eq(sl_agent_deadline(fx->agent), fx->now + (60000ull - LOST_MS) * 1000000u, "the attempt's time still runs");
    fixture_tell(fx, SL_AGENT_CONNECTED);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HELLO)->beat.in_flight_count, 1);
    fixture_done(fx, 1, &token, 2000);
    fixture_welcome(fx);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 1);
}

Test(agent, stops_an_attempt_at_its_timeout_and_kills_it_after_the_grace) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_pass(fx, 999);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_SIGNAL), 0);
    fixture_pass(fx, 1);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGTERM);
    fixture_tell(fx, SL_AGENT_BEAT);
    fixture_pass(fx, GRACE_MS - 1);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_SIGNAL), 0);
    fixture_tell(fx, SL_AGENT_BEAT);
    fixture_pass(fx, 1);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0, "not before it is dead");
    fixture_died(fx, 1, SIGKILL, 0, true);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_TIMEOUT);
    assert_text(fixture_result(fx, &token)->error, "timed out after 1000 ms");
    assert_text(fixture_result(fx, &token)->detail, "signal: SIGKILL\nlast words\n");
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_START), 1);
}

Test(agent, counts_a_timeout_although_the_stage_ends_in_the_grace) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_PROGRESS, .host = 1, .nonce = token.nonce};
    event.progress.done = 3;
    event.progress.total = 10;
    fixture_step(fx, event);
    fixture_pass(fx, 1000);
    fixture_done(fx, 1, &token, 1000500);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_TIMEOUT);
    assert_text(fixture_result(fx, &token)->error, "timed out after 1000 ms; it had done 3 of 10");
    (void)fixture_assign(fx, STAGE_PLAIN, 1000);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, 0, "a host that was told to stop gets nothing more");
}

Test(agent, reports_a_crash_with_signal_and_last_lines) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_died(fx, 1, SIGSEGV, 0, true);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_CRASH);
    assert_text(fixture_result(fx, &token)->error, "the stage was killed by SIGSEGV");
    assert_text(fixture_result(fx, &token)->detail, "signal: SIGSEGV\nlast words\n");
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_START), 1);
}

Test(agent, names_the_limit_that_a_crash_met) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_died(fx, 1, SIGXCPU, 0, true);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_CRASH);
    assert_text(fixture_result(fx, &token)->error, "the stage was killed by SIGXCPU: it used more processor time than its timeout allows");
    token = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_died(fx, 0, SIGXFSZ, 0, true);
    assert_text(fixture_result(fx, &token)->error, "the stage was killed by SIGXFSZ: it wrote a file above --stage-file-size");
}

Test(agent, cuts_the_last_lines_between_two_characters) {
    static char lines[3 * SL_REASON_MAX];
    for (size_t i = 0; i + 2 < sizeof lines; i += 3) memcpy(lines + i, "\xe2\x82\xac", 3);
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DIED, .host = 1};
    event.died.status = 3;
    event.died.begun = true;
    event.died.tail = sl_bytes(lines, sizeof lines / 3 * 3);
    fixture_step(fx, event);
    struct sl_bytes detail = fixture_result(fx, &token)->detail;
    cr_assert_leq(detail.size, SL_REASON_MAX);
    cr_assert_gt(detail.size, SL_REASON_MAX - 4);
    cr_assert_eq(memcmp(detail.data, "exit status: 3\n\xe2\x82\xac", 18), 0);
}

Test(agent, takes_a_task_back_that_a_dead_host_had_not_begun_but_once) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_died(fx, 1, SIGKILL, 0, false);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, 0);
    fixture_died(fx, 0, SIGKILL, 0, false);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_CRASH, "who says twice that nothing had begun is not believed");
}

/* Two tasks with tiny durations make host 1 one that may be given several. */
static void make_quick(uint32_t host) {
    for (int i = 0; i < 2; i++) {
        struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
        cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, host);
        fixture_done(fx, host, &token, 10);
    }
}

Test(agent, gives_several_tasks_to_a_host_whose_attempts_are_tiny) {
    struct sl_token tokens[3];
    make_quick(1);
    for (int i = 0; i < 3; i++) {
        tokens[i] = fixture_assign(fx, STAGE_PLAIN, 1000);
        cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, 1, "awake, and free sooner than another one wakes");
    }
    fixture_died(fx, 1, SIGSEGV, 0, true);
    cr_assert_eq(fixture_result(fx, &tokens[0])->outcome, SL_OUTCOME_CRASH, "the one that ran, and no other");
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_GIVE), 1);
    cr_assert(sl_token_equal(&fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->token, &tokens[1]), "in the order of their coming");
}

Test(agent, takes_tasks_back_from_behind_an_attempt_that_takes_long) {
    struct sl_token tokens[3];
    make_quick(1);
    for (int i = 0; i < 3; i++) tokens[i] = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_pass(fx, SL_AGENT_STUCK_MS);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_RECLAIM), 2);
    fixture_reclaimed(fx, 1, &tokens[2]);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, 0);
    fixture_reclaimed(fx, 1, &tokens[1]);
    fixture_done(fx, 0, &tokens[2], 10);
    cr_assert(sl_token_equal(&fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->token, &tokens[1]));
}

Test(agent, breaks_with_a_host_that_answers_for_another_attempt) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    struct sl_token other = token;
    other.nonce++;
    fixture_done(fx, 1, &other, 10);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL);
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DIED, .host = 1};
    event.died.signal = SIGKILL;
    event.died.begun = event.died.killed = true;
    fixture_step(fx, event);
    assert_text(fixture_result(fx, &token)->error, "the stage host answered for an attempt that it does not have");
}

Test(agent, knows_that_a_socket_was_closed_by_a_death_before_its_own_kill) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_BROKEN, .host = 1};
    event.text = sl_text("the stage closed the socket of its host");
    fixture_step(fx, event);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL);
    fixture_died(fx, 1, SIGKILL, 0, true);
    assert_text(fixture_result(fx, &token)->error, "the stage was killed by SIGKILL");
}

Test(agent, refuses_a_second_result_of_an_attempt) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_done(fx, 1, &token, 2000);
    fixture_done(fx, 1, &token, 2000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL);
}

Test(agent, cancels_what_waits_and_what_runs) {
    struct sl_token tokens[3];
    for (int i = 0; i < 3; i++) tokens[i] = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_cancel(fx, &tokens[2]);
    cr_assert_eq(fixture_result(fx, &tokens[2])->outcome, SL_OUTCOME_RETURNED);
    fixture_cancel(fx, &tokens[0]);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGTERM);
    fixture_died(fx, 1, SIGTERM, 0, true);
    cr_assert_eq(fixture_result(fx, &tokens[0])->outcome, SL_OUTCOME_RETURNED);
    assert_text(fixture_result(fx, &tokens[0])->error, "cancelled");
}

Test(agent, cancels_what_is_given_and_not_begun_without_a_signal) {
    struct sl_token tokens[2];
    make_quick(1);
    for (int i = 0; i < 2; i++) tokens[i] = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_cancel(fx, &tokens[1]);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_SIGNAL), 0);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_RECLAIM), 1);
    fixture_reclaimed(fx, 1, &tokens[1]);
    assert_text(fixture_result(fx, &tokens[1])->error, "cancelled");
}

Test(agent, stops_a_cancelled_task_that_could_not_be_taken_back) {
    struct sl_token tokens[2];
    make_quick(1);
    for (int i = 0; i < 2; i++) tokens[i] = fixture_assign(fx, STAGE_PLAIN, 1000);
    fixture_cancel(fx, &tokens[1]);
    fixture_done(fx, 1, &tokens[0], 10);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGTERM);
}

Test(agent, keeps_a_result_back_until_its_fields_are_acknowledged) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_field(fx, 1, &token, "one");
    uint64_t first = fixture_first(fx, SL_AGENT_DO_FIELD)->field.message_id;
    fixture_field(fx, 1, &token, "two");
    uint64_t second = fixture_first(fx, SL_AGENT_DO_FIELD)->field.message_id;
    fixture_done(fx, 1, &token, 2000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    fixture_pass(fx, 1000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_FIELD), 2, "both again");
    struct sl_agent_event event = {.kind = SL_AGENT_FIELD_ACK};
    event.message_id = second;
    fixture_step(fx, event);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    event.message_id = first;
    fixture_step(fx, event);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 1);
}

/* An attempt that is done, and whose one field nobody has acknowledged: its token and the field's message. */
static struct sl_token hold(uint64_t *out_message_id) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_field(fx, 1, &token, "one");
    *out_message_id = fixture_first(fx, SL_AGENT_DO_FIELD)->field.message_id;
    fixture_done(fx, 1, &token, 2000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    return token;
}

Test(agent, takes_a_field_that_the_broker_refuses_for_settled) {
    uint64_t message_id;
    struct sl_token token = hold(&message_id);
    struct sl_agent_event event = {.kind = SL_AGENT_REJECTED};
    event.rejected.message_id = message_id + 1;
    fixture_step(fx, event);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0, "it was about something else");
    event.rejected.message_id = message_id;
    event.rejected.retryable = true;
    fixture_step(fx, event);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0, "it is said again");
    event.rejected.retryable = false;
    fixture_step(fx, event);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_DONE);
    fixture_pass(fx, 1000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_FIELD), 0);
}

Test(agent, drops_the_fields_of_what_is_cancelled) {
    uint64_t message_id;
    struct sl_token token = hold(&message_id);
    fixture_cancel(fx, &token);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_DONE, "it had ended before; the broker knows what is stale");
    fixture_ack(fx, &token);
    token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_field(fx, 1, &token, "one");
    fixture_cancel(fx, &token);
    fixture_died(fx, 1, SIGTERM, 0, true);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_RETURNED);
    fixture_pass(fx, 1000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_FIELD), 0);
}

Test(agent, limits_the_fields_of_an_attempt) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    for (int i = 0; i < SL_FIELDS_MAX; i++) {
        fixture_field(fx, 1, &token, "same");
        cr_assert_eq(fx->rc, SL_OK);
    }
    fixture_field(fx, 1, &token, "same");
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_FIELD), 0);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL, "no host that is ours says so many");
    fixture_field(fx, 1, &token, "same");
    cr_assert_eq(fx->effects.count, 0);
    fixture_died(fx, 1, SIGKILL, 0, true);
    fixture_ack(fx, &token);
    fixture_pass(fx, 1000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_FIELD), 0, "they went with their attempt");
}

Test(agent, drains_takes_nothing_and_leaves_when_all_is_acknowledged) {
    struct sl_token tokens[4];
    for (int i = 0; i < 4; i++) tokens[i] = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_tell(fx, SL_AGENT_DRAIN);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 2, "what waits goes back");
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HEARTBEAT)->beat.slots, 0);
    struct sl_token late = fixture_assign(fx, STAGE_PLAIN, 60000);
    assert_text(fixture_result(fx, &late)->error, "the worker is leaving");
    fixture_done(fx, 1, &tokens[0], 2000);
    fixture_done(fx, 0, &tokens[1], 2000);
    fixture_ack(fx, &late);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(fixture_count(fx, SL_AGENT_DO_EXIT), 0);
        fixture_ack(fx, &tokens[i]);
    }
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_BYE), 1);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_EXIT)->status, 0);
}

Test(agent, stops_and_returns_what_outlives_the_drain_time) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 600000);
    fixture_tell(fx, SL_AGENT_DRAIN);
    for (int ms = 0; ms < DRAIN_MS; ms += 1000) {
        cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_SIGNAL), 0);
        fixture_pass(fx, 1000);
        if (ms + 1000 < DRAIN_MS) fixture_tell(fx, SL_AGENT_BEAT);
    }
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGTERM);
    fixture_died(fx, 1, SIGTERM, 0, true);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_RETURNED);
    fixture_ack(fx, &token);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_EXIT), 1);
    cr_assert_eq(sl_agent_deadline(fx->agent), UINT64_MAX);
}

Test(agent, leaves_without_acknowledgements_when_nobody_gives_them) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_tell(fx, SL_AGENT_DRAIN);
    fixture_done(fx, 1, &token, 2000);
    uint64_t end = fx->now + (uint64_t)(DRAIN_MS + GRACE_MS + 1000) * 1000000u;
    while (fixture_count(fx, SL_AGENT_DO_EXIT) == 0) {
        cr_assert_leq(fx->now, end);
        fixture_tell(fx, SL_AGENT_BEAT);
        uint64_t at = sl_agent_deadline(fx->agent);
        fx->now = at > fx->now ? at : fx->now;
        fixture_tell(fx, SL_AGENT_TICK);
    }
    cr_assert_eq(fx->now, end);
}

Test(agent, leaves_at_once_when_told_twice) {
    for (int i = 0; i < 3; i++) (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_tell(fx, SL_AGENT_DRAIN);
    fixture_tell(fx, SL_AGENT_STOP);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 2);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_SIGNAL), HOSTS);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL);
    cr_assert_eq(fx->effects.items[fx->effects.count - 1].kind, SL_AGENT_DO_EXIT);
    fixture_tell(fx, SL_AGENT_TICK);
    cr_assert_eq(fx->effects.count, 0);
}

Test(agent, leaves_with_an_error_when_the_spawner_is_gone) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_tell(fx, SL_AGENT_SPAWNER_LOST);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_CRASH);
    fixture_ack(fx, &token);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_EXIT)->status, 1);
}

Test(agent, starts_a_broken_host_again_later_and_later_and_then_takes_nothing) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 600000);
    fixture_died(fx, 1, SIGKILL, 0, false);
    fixture_died(fx, 0, SIGKILL, 0, false);
    fixture_ack(fx, &token);
    for (uint32_t starts = 0; starts < SL_AGENT_STARTS_MAX; starts++) {
        for (uint32_t host = 0; host < HOSTS; host++) fixture_died(fx, host, 0, 127, false);
        if (starts + 1 < SL_AGENT_STARTS_MAX) {
            fixture_pass(fx, 100u << starts);
            cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_START), HOSTS, "start %u", starts);
            fixture_tell(fx, SL_AGENT_BEAT);
        }
    }
    token = fixture_assign(fx, STAGE_PLAIN, 1000);
    assert_text(fixture_result(fx, &token)->error, "no stage host can be started on this worker");
    fixture_pass(fx, HEARTBEAT_MS);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HEARTBEAT)->beat.slots, 0);
}

Test(agent, kills_a_host_that_does_not_get_ready) {
    fixture_died(fx, 1, SIGKILL, 0, false);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_START), 1);
    for (int i = 0; i < 10; i++) {
        fixture_tell(fx, SL_AGENT_BEAT);
        fixture_pass(fx, 1000);
    }
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL);
}
