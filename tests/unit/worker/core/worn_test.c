/* A host that has made many attempts is replaced: what plugins leaked in it goes with it. */
#include "agent_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>

AGENT_SUITE(worn, 3);

/* Attempts one after the other, all made by that host. How often it was told to end. */
static uint32_t wear(uint32_t host, uint32_t count) {
    uint32_t end_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
        cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, host);
        fixture_done(fx, host, &token, 10);
        end_count += fixture_count(fx, SL_AGENT_DO_HOST_END);
        fixture_ack(fx, &token);
    }
    return end_count;
}

static void pass_alive(uint64_t ms) {
    for (uint64_t i = 0; i < ms; i += 1000) {
        fixture_pass(fx, 1000);
        fixture_tell(fx, SL_AGENT_BEAT);
    }
}

Test(worn, host_is_replaced_when_it_is_free_and_no_attempt_notices) {
    pass_alive(WORN_AGE_MS);
    cr_assert_eq(wear(1, WORN_AFTER - 2), 0);
    struct sl_token last[4];
    for (int i = 0; i < 4; i++) {
        last[i] = fixture_assign(fx, STAGE_PLAIN, 60000);
        cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, 1);
    }
    for (int i = 0; i < 3; i++) {
        fixture_done(fx, 1, &last[i], 10);
        cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_END), 0, "it has more to do");
    }
    struct sl_token other = fixture_assign(fx, STAGE_PLAIN, 60000);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_GIVE)->host, 0, "it gets nothing more");
    fixture_done(fx, 1, &last[3], 10);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_END)->host, 1);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_SIGNAL), 0);
    fixture_died(fx, 1, 0, 0, false);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_START)->host, 1, "at once");
    fixture_tell_host(fx, SL_AGENT_HOST_READY, 1);
    fixture_done(fx, 0, &other, 10);
}

Test(worn, host_that_is_young_stays_whatever_it_made) {
    cr_assert_eq(wear(1, 3 * WORN_AFTER), 0);
    pass_alive(WORN_AGE_MS);
    struct sl_token token = fixture_assign(fx, STAGE_PLAIN, 60000);
    fixture_done(fx, 1, &token, 10);
    cr_assert_eq(fixture_count(fx, SL_AGENT_DO_HOST_END), 1);
}

Test(worn, host_that_does_not_end_is_killed) {
    pass_alive(WORN_AGE_MS);
    cr_assert_eq(wear(1, WORN_AFTER), 1);
    pass_alive(GRACE_MS - 1000);
    fixture_pass(fx, 1000);
    cr_assert_eq(fixture_first(fx, SL_AGENT_DO_HOST_SIGNAL)->signal, SIGKILL);
}
