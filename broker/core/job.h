/* Jobs in the broker's memory. Above the line in each struct stands what the log decides (apply.c alone changes it); below it,
 * what the scheduler keeps for its own order. */
#ifndef SL_CORE_JOB_H
#define SL_CORE_JOB_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/idmap.h"
#include "base/list.h"
#include "base/pool.h"
#include "blob.h"
#include "model/pipeline.h"
#include "model/policy.h"
#include "states.h"

struct sl_session;
struct sl_shard;
struct sl_job;

/* One stage of one run. */
struct sl_stage_run {
    uint8_t state;       /* enum sl_stage_state */
    uint8_t outcome;     /* of the attempt that ended last, enum sl_outcome */
    uint8_t crashes;     /* attempts that ended as crash or lost */
    bool idempotent;
    uint16_t tries;      /* attempts started and not returned: the budget's count, written before the attempt starts */
    uint16_t returns;    /* since the last attempt that was made */
    uint16_t attempts_max;
    uint16_t crashes_max;
    uint32_t attempt;    /* number of the newest attempt; 0: none yet */
    uint32_t timeout_ms;
    uint32_t duration_ms; /* of the attempt that ended last */
    struct sl_backoff backoff;
    uint64_t nonce;      /* of the newest attempt */
    uint64_t epoch;      /* of the shard when the newest attempt started */
    uint64_t until_ms;   /* BACKOFF: shard time at which the next attempt may start */
    uint64_t count;      /* what output_counter said */
    uint64_t started_ms; /* wall clock, first attempt; 0: none yet */
    uint64_t ended_ms;   /* wall clock, last attempt that ended */
    struct sl_blob *output; /* the output record (record.h) of a stage that succeeded; NULL: none, or not in memory */
    /* ---- */
    struct sl_link link;        /* READY: its type's ready list. RUNNING: its session's in-flight list */
    struct sl_heap_node timer;  /* RUNNING: when the attempt is declared timed out or lost. BACKOFF: when it is due */
    struct sl_job *job;
    struct sl_session *session; /* RUNNING: who makes the attempt; NULL: nobody has reported it since a takeover */
    uint64_t started_n;         /* the write that holds its STARTED */
    uint16_t index;             /* in the pipeline */
    uint32_t pending;           /* predecessors that have not succeeded */
    uint8_t missing;            /* heartbeats in a row that did not name the attempt */
    bool seen;                  /* named by the heartbeat at hand */
    bool output_settled;        /* its output record stands in Redis */
    uint32_t missing_since_ms;  /* low bits of the monotonic clock at the first of them */
};

/* One execution of a job. */
struct sl_run {
    uint32_t number;
    uint16_t stage_count;
    uint32_t succeeded_count;
    /* ---- */
    uint64_t cold_bytes; /* of the payload and the outputs that stand in Redis and were given back from memory */
    uint32_t running_count;
    uint32_t ready_count;
    struct sl_stage_run stages[];
};

/* A ledger field, set by a stage, a client or a person. */
struct sl_field {
    struct sl_field *next; /* in the order of first setting */
    struct sl_blob *value; /* one msgpack value */
    uint8_t name_size;
    char name[];
};

/* Who follows a job: nobody, some its end only, or some every change. */
enum sl_watched { SL_WATCHED_NOT, SL_WATCHED_END, SL_WATCHED_ALL };

struct sl_job {
    struct sl_job_id id; /* first: the id table reads it there */
    uint8_t state;       /* enum sl_job_state */
    uint8_t watched;     /* enum sl_watched; below the line, like all flags but `once` and `removed` */
    bool once : 1;       /* submitted without a key */
    bool removed : 1;    /* it ended, and its record goes with the next settle; only a tombstone stays */
    /* ---- */
    bool cold : 1;       /* facts, payload or outputs are not in memory: LOAD before use */
    bool in_head : 1;    /* what a queued job is when it is cold stands in its head, which is all that is read then */
    bool light : 1;      /* of a queued job that is cold: its payload is small enough to be read long before it starts */
    bool loading : 1;    /* a LOAD is on its way */
    bool in_live : 1;    /* a settle wrote its record to `live` */
    bool payload_settled : 1;
    bool settling : 1;   /* its record is in the settle that is on its way */
    bool ahead : 1;      /* counted in its pipeline's look-ahead window */
    bool corrupt : 1;    /* its stored record cannot be read: parked */
    bool indexed : 1;    /* the scheduler has it on its lists */
    /* log */
    uint32_t run_number;
    struct sl_pipeline_entry *pipeline;
    uint64_t created_ms; /* wall clock */
    uint64_t updated_ms;
    uint64_t created_n;  /* the commit that holds SUBMITTED */
    uint64_t at;         /* the newest commit that changed it */
    struct sl_digest request; /* of what was submitted: tells a repetition from a conflict */
    struct sl_blob *facts;    /* the submission's facts (record.h); NULL when cold */
    struct sl_blob *payload;  /* one msgpack value; NULL when cold */
    struct sl_run *run;       /* NULL while queued */
    struct sl_field *fields;
    struct sl_blob *reason;   /* why it failed or was cancelled */
    struct sl_blob *history;  /* capacity in size, see history_size: events since the settle before */
    uint32_t history_size;
    /* ---- */
    uint32_t dirty_since_ms;  /* low bits of the monotonic clock when it became dirty */
    uint64_t first_unsettled; /* the oldest commit that its record does not contain; 0: settled */
    struct sl_link dirty;     /* its shard's list of changed jobs, by first_unsettled */
    struct sl_link queue;     /* QUEUED: its pipeline's queue. Ended: its shard's list of ended jobs. Else its shard's active list */
};

/* All jobs of one shard, as its log decides them. */
struct sl_job_table {
    struct sl_idmap jobs;         /* owns */
    struct sl_pool *pool;         /* borrows */
    const struct sl_alloc *alloc; /* borrows */
    uint64_t blob_bytes;          /* payloads, facts and outputs held */
};

void sl_job_table_init(struct sl_job_table *self, struct sl_pool *pool, const struct sl_alloc *alloc, uint64_t seed);
/* Frees every job. None may be on a list any more that outlives this. */
void sl_job_table_fini(struct sl_job_table *self);

struct sl_job *sl_job_find(const struct sl_job_table *self, struct sl_job_id id);

/* Takes a job out of the table and frees it. It must be on no list. */
void sl_job_remove(struct sl_job_table *self, struct sl_job *job);

/* Frees a job that is in no table, with all it holds. Sets *job to NULL. */
void sl_job_free(struct sl_job_table *self, struct sl_job **job);

/* A run of the pipeline, every stage WAITING or READY, attached to nothing. NULL: no memory. */
struct sl_run *sl_run_new(struct sl_job_table *table, const struct sl_pipeline *pipeline, uint32_t number);
void sl_run_free(struct sl_job_table *table, struct sl_run **run);

/* Frees what stands in Redis of a settled job: payload and outputs; with_facts: the submission's facts too, which a job under way
 * keeps. */
void sl_job_cool(struct sl_job_table *table, struct sl_job *job, bool with_facts);

/* Sorts a list of jobs (linked by `queue`) by the commit that created them, then by id. */
void sl_jobs_sort(struct sl_list *list);

/* Room for `more` bytes of history. 0, or SL_E_NO_MEMORY. */
int sl_job_history_reserve(struct sl_job_table *table, struct sl_job *job, size_t more);
/* Forgets the history that a settle wrote. */
void sl_job_history_clear(struct sl_job_table *table, struct sl_job *job);

#endif
