/* The one loop of a process: descriptors, ZeroMQ links, signals and one deadline, in one thread, by epoll. A turn is: wait, hand every
 * source that is ready to its callback once, then before_wait, where batches leave. So work is gathered while it comes in and a
 * lone message still goes on at once. Each callback bounds its own work; what it leaves comes again next turn, behind the others. */
#ifndef SL_IO_LOOP_H
#define SL_IO_LOOP_H

#include "link.h"

struct sl_loop;

/* "No deadline". */
#define SL_LOOP_NEVER UINT64_MAX

enum { SL_LOOP_READ = 1, SL_LOOP_WRITE = 2, SL_LOOP_CLOSED = 4 };

/* A descriptor is ready: events is READ, WRITE, or CLOSED (the other end is gone or there is an error: reading says which) or several.
 * Level-triggered: what is not read comes again. */
typedef void sl_loop_fd_fn(void *context, int fd, unsigned events);

/* Something happened on a link. The callback receives at least once, at most as many as suit its bound (64 is good), and
 * sends again what got SL_E_AGAIN before. */
typedef void sl_loop_link_fn(void *context);

/* SIGTERM, SIGINT, SIGHUP or SIGCHLD came. Several of one number may come as one: reap until there is nobody left. */
typedef void sl_loop_signal_fn(void *context, int signal_number);

/* Called once a turn, after the callbacks, and before the first wait. Returns the next deadline in monotonic nanoseconds, or
 * SL_LOOP_NEVER; the loop turns again at the latest then. */
typedef uint64_t sl_loop_before_wait_fn(void *context);

/* Makes a loop and blocks the signals above, and SIGPIPE, in this thread: do so before other threads begin, and unblock them in
 * children before exec (sl_loop_unblock_signals). 0, SL_E_NO_MEMORY, or SL_E_IO. */
int sl_loop_new(struct sl_loop **out_self);

/* Frees the loop; descriptors and links stay open and are their owners'. Signals stay blocked. */
void sl_loop_free(struct sl_loop **self);

/* For a child between fork and exec: gives it the signal mask of a program that was started normally. Safe there. */
void sl_loop_unblock_signals(void);

/* Watches a descriptor for events (READ and WRITE; 0 watches for CLOSED alone) until it is removed; remove it before it is
 * closed. 0, SL_E_NO_MEMORY, or SL_E_IO (a plain file cannot be watched). */
int sl_loop_add_fd(struct sl_loop *self, int fd, unsigned events, sl_loop_fd_fn *on_ready, void *context);

/* Watches a watched descriptor for other events from now on. */
void sl_loop_change_fd(struct sl_loop *self, int fd, unsigned events);

/* Stops watching a descriptor, also from its own callback; one that is not watched is left alone. Its callback does not come again,
 * not even for events of this turn. */
void sl_loop_remove_fd(struct sl_loop *self, int fd);

/* Watches a link until it is removed; remove it before it is freed. 0, SL_E_NO_MEMORY, or SL_E_IO. */
int sl_loop_add_router(struct sl_loop *self, struct sl_router *router, sl_loop_link_fn *on_ready, void *context);
int sl_loop_add_dealer(struct sl_loop *self, struct sl_dealer *dealer, sl_loop_link_fn *on_ready, void *context);
void sl_loop_remove_router(struct sl_loop *self, struct sl_router *router);
void sl_loop_remove_dealer(struct sl_loop *self, struct sl_dealer *dealer);

/* Leaves a router's messages where they are while false (backpressure: ZeroMQ's queue fills, then the peers wait). */
void sl_loop_listen_router(struct sl_loop *self, struct sl_router *router, bool listen);

/* Who is told of signals, and who is asked for the deadline; NULL for nobody. */
void sl_loop_on_signal(struct sl_loop *self, sl_loop_signal_fn *on_signal, void *context);
void sl_loop_before_wait(struct sl_loop *self, sl_loop_before_wait_fn *before_wait, void *context);

/* Runs until stopped. 0, or SL_E_IO when waiting fails. */
int sl_loop_run(struct sl_loop *self);

/* Runs one turn, which waits no longer than timeout_ms (-1: until something happens). For programs that wait for one thing, and for
 * tests. */
int sl_loop_turn(struct sl_loop *self, int timeout_ms);

/* Makes run return after this turn, whose before_wait still comes. */
void sl_loop_stop(struct sl_loop *self);

/* When this turn began to work, in monotonic nanoseconds: one reading of the clock for all its events. */
uint64_t sl_loop_now_ns(const struct sl_loop *self);

#endif
