/* The ledger's calls carried to Redis: two connections (numbered writes with RESUME and ACQUIRE; reads) that stand and fall together,
 * pipelined, without threads and without blocking. It decides nothing: after a cut the core asks where it stands and sends again.
 *
 * Callbacks come from sl_ledger_redis_ready and sl_ledger_redis_tick only, never from the function that asked. Inside one everything
 * but sl_ledger_redis_free may be called. */
#ifndef SL_SHELL_LEDGER_REDIS_H
#define SL_SHELL_LEDGER_REDIS_H

#include "core/ledger.h"
#include "redis_check.h"

struct redisReply; /* hiredis/hiredis.h */
struct sl_ledger_redis;

/* How the owner's loop watches descriptors. unwatch comes before the descriptor is closed. */
struct sl_ledger_redis_io {
    void (*watch)(void *context, int fd, bool readable, bool writable);
    void (*unwatch)(void *context, int fd);
    void *context;
};

struct sl_ledger_redis_events {
    /* The reply to a call. Views are borrowed until the callback returns. */
    void (*on_reply)(void *context, const struct sl_ledger_reply *reply);
    /* Both connections work and Redis' settings fit; nothing of an older connection will be answered any more. */
    void (*on_up)(void *context);
    /* Only after on_up: every call without a reply has an unknown outcome. A new connection is tried by itself. */
    void (*on_down)(void *context, const char *why);
    void *context;
};

struct sl_ledger_redis_config {
    const char *address;          /* ledger_address.h; borrowed until new returns */
    enum sl_durability durability; /* compared with Redis' settings at every connection */
    uint32_t reply_ms;            /* deadline of a reply; 0: SL_REPLY_MS */
};

/* A client that begins to connect at its first tick. Tables are copied. 0; SL_E_BAD_INPUT with a sentence for an address that is
 * none; SL_E_NO_MEMORY. */
int sl_ledger_redis_new(const struct sl_ledger_redis_config *config, const struct sl_ledger_redis_io *io,
                        const struct sl_ledger_redis_events *events, struct sl_ledger_redis **out_self, char *out_why,
                        size_t why_size);

/* Closes and frees without a callback; commands that wait are not called back. NULL is allowed. */
void sl_ledger_redis_free(struct sl_ledger_redis **self);

/* Sends a call behind those before it. Never blocks. Without a connection the call is dropped: the core knows, for on_down came, and
 * asks again after on_up. What the call points at is copied. */
void sl_ledger_redis_call(struct sl_ledger_redis *self, const struct sl_ledger_call *call);

/* One Redis command on the connection for reads. callback gets the reply, borrowed until it returns (its type may be
 * REDIS_REPLY_ERROR), or NULL when the connection was cut before. 0; SL_E_CLOSED without a connection, then no callback comes. */
int sl_ledger_redis_command(struct sl_ledger_redis *self, int argc, const char *const *argv, const size_t *argvlen,
                            void (*callback)(void *context, const struct redisReply *reply), void *context);

/* Writes what was sent since. Call it once at the end of a turn of the loop: that makes one write of many calls. */
void sl_ledger_redis_flush(struct sl_ledger_redis *self);

/* A watched descriptor is readable or writable (an error counts as both). */
void sl_ledger_redis_ready(struct sl_ledger_redis *self, int fd, bool readable, bool writable);

/* When sl_ledger_redis_tick is due, in CLOCK_MONOTONIC nanoseconds; 0: at once; UINT64_MAX: not at all. */
uint64_t sl_ledger_redis_deadline_ns(const struct sl_ledger_redis *self);

/* Writes, connects, and cuts connections whose reply is late, as is due at now_ns (CLOCK_MONOTONIC). */
void sl_ledger_redis_tick(struct sl_ledger_redis *self, uint64_t now_ns);

/* Whether on_up came and no on_down since. */
bool sl_ledger_redis_is_up(const struct sl_ledger_redis *self);

/* Why the last connection ended or could not be made; empty if none did. Borrowed until the next tick. */
const char *sl_ledger_redis_why(const struct sl_ledger_redis *self);

/* Cuts the connections at the next tick, as if Redis had: for tests. */
void sl_ledger_redis_cut(struct sl_ledger_redis *self, const char *why);

#endif
