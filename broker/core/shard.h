/* One shard as this broker sees it: whose it is, and, when it is ours, its numbered writes. A write is sealed once, never rebuilt,
 * split or reordered, sent in order, and kept until its reply. */
#ifndef SL_CORE_SHARD_H
#define SL_CORE_SHARD_H

#include "base/limits.h"
#include "base/list.h"
#include "job.h"
#include "ledger.h"
#include "retention.h"

struct sl_sched;

/*   FOREIGN --stood still, released or absent--> ACQUIRING --OK--> RECOVERING --log replayed--> OPEN
 *      ^------------LOST------------------------------|                |                          |
 *      ^------------FENCED, released-----------------------------------+--------------------------|
 *                                                      history lost or foreign --> QUARANTINED <--| */
enum sl_shard_state {
    SL_SHARD_FOREIGN,
    SL_SHARD_ACQUIRING,
    SL_SHARD_RECOVERING,
    SL_SHARD_OPEN,
    SL_SHARD_QUARANTINED
};

/* A sealed write. */
struct sl_write {
    struct sl_link link; /* in its shard's list, by n */
    enum sl_ledger_verb verb;
    uint64_t n;          /* the number that it makes */
    uint64_t serial;     /* of the call that carries it; 0: not sent on this connection */
    uint64_t time_ms;
    struct sl_digest digest; /* of the chain after it: its own for a commit, that of the commit before it else */
    uint64_t ckpt;
    struct sl_blob *body;
};

/* How large the log's entries are, to know how much stands behind the checkpoint. */
struct sl_log_entry {
    struct sl_link link;
    uint64_t n;
    uint32_t size;
};

/* What a recovery knows of a job that the log names and `live` does not hold: its ended record, or nothing. */
struct sl_seen_job {
    struct sl_job_id id; /* first: the id table reads it there */
    uint64_t at;         /* of its ended record, or of its tombstone; 0: there is none */
    bool removes;        /* the log removes it: its ended record is put into memory */
};

/* A job that nothing is done with, because something of it that was stored is gone or cannot be read. */
struct sl_parked_job {
    struct sl_job_id id; /* first: the id table reads it there */
    bool lacks_pipeline; /* it can go on when that is stored again: what the log says of it is kept */
};

/* A pipeline that some job names, and that Redis was asked for in vain. */
struct sl_absent_pipeline {
    struct sl_link link;
    struct sl_digest digest;
};

/* A log entry that waits for the records of its jobs. */
struct sl_replay_entry {
    struct sl_link link;
    uint64_t n;
    struct sl_blob *batch;
};

/* The newest log entry that a recovery has read, and the digest of the chain up to it; n = 0: none yet. */
struct sl_chain {
    uint64_t n;
    struct sl_digest digest;
};

enum { SL_DAMAGE_TEXT_SIZE = 256, SL_GIVEN_UP_SIZE = 640 };

/* Where a recovery is. */
struct sl_recovery {
    bool live_done;
    uint64_t log_from;       /* log entries up to this number were read */
    bool log_done;
    struct sl_list entries;  /* log entries that wait for the records of their jobs */
    struct sl_idmap seen;    /* struct sl_seen_job */
    uint32_t loads;          /* records asked for and not here yet */
    bool reading;            /* a page of the live records or of the log is on its way */
    struct sl_chain chain;
    char damage[SL_DAMAGE_TEXT_SIZE]; /* what looked damaged, as part of a sentence; empty: nothing did */
};

struct sl_shard {
    uint16_t index;
    enum sl_shard_state state;
    bool unsure;          /* the connection was cut: RESUME will tell what Redis holds */
    uint32_t suspicions;  /* RECOVERING: how often what was read of it looked damaged; believed when the lease is still ours behind it */
    bool releasing;       /* drain: its release is sealed */
    bool released;        /* drain: given back */
    uint64_t acquire_serial; /* of the ACQUIRE whose answer counts */
    uint64_t resume_serial; /* of the RESUME whose answer counts */

    /* Somebody else's lease, as polled. */
    uint64_t seen_epoch, seen_n;
    struct sl_incarnation seen_owner;
    uint64_t still_since; /* ns; since when (epoch, n) stand still */
    uint64_t still_wait_ns; /* how long they must */
    uint32_t still_polls;
    uint64_t tries;
    uint64_t poll_at;     /* ns; when to poll next */
    bool polling;
    char given_up[SL_GIVEN_UP_SIZE]; /* why it was last quarantined, or lost with what had been acknowledged: a sentence */

    /* Our lease. */
    uint64_t epoch;
    uint64_t from;        /* the number at which this owner began */
    uint64_t opened_at;   /* ns; when it had read the shard */
    uint64_t n_sealed, n_durable;
    uint64_t commit_n;    /* the newest sealed commit */
    uint64_t settle_n;    /* the newest sealed settle */
    uint64_t ckpt;        /* the newest sealed checkpoint */
    struct sl_digest digest;         /* of the chain, sealed */
    struct sl_digest digest_durable;
    uint64_t time_base_ms, time_base_ns;
    struct sl_buf batch;  /* the open batch; empty: none */
    uint32_t batch_count; /* transitions in it */
    struct sl_list writes; /* sealed, without a reply */
    uint32_t commits_under_way, settles_under_way;
    uint64_t write_at;    /* ns; when the newest write was sealed */
    uint64_t settle_at;   /* ns; when a settle is due, UINT64_MAX: nothing to settle */

    struct sl_job_table table;
    struct sl_list dirty;  /* jobs whose record is older than they are, by first_unsettled */
    struct sl_list active; /* jobs that have started and not ended */
    struct sl_list ended;  /* jobs that ended and are not yet out of memory */
    struct sl_job *settling[SL_SETTLE_RECORDS_MAX]; /* whose records are in the settle on its way: none leaves memory before it is there */
    uint32_t settling_count;
    uint64_t ended_settling; /* of those, the ones in a settle that is on its way */
    struct sl_idmap parked; /* struct sl_parked_job */
    struct sl_list absent;  /* struct sl_absent_pipeline */
    uint64_t held_from;     /* the first log entry that a parked job may still need, and no checkpoint passes; 0: none */
    struct sl_list log;    /* entries behind the checkpoint, but for those that are held */
    uint64_t log_bytes;
    struct sl_recovery recovery;
    struct sl_retention retention;
    struct sl_sweep sweep;
};

int sl_shard_init(struct sl_shard *self, uint16_t index, struct sl_pool *pool, const struct sl_alloc *alloc,
                  uint64_t seed);
void sl_shard_fini(struct sl_shard *self);

/* Shard time: milliseconds of service, continued from owner to owner. */
uint64_t sl_shard_time(const struct sl_shard *self, uint64_t now);
/* The monotonic time at which shard time reaches time_ms. */
uint64_t sl_shard_time_to_ns(const struct sl_shard *self, uint64_t time_ms);

/* The number that a message decided now must wait for: of the open batch if there is one, else of the newest sealed write. */
uint64_t sl_shard_tag(const struct sl_shard *self);

/* Whether decisions about its jobs can be made now. */
static inline bool sl_shard_is_open(const struct sl_shard *self) {
    return self->state == SL_SHARD_OPEN;
}

#endif
