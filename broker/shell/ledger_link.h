/* One connection to Redis: bytes out, replies in, in order. It knows which command each reply answers, and nothing of what either
 * means. */
#ifndef SL_SHELL_LEDGER_LINK_H
#define SL_SHELL_LEDGER_LINK_H

#include "base/buf.h"
#include "core/ledger.h"

#include <hiredis/hiredis.h>

struct sl_ledger_redis_io;

enum sl_ledger_wait_kind { SL_WAIT_GREETING, SL_WAIT_CALL, SL_WAIT_COMMAND };

/* A command without a reply. */
struct sl_ledger_wait {
    enum sl_ledger_wait_kind kind;
    uint32_t status_count; /* replies that come before the one that counts (of MULTI and what it queued) */
    uint64_t generation;   /* of the connection that carries it */
    uint64_t sent_ns;
    struct sl_ledger_call call; /* CALL: without its body */
    void (*callback)(void *context, const struct redisReply *reply); /* COMMAND, GREETING */
    void *context;
};

struct sl_ledger_link {
    const struct sl_ledger_redis_io *io; /* borrows */
    int fd;                              /* owns; -1: closed */
    bool connecting;
    bool watches_write;
    uint64_t generation;
    uint64_t since_ns; /* when it began to connect */
    struct sl_buf out; /* not written from out_at on */
    size_t out_at;
    redisReader *reader; /* owns */

    struct sl_ledger_wait *waits; /* owns: a ring */
    size_t wait_first, wait_count, wait_capacity;
};

void sl_ledger_link_init(struct sl_ledger_link *self, const struct sl_ledger_redis_io *io);
void sl_ledger_link_fini(struct sl_ledger_link *self);

/* Takes a descriptor whose connection has begun. 0, or SL_E_NO_MEMORY with the descriptor left to the caller. */
int sl_ledger_link_open(struct sl_ledger_link *self, int fd, uint64_t generation, uint64_t now_ns);

/* Closes. The waits stay until they are taken with sl_ledger_link_take. */
void sl_ledger_link_close(struct sl_ledger_link *self);

/* Notes that the command just appended to self->out waits for a reply. 0, or SL_E_NO_MEMORY. */
int sl_ledger_link_expect(struct sl_ledger_link *self, const struct sl_ledger_wait *wait);

/* The oldest wait, or NULL; and taking it. */
struct sl_ledger_wait *sl_ledger_link_oldest(struct sl_ledger_link *self);
struct sl_ledger_wait sl_ledger_link_take(struct sl_ledger_link *self);

/* Writes what can be written now. 0, or SL_E_IO with a sentence. */
int sl_ledger_link_flush(struct sl_ledger_link *self, char *out_why, size_t why_size);

/* The connection is writable: finishes connecting, then flushes. 0; SL_E_IO or SL_E_UNREACHABLE with a sentence. */
int sl_ledger_link_writable(struct sl_ledger_link *self, char *out_why, size_t why_size);

/* Reads what is there, a bounded part of it. 0; SL_E_AGAIN when there is nothing; SL_E_IO, SL_E_CLOSED with a sentence. */
int sl_ledger_link_read(struct sl_ledger_link *self, char *out_why, size_t why_size);

/* The next whole reply of what was read: 1 with a reply that the caller frees (freeReplyObject); 0; SL_E_DAMAGED with a sentence. */
int sl_ledger_link_reply(struct sl_ledger_link *self, redisReply **out_reply, char *out_why, size_t why_size);

#endif
