/* Results that wait: where they lie, how many are under way, and when nothing new is taken. */
#include "agent_fixture.h"

#include "base/err.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <string.h>

AGENT_SUITE(results, 1);

enum { LARGE = SL_VALUE_BYTES_MAX, IN_MEMORY = SL_AGENT_RESULT_BYTES_MAX / LARGE, SENT = SL_AGENT_SENT_BYTES_MAX / LARGE, SOME = 40 };

/* An attempt from its task to a large result, whose bytes all are `mark`. */
static struct sl_token make_large(uint8_t mark) {
    static uint8_t large[LARGE - 1]; /* with the byte that a block has more: LARGE */
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_GIVE), 1, "it is not taken");
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DONE, .host = fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, .nonce = token.nonce};
    memset(large, mark, sizeof large);
    event.done.result.output = sl_bytes(large, sizeof large);
    event.done.result.duration_us = 2000;
    fixture_step(fx, event);
    return token;
}

static bool is_whole(const struct sl_agent_result *result, uint8_t mark) {
    struct sl_bytes output = result->output;
    return output.size == LARGE - 1 && output.data[0] == mark && memcmp(output.data, output.data + 1, output.size - 1) == 0;
}

static uint64_t slots_told(void) {
    fixture_tell(fx, SL_AGENT_BEAT);
    fixture_pass(fx, HEARTBEAT_MS);
    return fixture_first(fx, SL_AGENT_DO_HEARTBEAT)->beat.slots;
}

Test(results, above_what_memory_holds_go_to_the_spool_and_come_back_whole) {
    struct sl_token tokens[SOME];
    fx->spool.countdown = UINT64_MAX;
    for (int i = 0; i < SOME; i++) {
        tokens[i] = make_large((uint8_t)i);
        cr_assert_eq(fx->spool.live_blocks, i < IN_MEMORY ? 0 : (size_t)(i + 1 - IN_MEMORY));
    }
    cr_assert_eq(slots_told(), 2 * HOSTS);
    for (int i = 0; i < SOME; i++) {
        fixture_assign_token(fx, &tokens[i], 1000);
        cr_assert(is_whole(fixture_result(fx, &tokens[i]), (uint8_t)i), "result %d", i);
        fixture_ack(fx, &tokens[i]);
    }
    cr_assert_eq(fx->spool.live_blocks, 0, "room is given back when a result is acknowledged");
}

Test(results, are_in_memory_again_when_there_is_room) {
    fx->spool.countdown = UINT64_MAX;
    struct sl_token first = make_large(1);
    for (int i = 0; i < IN_MEMORY; i++) (void)make_large(2);
    cr_assert_eq(fx->spool.live_blocks, 1);
    fixture_ack(fx, &first);
    (void)make_large(3);
    cr_assert_eq(fx->spool.live_blocks, 1);
}

Test(results, stay_in_memory_without_room_in_the_spool_and_nothing_new_is_taken) {
    struct sl_token tokens[IN_MEMORY + 2];
    fx->spool.countdown = 1;
    for (int i = 0; i < IN_MEMORY + 2; i++) tokens[i] = make_large((uint8_t)i);
    cr_assert_eq(fx->spool.live_blocks, 1);
    struct sl_token refused = fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert(sl_bytes_is(fixture_result(fx, &refused)->error, "too many results wait for their acknowledgement"));
    cr_assert_eq(slots_told(), 0);
    fixture_ack(fx, &tokens[IN_MEMORY]);
    cr_assert_eq(slots_told(), 0, "that was the one in the spool");
    fixture_ack(fx, &tokens[0]);
    cr_assert_eq(slots_told(), 2 * HOSTS);
    (void)make_large(0);
}

Test(results, are_sent_a_part_at_a_time_and_the_next_at_each_acknowledgement) {
    struct sl_token tokens[SENT + 3];
    for (int i = 0; i < SENT + 3; i++) {
        tokens[i] = make_large((uint8_t)i);
        cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), i < SENT);
    }
    fixture_tell(fx, SL_AGENT_RESET);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HELLO)->beat.result_count, SENT + 3, "all are offered");
    fixture_welcome(fx);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), SENT);
    cr_assert(sl_token_equal(&fixture_first(fx, SL_AGENT_DO_RESULT)->token, &tokens[0]), "in the order in which they ended");
    for (int i = 0; i < 3; i++) {
        fixture_ack(fx, &tokens[i]);
        cr_assert(is_whole(fixture_result(fx, &tokens[SENT + i]), (uint8_t)(SENT + i)));
    }
}

/* A broker does not acknowledge results of a shard that it does not serve now. */
Test(results, of_a_shard_that_nobody_serves_do_not_hold_up_those_of_another) {
    for (int i = 0; i < SENT + 1; i++) (void)make_large(1);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), 0);
    fx->shard = SL_SHARDS_MAX - 1;
    struct sl_token token = make_large(2);
    cr_assert(is_whole(fixture_result(fx, &token), 2));
    fixture_tell(fx, SL_AGENT_RESET);
    fixture_welcome(fx);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_RESULT), SENT + 1);
}

Test(results, that_return_a_task_do_not_wait_for_larger_ones) {
    for (int i = 0; i < SENT + 1; i++) (void)make_large(1);
    for (int i = 0; i < 2 * HOSTS; i++) (void)fixture_assign(fx, STAGE_PLAIN, 60000);
    struct sl_token returned = fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert_eq(fixture_result(fx, &returned)->outcome, SL_OUTCOME_RETURNED);
}

/* The broker would go on sending tasks that can only be dropped. */
Test(results, without_a_place_in_the_list_of_all_stop_new_tasks) {
    struct sl_agent_event event = {.kind = SL_AGENT_ASSIGN, .now = fx->now};
    event.task = (struct sl_agent_task){.token = {.shard = 3, .nonce = 1000}, .input = sl_text("x")}; /* of no pipeline: returned */
    for (int i = 0; i < SL_AGENT_RESULTS_MAX - 2 * HOSTS; i++, event.task.token.nonce++) {
        cr_assert_eq(sl_agent_step(fx->agent, &event, &fx->effects), SL_OK);
    }
    cr_assert_eq(slots_told(), 2 * HOSTS);
    fixture_step(fx, event);
    cr_assert_eq(slots_told(), 0);
    for (int i = 0; i < 2 * HOSTS - 1; i++) {
        event.task.token.nonce++;
        fixture_step(fx, event);
        cr_assert_eq(fx->rc, SL_OK, "at the limit");
    }
    event.task.token.nonce++;
    fixture_step(fx, event);
    cr_assert_eq(fx->rc, SL_E_LIMIT);
}
