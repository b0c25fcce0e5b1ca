/* The broker's side of a link, with real sockets. */
#include "link_fixture.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static struct sl_router *router;

static void set_up(void) {
    link_set_up();
    router = open_router("tcp://127.0.0.1:*");
}

static void tear_down(void) {
    sl_router_free(&router, 0);
    link_tear_down();
}

TestSuite(router, .init = set_up, .fini = tear_down, .timeout = 120);

static void talk_with_two_peers(void) {
    struct sl_dealer *one = open_dealer(router), *two = open_dealer(router);
    dealer_say(one, "I am one");
    uint64_t peer_one = router_expect(router, "I am one");
    dealer_say(two, "I am two");
    uint64_t peer_two = router_expect(router, "I am two");
    cr_assert_neq(peer_one, peer_two);
    cr_assert_eq(sl_router_send(router, peer_two, sl_text("hello two")), SL_OK);
    cr_assert_eq(sl_router_send(router, peer_one, sl_text("hello one")), SL_OK);
    dealer_expect(one, "hello one");
    dealer_expect(two, "hello two");
    dealer_say(one, "me again");
    cr_assert_eq(router_expect(router, "me again"), peer_one);
    struct sl_router_stats stats = sl_router_stats(router);
    cr_assert_eq(stats.received_count, 3);
    cr_assert_eq(stats.sent_count, 2);
    cr_assert_eq(stats.refused_count, 0);
    cr_assert_eq(stats.peer_count, 2);
    sl_dealer_free(&one, 0);
    sl_dealer_free(&two, 0);
}

Test(router, tells_two_peers_apart_over_tcp) {
    talk_with_two_peers();
}

Test(router, tells_two_peers_apart_over_a_unix_socket) {
    sl_router_free(&router, 0);
    router = open_router(ipc_endpoint("broker"));
    talk_with_two_peers();
}

Test(router, has_nothing_to_receive_at_first) {
    uint64_t peer;
    struct sl_bytes frame;
    cr_assert_eq(sl_router_receive(router, &peer, &frame), SL_E_AGAIN);
    cr_assert_not(sl_router_is_ready(router));
}

Test(router, does_not_know_peers_that_never_spoke) {
    cr_assert_eq(sl_router_send(router, 0, sl_text("x")), SL_E_NOT_FOUND);
    cr_assert_eq(sl_router_send(router, UINT64_MAX, sl_text("x")), SL_E_NOT_FOUND);
    sl_router_forget(router, 12345);
}

Test(router, learns_from_a_send_that_a_peer_left) {
    struct sl_dealer *dealer = open_dealer(router);
    dealer_say(dealer, "hello");
    uint64_t peer = router_expect(router, "hello");
    sl_dealer_free(&dealer, 0);
    router_expect_failure(router, peer, SL_E_NOT_FOUND);
    cr_assert_eq(sl_router_stats(router).peer_count, 0);
    cr_assert_eq(sl_router_send(router, peer, sl_text("x")), SL_E_NOT_FOUND);
}

/* A process that says hello and then waits to be killed. It has its own context: ZeroMQ's does not survive a fork. */
static pid_t start_peer_process(const char *endpoint) {
    pid_t child = fork();
    if (child != 0) return child;
    void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_DEALER);
    if (zmq_connect(socket, endpoint) == 0 && zmq_send(socket, "hello", 5, 0) == 5) (void)pause();
    _exit(1);
}

Test(router, learns_from_a_send_that_a_peer_was_killed) {
    pid_t child = start_peer_process(sl_router_endpoint(router));
    cr_assert_gt(child, 0);
    uint64_t peer = router_expect(router, "hello");
    cr_assert_eq(sl_router_send(router, peer, sl_text("you live")), SL_OK);
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    router_expect_failure(router, peer, SL_E_NOT_FOUND);
}

Test(router, gives_a_forgotten_peer_another_number) {
    struct sl_dealer *dealer = open_dealer(router);
    dealer_say(dealer, "hello");
    uint64_t peer = router_expect(router, "hello");
    sl_router_forget(router, peer);
    cr_assert_eq(sl_router_send(router, peer, sl_text("x")), SL_E_NOT_FOUND);
    dealer_say(dealer, "again");
    uint64_t other = router_expect(router, "again");
    cr_assert_neq(other, peer);
    cr_assert_eq(sl_router_send(router, other, sl_text("who are you?")), SL_OK);
    dealer_expect(dealer, "who are you?");
    sl_dealer_free(&dealer, 0);
}

