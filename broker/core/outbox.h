/* Messages that were decided and wait for the write that they rest on: one first-in-first-out a shard. A message leaves when RELEASE
 * says that its number is durable, never before; DROP throws away what waits. */
#ifndef SL_CORE_OUTBOX_H
#define SL_CORE_OUTBOX_H

#include "base/buf.h"

/* A message that waits. What `kind`, `peer` and `bytes` mean is its owner's affair. */
struct sl_outbox_message {
    uint64_t n;
    uint64_t peer;
    unsigned kind;
    struct sl_bytes bytes; /* borrowed until the next call */
};

struct sl_outbox;

/* An outbox for that many shards. 0, or SL_E_NO_MEMORY. */
int sl_outbox_new(const struct sl_alloc *alloc, uint16_t shard_count, struct sl_outbox **out_self);
void sl_outbox_free(struct sl_outbox **self);

/* Whether a message that rests on write n of the shard may leave at once: n is 0, or durable. */
bool sl_outbox_may_leave(const struct sl_outbox *self, uint16_t shard, uint64_t n);

/* Appends a message; its bytes are copied. Numbers of one shard never fall. 0, or SL_E_NO_MEMORY with nothing changed. */
int sl_outbox_put(struct sl_outbox *self, uint16_t shard, const struct sl_outbox_message *message);

/* Writes of the shard up to n are durable. */
void sl_outbox_release(struct sl_outbox *self, uint16_t shard, uint64_t n);

/* Takes the oldest message of the shard that may leave. False: there is none. */
bool sl_outbox_next(struct sl_outbox *self, uint16_t shard, struct sl_outbox_message *out_message);

/* Throws away what waits; numbers begin anew. */
void sl_outbox_drop(struct sl_outbox *self, uint16_t shard);

/* Bytes that wait, of all shards. */
size_t sl_outbox_bytes(const struct sl_outbox *self);

#endif
