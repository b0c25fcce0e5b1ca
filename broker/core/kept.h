/* The writes of a shard that its owner gave up, as the bytes of a file: what was decided, and had not been seen durable when the shard
 * was quarantined, or lost to a Redis that went back. Nobody was told of anything in it (messages wait for their write), so nothing that
 * was promised stands only here; writes that Redis had acknowledged are Redis' and are not held any more. The file lets a person see
 * which jobs were under way, and is what a repair can start from.
 *
 *   8 bytes "sluiceKW"
 *   msgpack array [format, shard, epoch, owner (bin 16), from, durable, digest (bin 16), found, wall_ms, why (str), held, count]
 *   count times: msgpack array [n, verb (str: commit, settle, beat, release), sealed (bool), time_ms, ckpt, digest (bin 16), body (bin)]
 *   CRC32C of all that, 4 bytes little-endian
 *
 * The body of a commit is a log entry (transition.h), that of a settle its operations (ledger.h). */
#ifndef SL_CORE_KEPT_H
#define SL_CORE_KEPT_H

#include "base/buf.h"
#include "base/id.h"
#include "base/msgpack.h"
#include "ledger.h"

enum {
    SL_KEPT_WRITES_MAX = 65536,
    SL_KEPT_BYTES_MAX = 128 << 20, /* twice what may be decided and not durable before a broker reads no more requests */
    SL_KEPT_WHY_MAX = 1024,
    SL_KEPT_WRITE_FIXED_MAX = 96,  /* bytes of a write beside its body */
    SL_KEPT_HEAD_MAX = 256         /* bytes of all that is no write, beside `why` */
};

struct sl_kept {
    uint16_t shard;
    uint64_t epoch;              /* under which the writer held the shard */
    struct sl_incarnation owner; /* the writer */
    uint64_t from;               /* the number at which it began */
    uint64_t durable;            /* its newest write that was acknowledged: all up to it left its hands */
    struct sl_digest digest;     /* of the chain up to there */
    uint64_t found;              /* where the lease stands that made it give up; 0: no lease told */
    uint64_t wall_ms;            /* Unix time */
    struct sl_bytes why;         /* a sentence */
    uint32_t held;               /* how many writes there were; more than count: the last ones were above the limits and are lost */
    uint32_t count;              /* how many follow */
};

struct sl_kept_write {
    uint64_t n;
    enum sl_ledger_verb verb; /* a numbered one */
    bool sealed;              /* false: the open batch, which was not a write yet; only the last one can be */
    uint64_t time_ms;         /* shard time */
    uint64_t ckpt;            /* of a settle */
    struct sl_digest digest;  /* of the chain after it */
    struct sl_bytes body;
};

/* The word of a numbered verb. */
const char *sl_kept_verb(enum sl_ledger_verb verb);

/* Appends the head, a write, the end. Failure is kept in buf->failed. */
void sl_kept_begin(struct sl_buf *buf, const struct sl_kept *kept);
void sl_kept_add(struct sl_buf *buf, const struct sl_kept_write *write);
void sl_kept_end(struct sl_buf *buf);

struct sl_kept_reader {
    struct sl_mp_reader reader;
    uint32_t left; /* writes that were not read yet */
};
/* Opens a whole file. 0; SL_E_DAMAGED; SL_E_LIMIT for one above the limits; SL_E_VERSION for a format that this program does not know.
 * Views borrow from the bytes. */
int sl_kept_open(struct sl_bytes bytes, struct sl_kept *out_kept, struct sl_kept_reader *out_reader);
/* 1 with the next write; 0 at the end; SL_E_DAMAGED. */
int sl_kept_next(struct sl_kept_reader *self, struct sl_kept_write *out_write);

#endif
