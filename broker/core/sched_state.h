/* The inside of the core, for the files of this directory and their tests: its structures. Its functions are in sched_parts.h. */
#ifndef SL_CORE_SCHED_STATE_H
#define SL_CORE_SCHED_STATE_H

#include "apply.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/rng.h"
#include "bug.h"
#include "pipeline_entry.h"
#include "record.h"
#include "sched.h"
#include "shard.h"
#include "tombstone.h"

/* A stage type that some worker has offered or some pipeline needs. */
struct sl_type {
    struct sl_link link;         /* in the list of all types, in the order of arrival */
    struct sl_stage_type known;  /* its metadata; texts owned by `memory` */
    bool is_known;
    struct sl_blob *memory;
    struct sl_stage_type refused; /* the newest other metadata that a worker offered; texts owned by `refused_memory`, NULL: none */
    struct sl_blob *refused_memory;
    struct sl_list ready;        /* stages that can start, oldest first */
    struct sl_link waiting;      /* in the list of types with something to start */
    struct sl_list offers;       /* sessions that offer it */
    char key[SL_TYPE_KEY_MAX + 1]; /* sl_stage_type_key */
};

/* A function that some pipeline names in its `plugins`. Never forgotten, like the pipelines. */
struct sl_callable {
    struct sl_bytes text; /* "libx.so:function"; owned */
    bool is_told;         /* some worker has told what it offers */
};

struct sl_offer {
    struct sl_link in_type;
    struct sl_type *type;
    struct sl_session *session;
};

/* One worker's session. */
struct sl_session {
    uint8_t peer_id[16]; /* first: the id table reads it there; the peer's number, and zeros */
    struct sl_link link; /* in the list of all, in the order of arrival */
    uint64_t peer;
    uint64_t number;
    struct sl_incarnation instance;
    char name[SL_NAME_MAX + 1];
    uint32_t slots;
    struct sl_list in_flight; /* attempts it makes */
    struct sl_list held;      /* attempts it still has that are not current: held.c */
    struct sl_offer *offers;  /* owns */
    uint32_t offer_count, offer_capacity;
    uint64_t heard_at;        /* ns */
    uint64_t welcomed_ms;     /* wall clock */
    struct sl_digest *defined; /* owns: pipelines it has the definition of */
    uint32_t defined_count, defined_capacity;
    bool probes;               /* it looks at callables */
    bool has_looked[SL_CALLABLES_MAX]; /* by index in sched->callables */
};

/* A read on its way; replies come in the order of the calls. */
enum sl_read_purpose {
    SL_READ_POLL,
    SL_READ_RECOVER,
    SL_READ_RECOVER_JOB,
    SL_READ_LOOKUP,
    SL_READ_HEAD,
    SL_READ_QUERY,
    SL_READ_RETENTION,
    SL_READ_SWEEP,
    SL_READ_PIPELINE
};

struct sl_read {
    struct sl_link link;
    struct sl_ledger_call call;
    enum sl_read_purpose purpose;
    struct sl_query *query; /* QUERY */
};

/* A request that waits for a job to be read. */
struct sl_waiter {
    struct sl_waiter *next;
    enum sl_event_kind kind; /* SUBMIT, CANCEL_JOB, QUERY, WATCH */
    struct sl_event *event;  /* a copy that owns its views, in one block of event_size bytes */
    size_t event_size;
};

struct sl_query;

struct sl_lookup {
    struct sl_job_id id; /* first */
    struct sl_waiter *first, *last;
};

struct sl_follower {
    uint64_t peer;
    bool ends_only;
};

struct sl_watch {
    struct sl_job_id id; /* first */
    uint32_t peer_count, peer_capacity;
    struct sl_follower *peers; /* owns */
};

struct sl_sched {
    struct sl_sched_config config;
    struct sl_alloc alloc;
    struct sl_pool pool;
    struct sl_rng rng;
    uint64_t now;
    uint64_t wall_ms;
    uint64_t next_serial;
    uint64_t next_session;
    bool connected;
    bool pressure;     /* Redis is nearly full */
    bool draining;
    bool drained;
    uint64_t drain_until; /* ns */
    struct sl_shard *shards; /* owns config.shard_count */

    struct sl_idmap pipelines; /* struct sl_pipeline_entry by digest */
    struct sl_list pipeline_list;
    struct sl_digest missed;   /* the newest one that was looked for and is not known: sl_pipeline_find */
    uint64_t queued_total;     /* jobs on pipelines' queues */
    struct sl_list types;
    uint32_t type_count;
    struct sl_stage_types type_table; /* the known ones, for the model's questions */
    uint64_t types_version;    /* changes with every change of a type's metadata */
    struct sl_list types_waiting;
    struct sl_type undecided;  /* where stages wait while a worker may still tell of code that goes before: no worker offers it */
    struct sl_callable *callables; /* owns, texts too */
    uint32_t callable_count;
    struct sl_policy *policies; /* owns, names too */
    uint32_t policy_count;
    struct sl_list sessions;
    struct sl_idmap peers;       /* the newest session of each peer */
    uint64_t sessions_ticked_at; /* ns */
    uint64_t heard_least;        /* ns; no session was heard earlier than that */
    uint64_t heard_by;           /* ns; until then what was said while this broker was stopped may still come */
    uint64_t slots_total, slots_used;

    struct sl_heap timers;     /* struct sl_stage_run */
    struct sl_list reads;
    uint32_t reads_held;       /* of these, the ones that are not sent */
    struct sl_list held_queries; /* lists that wait for what they show to be durable */
    struct sl_idmap lookups;
    struct sl_idmap watches;
    struct sl_idmap onces;     /* once.c */
    struct sl_list once_list;
    uint64_t undurable_bytes;  /* decided and not durable */
    uint64_t next_heartbeat_at;

    /* Effects of the step at hand. */
    struct sl_effect *effects; /* owns */
    uint32_t effect_count, effect_capacity;
    struct sl_buf scratch;
    struct sl_buf output;      /* the output record that is being made */
    void *step_blocks;         /* blocks that live until the next step */

    struct sl_sched_figures figures;
};

/* Last, since it needs the structures above. */
#include "bindings.h"
#include "lack.h"
#include "sched_parts.h"

#endif
