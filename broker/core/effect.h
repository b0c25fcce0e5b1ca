/* What the core wants done. Effects are carried out in the order given. Views are borrowed from the core until its next step.
 *
 * The way out: an effect that is a message carries (shard, n). It may leave when write n of that shard is durable, which the core
 * says by RELEASE(shard, n); n = 0 rests on no job and leaves at once. DROP(shard) throws away what still waits. */
#ifndef SL_CORE_EFFECT_H
#define SL_CORE_EFFECT_H

#include "base/bytes.h"
#include "base/id.h"
#include "ledger.h"
#include "model/inputs.h"
#include "states.h"

enum sl_effect_kind {
    SL_DO_CALL,    /* call the ledger */
    SL_DO_RELEASE, /* messages of the shard that rest on a number <= n may leave */
    SL_DO_DROP,    /* messages of the shard that wait must never leave */
    SL_DO_ALARM,   /* tell the operator */
    SL_DO_KEEP,    /* tell the operator, and keep writes that were given up in a file */
    SL_DO_TYPE,    /* record a stage type's metadata in the catalog */
    SL_DO_REPLACE_TYPE, /* record it in place of what is there, then tell it by TYPE and answer (peer, re) */
    SL_DO_DRAINED, /* every shard is released: the process may end */

    /* Messages to clients. */
    SL_DO_ACCEPTED,
    SL_DO_REJECTED,
    SL_DO_ANSWER,
    SL_DO_CANCELLED,
    SL_DO_CHANGED,

    /* Messages to workers. */
    SL_DO_WELCOME,
    SL_DO_CALLABLES, /* the functions that pipelines name, for a worker to look at */
    SL_DO_DEFINE,
    SL_DO_ASSIGN,
    SL_DO_RESULT_ACK,
    SL_DO_FIELD_ACK,
    SL_DO_CANCEL,
    SL_DO_HEARTBEAT,
    SL_DO_RESET,
    SL_DO_BYE
};

enum sl_reject {
#define SL_REJECT(name, code, retryable, exit_code) SL_REJECT_##name,
#include "base/reject.def"
#undef SL_REJECT
    SL_REJECT_COUNT
};

struct sl_do_accepted {
    struct sl_job_id job;
    uint32_t run;
    bool duplicate;
    enum sl_job_state state; /* of a duplicate */
    const struct sl_bytes *missing_types;
    uint32_t missing_type_count;
};

struct sl_do_changed {
    struct sl_job_id job;
    bool known; /* false: there is no such job */
    enum sl_job_state state;
    struct sl_bytes pipeline;
    struct sl_bytes stages;  /* a letter a stage */
    struct sl_bytes reason;
    struct sl_bytes waiting; /* a type that nobody offers */
};

struct sl_do_assign {
    struct sl_token token;
    struct sl_digest definition;
    struct sl_bytes input;
    uint32_t timeout_ms;
    struct sl_bytes tenant;
    struct sl_bytes doc_key;
    struct sl_bytes callable; /* whose registration runs it; empty: a plugin's own */
};

/* Writes of a shard that were not seen durable and never will be. */
struct sl_do_keep {
    struct sl_bytes why;         /* the alarm */
    uint64_t epoch;
    struct sl_incarnation owner; /* the broker itself */
    uint64_t n;                  /* number of the first one */
    uint32_t held;               /* how many there were */
    uint32_t count;              /* how many are in the file */
    struct sl_bytes file;        /* its bytes (kept.h); none: there was no memory for them */
};

struct sl_effect {
    enum sl_effect_kind kind;
    uint16_t shard;
    uint64_t n;    /* messages: 0, or the write that they rest on; RELEASE: the newest durable one */
    uint64_t peer; /* messages: to whom */
    uint64_t re;   /* replies: the asker's message id */
    union {
        struct sl_ledger_call call;
        struct sl_bytes text; /* ALARM, BYE, RESET */
        struct sl_do_keep keep;
        struct sl_stage_type type;
        struct sl_do_accepted accepted;
        struct {
            enum sl_reject code;
            struct sl_bytes message;
            uint32_t retry_after_ms;
        } rejected;
        struct {
            struct sl_bytes items; /* msgpack array of maps */
            struct sl_bytes next;
        } answer;
        struct {
            struct sl_job_id job;
            enum sl_job_state state;
        } cancelled;
        struct sl_do_changed changed;
        struct {
            uint64_t session;
            uint32_t heartbeat_ms;
            uint32_t lost_ms;
            const struct sl_bytes *refused; /* sentences */
            uint32_t refused_count;
        } welcome;
        struct {
            const struct sl_bytes *items;
            uint32_t count;
        } callables;
        struct {
            struct sl_digest digest;
            struct sl_bytes canonical;
        } define;
        struct sl_do_assign assign;
        struct {
            struct sl_token token;
            bool stale;
        } ack;                 /* RESULT_ACK; FIELD_ACK uses re and stale */
        struct sl_token token; /* CANCEL */
    };
};

struct sl_effects {
    const struct sl_effect *items;
    uint32_t count;
};

#endif
