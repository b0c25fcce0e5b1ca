/* The ledger as the core sees it: calls on one shard and their replies. The shell carries them to Redis (ledger_redis.c), the
 * simulator to a twin (tests/support/ledger_twin.c); the contract suite holds both to the same behaviour. Every rule of a shard's
 * writes is explained in ARCHITECTURE.md, "The ledger". */
#ifndef SL_CORE_LEDGER_H
#define SL_CORE_LEDGER_H

#include "base/bytes.h"
#include "base/id.h"

enum sl_ledger_verb {
    /* Numbered writes, on the connection for writes, in the order of the calls. Each is performed only if the lease holds exactly
     * (epoch, owner, n), and then makes n + 1 of it; else the reply says FENCED or AT. */
    SL_LEDGER_COMMIT, /* appends body to the log as entry n + 1; digest becomes that of the lease, n + 1 its `last` */
    SL_LEDGER_SETTLE, /* performs the operations in body, sets ckpt, trims the log up to it, sets tries to 0 */
    SL_LEDGER_BEAT,   /* changes n and time only */
    SL_LEDGER_RELEASE, /* as BEAT, and the shard has no owner any more */

    /* Not numbered, on the connection for writes. */
    SL_LEDGER_ACQUIRE, /* if the lease still holds (epoch, n): new_epoch and owner become its, from = n, tries + 1 */
    SL_LEDGER_RESUME,  /* reads the lease */

    /* Reads, on the connection for reads. */
    SL_LEDGER_READ_LEASE, /* as RESUME, for a standby's poll */
    SL_LEDGER_READ_LIVE,  /* a page of the live records, from cursor (0: the start) */
    SL_LEDGER_READ_LOG,   /* at most count log entries with number > n, in order */
    SL_LEDGER_READ_JOB,   /* everything stored of one job: items "live" (head), "gone" (tombstone) and each field of its own key */
    SL_LEDGER_READ_ENDED, /* at most count ended jobs with commit number < n (0: from the newest), newest first */
    SL_LEDGER_READ_OLDEST, /* at most count ended jobs, oldest first */
    SL_LEDGER_READ_RECORD, /* of one ended job its record alone: item "r", or none */
    SL_LEDGER_READ_HEAD,  /* of one live job its head alone: item "live", or none */
    SL_LEDGER_READ_GONE,  /* a page of the tombstones, from cursor (0: the start) */
    SL_LEDGER_READ_PIPELINE /* a pipeline's canonical form by its digest: one item, or none; of no shard */
};

/* One call. Views are borrowed until the step that follows. */
struct sl_ledger_call {
    enum sl_ledger_verb verb;
    uint16_t shard;
    uint64_t serial;             /* unique among the calls of a broker's life; comes back in the reply */
    uint64_t epoch;              /* fence; for ACQUIRE: the epoch that was seen (0: no lease) */
    struct sl_incarnation owner; /* fence; for ACQUIRE: the new owner */
    uint64_t n;                  /* fence: the number that the lease must hold; for ACQUIRE: the number that was seen */
    uint64_t time_ms;            /* shard time */
    struct sl_digest digest;     /* COMMIT: of the chain with this batch; READ_PIPELINE: the pipeline's */
    uint64_t ckpt;               /* SETTLE */
    uint64_t new_epoch;          /* ACQUIRE: greater than epoch, and than any that this incarnation ever asked for */
    struct sl_bytes body;        /* COMMIT: the batch. SETTLE: msgpack array of [verb, key, [item, ...]], performed
                                    in order (a key may come twice); verb is SET HSET HDEL DEL ZADD ZREM, key (bin or str)
                                    is what follows "sl:{sNN}:", items are bin or str. At most 4,096 operations, keys of
                                    256 bytes and 1,000 items; SET has one item, HSET and ZADD have pairs (a score is a
                                    whole number of at most 15 digits), DEL has none; "lease" and "log" are refused.
                                    What breaks this is FAILED with "BAD ..." and nothing is performed */
    struct sl_job_id job;        /* READ_JOB, READ_RECORD, READ_HEAD */
    uint64_t cursor;             /* READ_LIVE, READ_GONE; READ_ENDED: how many to pass over, to page through jobs that
                                    ended in one commit; READ_OLDEST: how many to pass over */
    uint32_t count;              /* READ_LOG, READ_ENDED, READ_OLDEST: 1 to 10,000 (others are taken as the nearest) */
};

enum sl_ledger_status {
    SL_LEDGER_OK,
    SL_LEDGER_FENCED,      /* another epoch or owner holds the lease: epoch, owner, n are those of the lease */
    SL_LEDGER_AT,          /* the fence holds but the number differs: n, digest, ckpt are those of the lease */
    SL_LEDGER_LOST,        /* ACQUIRE: the lease has moved on: epoch, owner, n */
    SL_LEDGER_UNAVAILABLE, /* not possible now (LOADING, MISCONF, READONLY, BUSY, OOM): text; the connection is then cut */
    SL_LEDGER_FAILED       /* any other error, or a reply of unexpected shape: text */
};

struct sl_ledger_item {
    struct sl_bytes key;   /* READ_LIVE, READ_GONE, READ_ENDED, READ_OLDEST: 16-byte id; READ_JOB, READ_RECORD, READ_HEAD: field */
    struct sl_bytes value; /* READ_LIVE: head; READ_GONE: tombstone; READ_LOG: batch; READ_JOB, READ_RECORD,
                              READ_HEAD: value; READ_PIPELINE: canonical form */
    uint64_t n;            /* READ_LOG, READ_ENDED, READ_OLDEST: number of the commit */
};

/* The reply to one call. Views are borrowed until the step returns. Numbers of a lease that does not exist are 0, its owner
 * and digest all zero bytes. */
struct sl_ledger_reply {
    enum sl_ledger_verb verb;
    enum sl_ledger_status status;
    uint16_t shard;
    uint64_t serial;
    uint64_t epoch;
    struct sl_incarnation owner; /* all zero bytes: nobody */
    uint64_t n;                  /* OK of a numbered write: the number it made */
    struct sl_digest digest;
    uint64_t ckpt;
    uint64_t time_ms;
    uint64_t from;
    uint64_t last; /* number of the newest commit, that of `digest`; 0: there is none */
    uint64_t tries;
    struct sl_bytes text;
    const struct sl_ledger_item *items;
    size_t item_count;
    uint64_t cursor; /* READ_LIVE, READ_GONE: of the next page; 0: that was the last */
};

#endif
