/* Links for tests. */
#include "link_fixture.h"

#include "base/err.h"
#include "io/clock.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sl_link_context *context;
char folder[64];
char error[ERROR_SIZE];

void link_set_up(void) {
    (void)strcpy(folder, "/tmp/sluice-io-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(sl_link_context_new(64, &context), SL_OK);
}

void link_tear_down(void) {
    sl_link_context_free(&context);
    DIR *entries = opendir(folder);
    cr_assert_not_null(entries);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (entry->d_name[0] != '.') (void)unlinkat(dirfd(entries), entry->d_name, 0);
    }
    (void)closedir(entries);
    cr_assert_eq(rmdir(folder), 0);
}

const char *ipc_endpoint(const char *name) {
    static char endpoint[512];
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", folder, name);
    return endpoint;
}

struct sl_router *open_router(const char *endpoint) {
    struct sl_router *router = NULL;
    cr_assert_eq(sl_router_open(context, endpoint, MESSAGE_MAX, &router, error, sizeof error), SL_OK, "%s", error);
    return router;
}

struct sl_dealer *open_dealer(const struct sl_router *router) {
    struct sl_dealer *dealer = NULL;
    int rc = sl_dealer_open(context, sl_router_endpoint(router), MESSAGE_MAX, &dealer, error, sizeof error);
    cr_assert_eq(rc, SL_OK, "%s", error);
    return dealer;
}

void wait_on(int fd, int timeout_ms) {
    struct pollfd descriptor = {.fd = fd, .events = POLLIN};
    (void)poll(&descriptor, 1, timeout_ms); /* what matters is looked at afterwards */
}

static uint64_t deadline(void) {
    return sl_clock_now_ns() + (uint64_t)WAIT_MS * 1000000;
}

uint64_t router_expect(struct sl_router *router, const char *text) {
    struct sl_bytes frame;
    uint64_t peer = 0, end = deadline();
    while (sl_router_receive(router, &peer, &frame) != SL_OK) {
        cr_assert_lt(sl_clock_now_ns(), end, "%s did not come", text);
        if (!sl_router_is_ready(router)) wait_on(sl_router_fd(router), 1000);
    }
    cr_assert(sl_bytes_is(frame, text), "expected %s, got %.*s", text, (int)frame.size, (const char *)frame.data);
    cr_assert_neq(peer, 0);
    return peer;
}

void dealer_expect(struct sl_dealer *dealer, const char *text) {
    struct sl_bytes frame;
    uint64_t end = deadline();
    while (sl_dealer_receive(dealer, &frame) != SL_OK) {
        cr_assert_lt(sl_clock_now_ns(), end, "%s did not come", text);
        if (!sl_dealer_is_ready(dealer)) wait_on(sl_dealer_fd(dealer), 1000);
    }
    cr_assert(sl_bytes_is(frame, text), "expected %s, got %.*s", text, (int)frame.size, (const char *)frame.data);
}

void dealer_say(struct sl_dealer *dealer, const char *text) {
    uint64_t end = deadline();
    while (sl_dealer_send(dealer, sl_text(text)) == SL_E_AGAIN) {
        cr_assert_lt(sl_clock_now_ns(), end, "no connection");
        if (!sl_dealer_is_ready(dealer)) wait_on(sl_dealer_fd(dealer), 1000);
    }
}

void router_expect_failure(struct sl_router *router, uint64_t peer, int rc) {
    struct sl_bytes frame;
    uint64_t other, end = deadline();
    for (;;) {
        cr_assert_eq(sl_router_receive(router, &other, &frame), SL_E_AGAIN);
        int got = sl_router_send(router, peer, sl_text("are you there?"));
        if (got == rc) return;
        cr_assert_lt(sl_clock_now_ns(), end, "sending says %s and never %s", sl_err_text(got), sl_err_text(rc));
        wait_on(sl_router_fd(router), 5);
    }
}
