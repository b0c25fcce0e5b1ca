/* The loop with links: nothing that arrives is left lying, whatever the order of receiving and sending. */
#include "link_fixture.h"

#include "base/err.h"
#include "io/clock.h"
#include "io/loop.h"

#include <criterion/criterion.h>

enum { ROUND_COUNT = 20000, IN_FLIGHT = 50 };

static struct sl_loop *loop;
static struct sl_router *router;
static struct sl_dealer *dealer;

/* The router gathers and answers in before_wait, as a broker does. */
static struct {
    uint64_t peers[256];
    int gathered;
    int bound; /* frames a callback takes */
    int received;
    int answered;
    int sent;
    int turns;
    bool late; /* the router answers in before_wait, not at once */
} state;

static void answer(void) {
    for (int i = 0; i < state.gathered; i++) {
        while (sl_router_send(router, state.peers[i], sl_text("answer")) == SL_E_AGAIN) wait_on(sl_router_fd(router), 1);
    }
    state.gathered = 0;
}

static void on_router(void *unused) {
    uint64_t peer;
    struct sl_bytes frame;
    (void)unused;
    for (int i = 0; i < state.bound && sl_router_receive(router, &peer, &frame) == SL_OK; i++) {
        state.received++;
        state.peers[state.gathered++] = peer;
        if (!state.late) answer();
    }
}

static void say_more(void) {
    while (state.sent < ROUND_COUNT && state.sent - state.answered < IN_FLIGHT) {
        if (sl_dealer_send(dealer, sl_text("question")) != SL_OK) return;
        state.sent++;
    }
}

static void on_dealer(void *unused) {
    struct sl_bytes frame;
    (void)unused;
    for (int i = 0; i < state.bound && sl_dealer_receive(dealer, &frame) == SL_OK; i++) state.answered++;
    say_more();
    if (state.answered == ROUND_COUNT) sl_loop_stop(loop);
}

/* The deadline is that of the test: a frame left lying would show as a wait until then. */
static uint64_t before_wait(void *context) {
    uint64_t *end = context;
    state.turns++;
    answer();
    cr_assert_lt(sl_clock_now_ns(), *end, "%d sent, %d received, %d answered", state.sent, state.received, state.answered);
    return *end;
}

static void set_up(void) {
    cr_assert_eq(sl_loop_new(&loop), SL_OK);
    link_set_up();
}

static void tear_down(void) {
    sl_loop_remove_router(loop, router);
    sl_loop_remove_dealer(loop, dealer);
    sl_dealer_free(&dealer, 0);
    sl_router_free(&router, 0);
    link_tear_down();
    sl_loop_free(&loop);
}

TestSuite(loop_link, .init = set_up, .fini = tear_down, .timeout = 180);

static void run(const char *endpoint, int bound, bool late) {
    uint64_t end = sl_clock_now_ns() + (uint64_t)120 * 1000000000;
    router = open_router(endpoint);
    dealer = open_dealer(router);
    state.bound = bound;
    state.late = late;
    cr_assert_eq(sl_loop_add_router(loop, router, on_router, NULL), SL_OK);
    cr_assert_eq(sl_loop_add_dealer(loop, dealer, on_dealer, NULL), SL_OK);
    sl_loop_before_wait(loop, before_wait, &end);
    say_more(); /* no connection yet: the link's first wake-up says it again */
    cr_assert_eq(sl_loop_run(loop), SL_OK);
    cr_assert_eq(state.received, ROUND_COUNT);
}

Test(loop_link, nothing_is_left_lying_when_each_callback_takes_one_frame) {
    run("tcp://127.0.0.1:*", 1, false);
}

Test(loop_link, nothing_is_left_lying_when_answers_leave_before_the_wait) {
    run("tcp://127.0.0.1:*", 64, true);
}

Test(loop_link, nothing_is_left_lying_over_a_unix_socket) {
    run(ipc_endpoint("broker"), 7, true);
}

Test(loop_link, a_router_that_does_not_listen_keeps_its_messages) {
    router = open_router("tcp://127.0.0.1:*");
    dealer = open_dealer(router);
    state.bound = 64;
    cr_assert_eq(sl_loop_add_router(loop, router, on_router, NULL), SL_OK);
    dealer_say(dealer, "one");
    while (state.received < 1) cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    sl_loop_listen_router(loop, router, false);
    sl_loop_listen_router(loop, router, false);
    dealer_say(dealer, "two");
    wait_on(sl_router_fd(router), 5000);
    for (int i = 0; i < 10; i++) cr_assert_eq(sl_loop_turn(loop, 1), SL_OK);
    cr_assert_eq(state.received, 1);
    sl_loop_listen_router(loop, router, true);
    while (state.received < 2) cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
}

static void remove_self(void *unused) {
    (void)unused;
    state.turns++;
    sl_loop_remove_router(loop, router);
    sl_router_free(&router, 0);
}

Test(loop_link, a_link_may_leave_and_be_freed_in_its_own_callback) {
    router = open_router("tcp://127.0.0.1:*");
    dealer = open_dealer(router);
    cr_assert_eq(sl_loop_add_router(loop, router, remove_self, NULL), SL_OK);
    dealer_say(dealer, "go");
    while (state.turns == 0) cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    cr_assert_eq(sl_loop_turn(loop, 1), SL_OK);
    cr_assert_eq(state.turns, 1);
    router = open_router("tcp://127.0.0.1:*");
}
