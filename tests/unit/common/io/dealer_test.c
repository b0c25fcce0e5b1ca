/* A peer's side of a link. */
#include "link_fixture.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

TestSuite(dealer, .init = link_set_up, .fini = link_tear_down, .timeout = 60);

Test(dealer, cannot_send_before_there_is_a_connection) {
    struct sl_dealer *dealer = NULL;
    int rc = sl_dealer_open(context, ipc_endpoint("nobody"), MESSAGE_MAX, &dealer, error, sizeof error);
    cr_assert_eq(rc, SL_OK, "that nobody listens is no error: %s", error);
    cr_assert_eq(sl_dealer_send(dealer, sl_text("hello")), SL_E_AGAIN);
    struct sl_bytes frame;
    cr_assert_eq(sl_dealer_receive(dealer, &frame), SL_E_AGAIN);
    cr_assert_not(sl_dealer_is_ready(dealer));
    sl_dealer_free(&dealer, 0);
    cr_assert_null(dealer);
    sl_dealer_free(&dealer, 0);
}

static void speak_through_a_restart(const char *endpoint) {
    char kept[512];
    struct sl_router *router = open_router(endpoint);
    (void)snprintf(kept, sizeof kept, "%s", sl_router_endpoint(router));
    struct sl_dealer *dealer = open_dealer(router);
    dealer_say(dealer, "first life");
    uint64_t peer = router_expect(router, "first life");
    sl_router_free(&router, 0);
    while (sl_router_open(context, kept, MESSAGE_MAX, &router, error, sizeof error) == SL_E_EXISTS) wait_on(-1, 5);
    cr_assert_not_null(router, "%s", error);
    cr_assert_eq(sl_router_send(router, peer, sl_text("x")), SL_E_NOT_FOUND, "a new router knows nobody");
    /* What is sent while the loss is not noticed yet is lost, as everything on a dead connection may be: say it until it comes. */
    struct sl_bytes frame;
    uint64_t other;
    for (;;) {
        (void)sl_dealer_send(dealer, sl_text("second life"));
        if (sl_router_receive(router, &other, &frame) == SL_OK) break;
        wait_on(sl_router_fd(router), 20);
    }
    cr_assert(sl_bytes_is(frame, "second life"));
    cr_assert_eq(sl_router_send(router, other, sl_text("welcome")), SL_OK);
    dealer_expect(dealer, "welcome");
    sl_dealer_free(&dealer, 0);
    sl_router_free(&router, 0);
}

Test(dealer, finds_a_restarted_router_again_over_tcp) {
    speak_through_a_restart("tcp://127.0.0.1:*");
}

Test(dealer, finds_a_restarted_router_again_over_a_unix_socket) {
    speak_through_a_restart(ipc_endpoint("broker"));
}

Test(dealer, is_woken_when_the_connection_is_there) {
    struct sl_dealer *dealer = NULL;
    char endpoint[512];
    (void)snprintf(endpoint, sizeof endpoint, "%s", ipc_endpoint("later"));
    cr_assert_eq(sl_dealer_open(context, endpoint, MESSAGE_MAX, &dealer, error, sizeof error), SL_OK);
    cr_assert_eq(sl_dealer_send(dealer, sl_text("x")), SL_E_AGAIN);
    struct sl_router *router = open_router(endpoint);
    dealer_say(dealer, "there you are");
    (void)router_expect(router, "there you are");
    sl_dealer_free(&dealer, 0);
    sl_router_free(&router, 0);
}

Test(dealer, counts_and_skips_messages_of_more_than_one_frame) {
    void *zmq = zmq_ctx_new(), *raw = zmq_socket(zmq, ZMQ_DEALER);
    struct sl_dealer *dealer = NULL;
    int linger = 0;
    (void)zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    cr_assert_eq(zmq_bind(raw, ipc_endpoint("raw")), 0);
    cr_assert_eq(sl_dealer_open(context, ipc_endpoint("raw"), MESSAGE_MAX, &dealer, error, sizeof error), SL_OK);
    cr_assert_eq(zmq_send(raw, "a", 1, ZMQ_SNDMORE), 1);
    cr_assert_eq(zmq_send(raw, "b", 1, 0), 1);
    cr_assert_eq(zmq_send(raw, "whole", 5, 0), 5);
    dealer_expect(dealer, "whole");
    cr_assert_eq(sl_dealer_refused_count(dealer), 1);
    sl_dealer_free(&dealer, 0);
    (void)zmq_close(raw);
    (void)zmq_ctx_term(zmq);
}

Test(dealer, lingers_for_what_it_still_has_to_say) {
    struct sl_router *router = open_router("tcp://127.0.0.1:*");
    struct sl_dealer *dealer = open_dealer(router);
    dealer_say(dealer, "hello");
    (void)router_expect(router, "hello");
    for (int i = 0; i < 100; i++) cr_assert_eq(sl_dealer_send(dealer, sl_text("last words")), SL_OK);
    sl_dealer_free(&dealer, 5000);
    for (int i = 0; i < 100; i++) (void)router_expect(router, "last words");
    sl_router_free(&router, 0);
}
