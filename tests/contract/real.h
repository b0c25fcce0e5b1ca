/* The real ledger: a private Redis, the broker's client for it, and a small epoll loop between them. */
#ifndef CONTRACT_REAL_H
#define CONTRACT_REAL_H

#include "reply_copy.h"
#include "shell/ledger_redis.h"
#include "support/redis_server.h"

#include <hiredis/hiredis.h>

enum { REAL_WAIT_MS = 20000 }; /* how long a test waits for anything */

struct real {
    struct redis_server *server;
    struct sl_ledger_redis *redis;
    redisContext *admin; /* a plain connection, for what a test does behind the client's back */
    int epoll;
    unsigned up_count, down_count;
    bool up;
    char why[512]; /* of the newest on_down */
    uint64_t serial;
    struct reply_copy *replies; /* owns: those that nobody has taken, in the order of their coming */
    size_t reply_count, reply_capacity;
    void (*on_reply)(void *context, const struct sl_ledger_reply *reply); /* when set, replies go there instead */
    void *context;
};

/* Starts Redis (overrides as in redis_server_start), makes the cluster, and waits until the client is up. */
void real_start(struct real *self, const char *const *overrides, uint32_t reply_ms);
void real_stop(struct real *self);

/* One turn of the loop: waits for something to happen, at most until the client's deadline. */
void real_turn(struct real *self);

/* Turns until the condition holds; fails the test after REAL_WAIT_MS. */
void real_wait_up(struct real *self);
void real_wait_down(struct real *self, unsigned down_count);
void real_wait_replies(struct real *self, size_t count);

/* Sends a call, with the next serial, and does not wait. */
void real_send(struct real *self, struct sl_ledger_call *call);
/* The oldest reply; the caller frees it. */
struct reply_copy real_take(struct real *self);
/* Sends and waits for its reply. */
struct reply_copy real_call(struct real *self, struct sl_ledger_call *call);

/* A command of the test's own, which must not answer with an error; the caller frees the reply. */
redisReply *real_admin(struct real *self, const char *format, ...);
void real_admin_connect(struct real *self);

/* Everything under sl:{s*}: as canonical bytes; see support/ledger_dump.h. */
void real_dump(struct real *self, struct sl_buf *buf);

#endif
