/* What no broker should say, and what a worker must live with for years. */
#include "agent_fixture.h"

#include "base/err.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <signal.h>

AGENT_SUITE(hostile, 1);

/* Attempts are found by the nonce and by what else of the token fits a key. */
Test(hostile, token_that_repeats_the_nonce_of_another_is_refused) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    struct sl_token others[] = {token, token, token, token};
    others[0].epoch++;
    others[1].shard++;
    others[2].item++;
    others[3].job.bytes[15]++;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        fixture_assign_token(fx, &others[i], 1000);
        cr_assert_eq(fx->rc, SL_E_BAD_INPUT, "case %zu", i);
    }
    fixture_done(fx, 1, &token, 2000);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_DONE);
}

static void define_up_to(unsigned last) {
    for (unsigned number = 1; number <= last; number++) {
        fixture_pipeline(fx, number);
        fixture_define(fx);
        cr_assert_eq(fx->rc, SL_OK, "pipeline %u", number);
    }
}

/* Each change of a pipeline is another definition: a worker that kept all would refuse every new one after some years. */
Test(hostile, number_of_pipelines_makes_those_that_nobody_needs_forgotten, .timeout = 60) {
    (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, 1);
    define_up_to(SL_AGENT_DEFINITIONS_MAX);
    struct sl_token newest = fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_DEFINE)->host, 0);
    fixture_done(fx, 0, &newest, 2000);

    fixture_pipeline(fx, 7);
    struct sl_token forgotten = fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert(sl_bytes_is(fixture_result(fx, &forgotten)->error, "the pipeline's definition has not arrived"), "so the broker sends it again");
    fixture_define(fx);
    (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert(sl_digest_equal(fixture_first(fx, SL_AGENT_DO_HOST_DEFINE)->give.digest, fx->digest));

    fixture_pipeline(fx, 0);
    fixture_died(fx, 1, SIGKILL, 0, false);
    fixture_tell_host(fx, SL_AGENT_HOST_READY, 1);
    cr_assert(sl_digest_equal(fixture_first(fx, SL_AGENT_DO_HOST_DEFINE)->give.digest, fx->digest), "the one that is needed was kept");
}

Test(hostile, welcome_with_impossible_times_is_not_followed) {
    struct sl_agent_event event = {.kind = SL_AGENT_WELCOME};
    event.welcome.heartbeat_ms = SL_HEARTBEAT_MIN_MS - 1;
    event.welcome.lost_ms = SL_LOST_MIN_MS - 1;
    fixture_step(fx, event);
    fixture_pass(fx, HEARTBEAT_MS - 1);
    cr_assert_eq(fx->effects.count, 0, "the times of before");
    event.welcome.heartbeat_ms = SL_HEARTBEAT_MIN_MS;
    event.welcome.lost_ms = SL_LOST_MIN_MS;
    fixture_step(fx, event);
    fixture_pass(fx, SL_HEARTBEAT_MIN_MS);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HEARTBEAT), 1);
    fixture_pass(fx, SL_LOST_MIN_MS - SL_HEARTBEAT_MIN_MS);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RECONNECT), 1);
}

/* A worker that was stopped, or whose loop was busy, finds what was late and what came meanwhile at the same moment. */
Test(hostile, pause_does_not_make_late_what_came_in_time) {
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 1000);
    fx->now += 2ull * LOST_MS * 1000000u;
    fixture_tell_host(fx, SL_AGENT_HOST_READY, 0);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_SIGNAL), 0, "its result may be there");
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RECONNECT), 0, "a beat of the broker may be there");
    cr_assert_leq(sl_agent_deadline(fx->agent), fx->now, "it is looked at soon");
    fixture_tell(fx, SL_AGENT_BEAT);
    fixture_done(fx, 1, &token, 2000);
    cr_assert_eq(fixture_result(fx, &token)->outcome, SL_OUTCOME_DONE);
    fixture_tell(fx, SL_AGENT_TICK);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RECONNECT), 0);
}
