/* Links for tests: a context, a router, dealers, and waiting for what must come. */
#ifndef SL_TESTS_IO_LINK_FIXTURE_H
#define SL_TESTS_IO_LINK_FIXTURE_H

#include "io/link.h"

enum { MESSAGE_MAX = 1 << 20, WAIT_MS = 20000, ERROR_SIZE = 256 };

extern struct sl_link_context *context;
extern char folder[64]; /* a new one for each test, removed with what is in it */
extern char error[ERROR_SIZE];

void link_set_up(void);
void link_tear_down(void);

/* "ipc://FOLDER/NAME". */
const char *ipc_endpoint(const char *name);

/* Opens; a failure fails the test. */
struct sl_router *open_router(const char *endpoint);
struct sl_dealer *open_dealer(const struct sl_router *router);

/* Waits for a frame, as users of the descriptor must; none within WAIT_MS fails the test. The frame is borrowed as always. */
uint64_t router_expect(struct sl_router *router, const char *text);
void dealer_expect(struct sl_dealer *dealer, const char *text);

/* Sends text once there is a connection. */
void dealer_say(struct sl_dealer *dealer, const char *text);

/* Waits until sending to the peer fails with that code. */
void router_expect_failure(struct sl_router *router, uint64_t peer, int rc);

/* Waits until something happens on a descriptor, or a short while: for things that ZeroMQ does not announce. */
void wait_on(int fd, int timeout_ms);

#endif
