/* The facts that the log holds, as structs and as bytes. A batch is one log entry:
 *
 *   msgpack array [format, number of the commit before, digest of the chain up to that commit (bin 16)]
 *   per transition: msgpack array [job id (bin 16), CRC32C of the body, body (bin)]; body is an array that starts with the kind
 *   CRC32C of all that, 4 bytes little-endian
 *
 * Each transition has its own length, job and CRC, so that a damaged entry can still name the jobs in it. */
#ifndef SL_CORE_TRANSITION_H
#define SL_CORE_TRANSITION_H

#include "base/buf.h"
#include "base/id.h"
#include "base/msgpack.h"
#include "base/outcome.h"
#include "blob.h"
#include "model/policy.h"
#include "states.h"

enum sl_transition_kind {
#define SL_TRANSITION(name, number, word) SL_TR_##name = number,
#include "transition.def"
#undef SL_TRANSITION
    SL_TR_NONE = 0
};

const char *sl_transition_word(enum sl_transition_kind kind);

struct sl_tr_submitted {
    struct sl_digest pipeline;
    struct sl_digest request;
    struct sl_bytes facts;   /* record.h */
    struct sl_bytes payload;
    bool once;
};

struct sl_tr_started {
    uint64_t nonce;
    uint64_t epoch;
    struct sl_bytes worker; /* name, for people */
    uint32_t attempts_max;  /* the policy's numbers, as facts: apply reads no policy */
    uint32_t crashes_max;
    uint32_t timeout_ms;
    struct sl_backoff backoff;
    bool idempotent;
};

struct sl_tr_succeeded {
    struct sl_bytes output; /* the output record, as it will stand in Redis */
    uint64_t count;
    uint32_t duration_ms;
};

struct sl_tr_failed {
    unsigned outcome; /* enum sl_outcome */
    uint32_t duration_ms;
    bool final;        /* true: the stage has failed; false: it waits until until_ms */
    uint64_t until_ms; /* shard time */
    struct sl_bytes error;
    struct sl_bytes detail;
};

struct sl_transition {
    enum sl_transition_kind kind;
    struct sl_job_id job;
    uint64_t wall_ms;
    uint32_t run;
    uint16_t stage; /* stage transitions: which one; else 0 */
    uint32_t item;
    uint32_t attempt;
    union {
        struct sl_tr_submitted submitted;
        struct sl_tr_started started;
        struct sl_tr_succeeded succeeded;
        struct sl_tr_failed failed;
        struct sl_bytes returned; /* why */
        struct {
            enum sl_job_state state;
            struct sl_bytes reason;
        } ended;
        struct {
            struct sl_bytes name;
            struct sl_bytes value;
        } field;
    };
};

/* Appends the head of a batch whose commit follows commit `before`, up to which the chain's digest is `digest`. */
void sl_batch_begin(struct sl_buf *batch, uint64_t before, struct sl_digest digest);
/* Appends a transition. `scratch` is for the body. Failure is kept in batch->failed. */
void sl_batch_add(struct sl_buf *batch, struct sl_buf *scratch, const struct sl_transition *transition);
/* Appends the CRC: the batch is whole. */
void sl_batch_end(struct sl_buf *batch);

/* An upper bound of the bytes that sl_batch_add appends for the transition. */
size_t sl_transition_size_max(const struct sl_transition *transition);

/* Walks a batch. Opening checks the CRC of the whole. */
struct sl_batch_reader {
    struct sl_mp_reader reader;
    uint64_t before;         /* number of the commit before */
    struct sl_digest digest; /* of the chain up to that commit */
};
/* 0; SL_E_DAMAGED; SL_E_VERSION for a format that this program does not know. */
int sl_batch_open(struct sl_bytes batch, struct sl_batch_reader *out_reader);
/* 1 with the next transition (views borrow from the batch); 0 at the end; SL_E_DAMAGED. */
int sl_batch_next(struct sl_batch_reader *self, struct sl_transition *out_transition);

/* Appends the transition's line of history: array [kind, n, wall_ms, run, stage, attempt, ...] without values. */
void sl_history_add(struct sl_buf *buf, uint64_t n, const struct sl_transition *transition);

#endif
