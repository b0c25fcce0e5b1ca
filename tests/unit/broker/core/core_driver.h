/* One core on one ledger twin, stepped by hand: every call is answered at once, every message noted. */
#ifndef CORE_DRIVER_H
#define CORE_DRIVER_H

#include "base/outcome.h"
#include "core/sched.h"
#include "support/failing_alloc.h"
#include "support/ledger_twin.h"

enum { DRIVER_CALLS_MAX = 256, DRIVER_PEER_CLIENT = 2, DRIVER_PEER_WORKER = 3, DRIVER_SHAPES = 4 };

struct core_driver {
    struct sl_failing_alloc memory; /* the core's */
    struct sl_sched *core;
    struct ledger_twin *twin;
    uint64_t now;
    uint8_t incarnation; /* of the core */
    uint64_t wall_back_ms; /* how far the wall clock was set back */
    struct sl_ledger_call calls[DRIVER_CALLS_MAX]; /* not answered yet; bodies are copies */
    uint32_t first_call, call_count;
    uint32_t said[SL_DO_BYE + 1]; /* messages by kind */
    char alarm[1024];             /* the newest one, of KEEP too */
    uint8_t kept[1 << 16];        /* the newest file of KEEP */
    size_t kept_size;
    uint32_t made[SL_LEDGER_READ_PIPELINE + 1]; /* calls by verb */
    struct sl_token assigned;     /* by the newest ASSIGN */
    struct sl_do_changed changed; /* the newest CHANGED; its views are not kept */
    uint32_t answer_count;        /* members of the newest ANSWER */
    char next[256];               /* its cursor */
    void (*on_answer)(struct core_driver *driver, struct sl_bytes items); /* told of each; NULL: nobody is */
    uint32_t refused_count;       /* types, by the newest WELCOME */
    uint64_t assigned_to;         /* the peer of the newest ASSIGN */
    char assigned_callable[SL_KEY_MAX + 1];
    uint32_t callable_count;      /* members of the newest CALLABLES */
    char missing[SL_TYPE_KEY_MAX + 1]; /* the first of the missing types of the newest ACCEPTED; empty: none */
    enum sl_reject rejected;
    char rejected_text[256];
    char changed_text[256];         /* the reason of the newest CHANGED */
    uint64_t rests_on[SL_DO_BYE + 1]; /* the number that the newest message of a kind rests on */
    struct sl_do_accepted accepted; /* the newest ACCEPTED; its views are not kept */
    bool holds;                     /* the ledger's answers wait */
    struct sl_bytes payload;        /* of jobs that are submitted; empty: a small one */
    uint64_t retention_ms, retention_bytes, tombstone_ms; /* of the next core; 0: for ever, without limit, as by default */
    void (*after_step)(struct core_driver *driver); /* called after every step of the core; NULL: nothing is */
    uint32_t failures; /* steps that found no memory; each was checked to have changed no job, and was taken again */
};

/* A core that has its shards, knows the simulator's first shapes, and has a worker with four slots. Allocation number `fail_at` fails
 * (0: none does). */
void driver_init(struct core_driver *driver, uint64_t fail_at);
void driver_fini(struct core_driver *driver);

/* One event, then FLUSH, then all answers of the ledger and what follows from them. */
void driver_step(struct core_driver *driver, struct sl_event *event);

/* Lets time pass, in ticks of 10 ms. */
void driver_wait(struct core_driver *driver, uint32_t ms);

/* Stores a shape's pipeline in the ledger, or removes it. A new driver's ledger holds all that its core is told. */
void driver_put_pipeline(struct core_driver *driver, uint32_t shape, bool there);

/* A job of shape `shape` under the key. Returns its id. */
struct sl_job_id driver_submit(struct core_driver *driver, uint32_t shape, const char *key, bool again);
void driver_result(struct core_driver *driver, enum sl_outcome outcome);
/* Asserts how many jobs have ended so far, and how many results were stale. */
void driver_ended(struct core_driver *driver, uint64_t jobs, uint64_t stale);

/* For the order of replies that come over two connections, while driver->holds: takes the oldest call of the verb that is not answered
 * (false: there is none); lets the twin perform it; hands its reply to the core, and FLUSH. A call's body is freed by driver_perform. */
bool driver_take(struct core_driver *driver, enum sl_ledger_verb verb, struct sl_ledger_call *out_call);
void driver_perform(struct core_driver *driver, const struct sl_ledger_call *call, struct sl_ledger_reply *out_reply);
void driver_deliver(struct core_driver *driver, const struct sl_ledger_reply *reply);
/* Lets time pass until a call of the verb is there. */
void driver_await(struct core_driver *driver, enum sl_ledger_verb verb, struct sl_ledger_call *out_call);

/* A core of another incarnation on the same ledger, in place of the one that is there, which is told `pipelines` of the shapes. */
void driver_succeed(struct core_driver *driver, uint32_t pipelines);

/* A successor that keeps finished jobs so long, and up to so many bytes of them, and tombstones for so long (0: for ever, without limit,
 * as by default). */
void driver_keep(struct core_driver *driver, uint64_t ms, uint64_t bytes, uint64_t tombstone_ms);

/* The worker says HELLO, again when its session was lost. */
void driver_hello(struct core_driver *driver);
void driver_query(struct core_driver *driver, enum sl_query_what what, struct sl_job_id job);

#endif