/* A socket that does as it likes. */
static void *open_raw(void *zmq, int type) {
    int linger = 0;
    void *socket = zmq_socket(zmq, type);
    cr_assert_not_null(socket);
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

static void send_parts(void *socket, int count) {
    for (int i = 0; i < count; i++) {
        cr_assert_eq(zmq_send(socket, "part", 4, i + 1 < count ? ZMQ_SNDMORE : 0), 4);
    }
}

Test(router, counts_and_skips_messages_of_more_than_one_frame) {
    void *zmq = zmq_ctx_new(), *raw = open_raw(zmq, ZMQ_DEALER);
    cr_assert_eq(zmq_connect(raw, sl_router_endpoint(router)), 0);
    send_parts(raw, 2);
    send_parts(raw, 1000);
    cr_assert_eq(zmq_send(raw, "whole", 5, 0), 5);
    (void)router_expect(router, "whole");
    cr_assert_eq(sl_router_stats(router).refused_count, 2);
    (void)zmq_close(raw);
    void *request = open_raw(zmq, ZMQ_REQ); /* it writes an empty frame before each message */
    cr_assert_eq(zmq_connect(request, sl_router_endpoint(router)), 0);
    cr_assert_eq(zmq_send(request, "asked", 5, 0), 5);
    struct sl_dealer *dealer = open_dealer(router);
    while (sl_router_stats(router).refused_count < 3) {
        uint64_t peer;
        struct sl_bytes frame;
        wait_on(sl_router_fd(router), 50);
        cr_assert_eq(sl_router_receive(router, &peer, &frame), SL_E_AGAIN);
    }
    dealer_say(dealer, "nobody is disturbed");
    (void)router_expect(router, "nobody is disturbed");
    sl_dealer_free(&dealer, 0);
    (void)zmq_close(request);
    (void)zmq_ctx_term(zmq);
}

Test(router, one_call_skips_a_bounded_number_of_bad_messages) {
    void *zmq = zmq_ctx_new(), *raw = open_raw(zmq, ZMQ_DEALER);
    cr_assert_eq(zmq_connect(raw, sl_router_endpoint(router)), 0);
    for (int i = 0; i < 150; i++) send_parts(raw, 2);
    cr_assert_eq(zmq_send(raw, "whole", 5, 0), 5);
    (void)router_expect(router, "whole");
    cr_assert_eq(sl_router_stats(router).refused_count, 150);
    (void)zmq_close(raw);
    (void)zmq_ctx_term(zmq);
}

Test(router, refuses_peers_that_chose_their_own_routing_id) {
    void *zmq = zmq_ctx_new(), *raw = open_raw(zmq, ZMQ_DEALER);
    cr_assert_eq(zmq_setsockopt(raw, ZMQ_ROUTING_ID, "worker-1", 8), 0);
    cr_assert_eq(zmq_connect(raw, sl_router_endpoint(router)), 0);
    cr_assert_eq(zmq_send(raw, "hello", 5, 0), 5);
    while (sl_router_stats(router).refused_count == 0) {
        uint64_t peer;
        struct sl_bytes frame;
        wait_on(sl_router_fd(router), 50);
        cr_assert_eq(sl_router_receive(router, &peer, &frame), SL_E_AGAIN);
    }
    cr_assert_eq(sl_router_stats(router).peer_count, 0);
    (void)zmq_close(raw);
    (void)zmq_ctx_term(zmq);
}

static char *letters(size_t size) {
    char *text = malloc(size + 1);
    cr_assert_not_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    return text;
}

Test(router, sends_frames_up_to_the_limit_and_none_above) {
    struct sl_dealer *dealer = open_dealer(router);
    char *text = letters(MESSAGE_MAX);
    dealer_say(dealer, text);
    uint64_t peer = router_expect(router, text);
    cr_assert_eq(sl_router_send(router, peer, sl_bytes(text, MESSAGE_MAX)), SL_OK);
    dealer_expect(dealer, text);
    free(text);
    text = letters(MESSAGE_MAX + 1);
    cr_assert_eq(sl_router_send(router, peer, sl_bytes(text, MESSAGE_MAX + 1)), SL_E_LIMIT);
    cr_assert_eq(sl_dealer_send(dealer, sl_bytes(text, MESSAGE_MAX + 1)), SL_E_LIMIT);
    cr_assert_eq(sl_router_send(router, peer, sl_text("still here")), SL_OK);
    dealer_expect(dealer, "still here");
    free(text);
    sl_dealer_free(&dealer, 0);
}

/* ZeroMQ drops the connection of who sends more than is allowed; its other messages on the way are its own loss. */
Test(router, never_sees_a_frame_above_the_limit_and_others_are_not_disturbed) {
    static const size_t sizes[] = {MESSAGE_MAX + 1, 64 << 20};
    struct sl_dealer *dealer = open_dealer(router);
    dealer_say(dealer, "before");
    uint64_t peer = router_expect(router, "before");
    for (size_t i = 0; i < 2; i++) {
        void *zmq = zmq_ctx_new(), *raw = open_raw(zmq, ZMQ_DEALER);
        char *text = letters(sizes[i]);
        cr_assert_eq(zmq_socket_monitor(raw, "inproc://monitor", ZMQ_EVENT_DISCONNECTED), 0);
        void *monitor = open_raw(zmq, ZMQ_PAIR);
        cr_assert_eq(zmq_connect(monitor, "inproc://monitor"), 0);
        cr_assert_eq(zmq_connect(raw, sl_router_endpoint(router)), 0);
        cr_assert_eq(zmq_send(raw, text, sizes[i], 0), (int)sizes[i]);
        uint8_t event[6];
        cr_assert_geq(zmq_recv(monitor, event, sizeof event, 0), 6, "the connection is dropped");
        free(text);
        (void)zmq_close(monitor);
        (void)zmq_close(raw);
        (void)zmq_ctx_term(zmq);
    }
    dealer_say(dealer, "after");
    cr_assert_eq(router_expect(router, "after"), peer);
    cr_assert_eq(sl_router_stats(router).received_count, 2);
    sl_dealer_free(&dealer, 0);
}

/* A peer that does not read fills its own queue: that is said, and other peers go on. */
Test(router, says_when_a_peer_does_not_read) {
    enum { SENT_MAX = 1000000 };
    struct sl_dealer *deaf = open_dealer(router), *other = open_dealer(router);
    dealer_say(deaf, "I am deaf");
    uint64_t peer_deaf = router_expect(router, "I am deaf");
    dealer_say(other, "I am not");
    uint64_t peer_other = router_expect(router, "I am not");
    char *text = letters(10000);
    int rc = SL_OK, sent = 0;
    for (; rc == SL_OK && sent < SENT_MAX; sent++) rc = sl_router_send(router, peer_deaf, sl_bytes(text, 10000));
    cr_assert_eq(rc, SL_E_AGAIN, "after %d messages", sent);
    cr_assert_eq(sl_router_send(router, peer_other, sl_text("you get this")), SL_OK);
    dealer_expect(other, "you get this");
    for (int i = 0; i < sent - 1; i++) dealer_expect(deaf, text); /* nothing of what was taken is lost while both live */
    cr_assert_eq(sl_router_send(router, peer_other, sl_text("and this")), SL_OK);
    while (sl_router_send(router, peer_deaf, sl_text("welcome back")) == SL_E_AGAIN) wait_on(sl_router_fd(router), 5);
    dealer_expect(deaf, "welcome back");
    free(text);
    sl_dealer_free(&deaf, 0);
    sl_dealer_free(&other, 0);
}

static void send_buffer(struct sl_dealer *dealer, uint64_t peer, size_t size) {
    struct sl_buf buf;
    char *text = letters(size);
    sl_buf_init(&buf, sl_alloc_system());
    cr_assert_eq(sl_buf_append(&buf, text, size), SL_OK);
    cr_assert_eq(sl_router_send_buf(router, 0, &buf), SL_E_NOT_FOUND);
    cr_assert_eq(buf.size, size, "a failure leaves the buffer as it was");
    cr_assert(sl_bytes_is(sl_buf_bytes(&buf), text));
    cr_assert_eq(sl_router_send_buf(router, peer, &buf), SL_OK);
    cr_assert_eq(buf.size, 0);
    dealer_expect(dealer, text);
    cr_assert_eq(sl_buf_append(&buf, text, size), SL_OK);
    cr_assert_eq(sl_dealer_send_buf(dealer, &buf), SL_OK);
    cr_assert_eq(buf.size, 0);
    (void)router_expect(router, text);
    sl_buf_fini(&buf);
    free(text);
}

Test(router, takes_the_memory_of_large_buffers_and_copies_small_ones) {
    struct sl_dealer *dealer = open_dealer(router);
    dealer_say(dealer, "hello");
    uint64_t peer = router_expect(router, "hello");
    send_buffer(dealer, peer, 10);
    send_buffer(dealer, peer, 16 * 1024 - 1);
    send_buffer(dealer, peer, 16 * 1024);
    send_buffer(dealer, peer, MESSAGE_MAX);
    struct sl_buf buf;
    char *text = letters(MESSAGE_MAX + 1);
    sl_buf_init(&buf, sl_alloc_system());
    cr_assert_eq(sl_buf_append(&buf, text, MESSAGE_MAX + 1), SL_OK);
    cr_assert_eq(sl_router_send_buf(router, peer, &buf), SL_E_LIMIT);
    cr_assert_eq(sl_dealer_send_buf(dealer, &buf), SL_E_LIMIT);
    cr_assert_eq(buf.size, MESSAGE_MAX + 1);
    sl_buf_fini(&buf);
    free(text);
    sl_dealer_free(&dealer, 0);
}

Test(router, an_empty_frame_is_a_frame) {
    struct sl_dealer *dealer = open_dealer(router);
    dealer_say(dealer, "");
    uint64_t peer = router_expect(router, "");
    cr_assert_eq(sl_router_send(router, peer, sl_bytes(NULL, 0)), SL_OK);
    dealer_expect(dealer, "");
    sl_dealer_free(&dealer, 0);
}
