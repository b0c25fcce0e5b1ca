/* What happens to the core: every event that enters sl_sched_step. Views are borrowed until the step returns. */
#ifndef SL_CORE_EVENT_H
#define SL_CORE_EVENT_H

#include "base/bytes.h"
#include "base/id.h"
#include "ledger.h"
#include "model/inputs.h"
#include "model/policy.h"

enum sl_event_kind {
    SL_EV_TICK,          /* a deadline came: nothing but time */
    SL_EV_FLUSH,         /* the shell has handed over all that was there: seal what is open */

    /* The ledger. */
    SL_EV_LEDGER_UP,     /* both connections work; nothing of an older connection will be answered any more */
    SL_EV_LEDGER_DOWN,   /* every call without a reply has an unknown outcome */
    SL_EV_LEDGER_REPLY,
    SL_EV_PRESSURE,      /* Redis' memory passed its mark (on) or fell below it (off) */

    /* What the catalog holds. */
    SL_EV_PIPELINE,      /* a pipeline that is stored durably; `current` when its name@version means it from now on */
    SL_EV_POLICY,        /* a policy by name */
    SL_EV_TYPE,          /* a stage type's recorded metadata; replaces what is known of it, and makes workers say HELLO again then */

    /* Clients. */
    SL_EV_SUBMIT,
    SL_EV_CANCEL_JOB,
    SL_EV_ACCEPT_TYPE,   /* the registration that was refused last is the right one from now on */
    SL_EV_QUERY,
    SL_EV_WATCH,
    SL_EV_CLIENT_GONE,   /* a send found no such peer */

    /* Workers. */
    SL_EV_HELLO,
    SL_EV_HEARTBEAT,
    SL_EV_RESULT,
    SL_EV_FIELD,
    SL_EV_BYE,
    SL_EV_WORKER_GONE,   /* a send found no such peer */

    SL_EV_DRAIN,         /* stop: refuse what is new, settle, release the shards */

    SL_EV_COUNT
};

/* A peer is the shell's handle for a connection: never 0, never used again for another connection. */
struct sl_ev_submit {
    uint64_t peer, message_id;
    struct sl_bytes pipeline, version, tenant;
    struct sl_bytes key, doc_key; /* at most one is not empty */
    struct sl_job_id id;          /* from who and what (sl_job_id_make) */
    bool once;                    /* neither key nor doc_key */
    bool again;                   /* the client says that it sent this before */
    struct sl_bytes payload;      /* one msgpack value */
    struct sl_bytes labels;       /* msgpack map, or empty */
    struct sl_bytes traceparent;
};

struct sl_ev_cancel_job {
    uint64_t peer, message_id;
    struct sl_bytes job; /* id or prefix, as typed */
    struct sl_bytes reason;
};

struct sl_ev_accept_type {
    uint64_t peer, message_id;
    struct sl_bytes type;
};

enum sl_query_what { SL_QUERY_JOB, SL_QUERY_JOBS, SL_QUERY_EVENTS, SL_QUERY_OUTPUT, SL_QUERY_STAGES, SL_QUERY_WORKERS,
                     SL_QUERY_STATUS, SL_QUERY_PIPELINES };

struct sl_ev_query {
    uint64_t peer, message_id;
    enum sl_query_what what;
    struct sl_bytes job;    /* id or prefix, as typed */
    struct sl_bytes name;   /* state key, pipeline */
    struct sl_bytes tenant; /* JOBS: empty: all */
    uint32_t statuses;      /* bits of enum sl_job_state; 0: all */
    uint32_t limit;
    struct sl_bytes cursor;
};

struct sl_ev_watch {
    uint64_t peer, message_id;
    const struct sl_job_id *jobs;
    uint32_t job_count;
    bool ends_only; /* told at once and at the end only */
};

struct sl_ev_hello {
    uint64_t peer;
    struct sl_bytes name;
    struct sl_incarnation instance;
    uint32_t slots;
    const struct sl_stage_type *types;
    uint32_t type_count;
    const struct sl_token *in_flight;
    uint32_t in_flight_count;
    const struct sl_token *results;
    uint32_t result_count;
    bool probes;                      /* it looks at what CALLABLES names */
    const struct sl_bytes *callables; /* that it has looked at */
    uint32_t callable_count;
};

struct sl_ev_heartbeat {
    uint64_t peer;
    uint32_t slots;
    const struct sl_token *in_flight; /* begun */
    uint32_t in_flight_count;
    const struct sl_token *waiting;   /* not begun: their time does not run */
    uint32_t waiting_count;
    const struct sl_token *results;   /* not acknowledged yet */
    uint32_t result_count;
};

struct sl_state_value {
    struct sl_bytes key;
    struct sl_bytes value;
};

struct sl_ev_result {
    uint64_t peer;
    struct sl_token token;
    unsigned outcome; /* enum sl_outcome, or a number that is none */
    const struct sl_state_value *values;
    uint32_t value_count;
    struct sl_bytes output; /* empty when it is the value of the only state key */
    uint64_t count;
    uint32_t duration_ms;
    struct sl_bytes error;
    struct sl_bytes detail;
};

struct sl_ev_field {
    uint64_t peer, message_id;
    struct sl_token token;
    struct sl_bytes name;
    struct sl_bytes value;
};

struct sl_ev_pipeline {
    struct sl_digest digest;
    struct sl_bytes canonical;
    bool current;
};

struct sl_event {
    enum sl_event_kind kind;
    uint64_t now;     /* monotonic ns; never goes back */
    uint64_t wall_ms; /* shown only */
    union {
        const struct sl_ledger_reply *reply; /* LEDGER_REPLY */
        bool on;                             /* PRESSURE */
        struct sl_ev_pipeline pipeline;
        struct sl_policy policy;
        struct sl_stage_type type;
        struct sl_ev_submit submit;
        struct sl_ev_cancel_job cancel_job;
        struct sl_ev_accept_type accept_type;
        struct sl_ev_query query;
        struct sl_ev_watch watch;
        uint64_t peer;                       /* BYE, CLIENT_GONE, WORKER_GONE */
        struct sl_ev_hello hello;
        struct sl_ev_heartbeat heartbeat;
        struct sl_ev_result result;
        struct sl_ev_field field;
    };
};

#endif
