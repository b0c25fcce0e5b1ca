/* Two ledgers side by side: the real one and its twin. Each call is made on both, and both must say the same; at the end both must
 * hold the same. */
#ifndef CONTRACT_BOTH_H
#define CONTRACT_BOTH_H

#include "real.h"
#include "support/ledger_twin.h"

struct both {
    struct real real;
    struct ledger_twin *twin;
    struct reply_copy last; /* the newest reply */
    struct sl_buf body;     /* operations of a settle that is being made */
    uint32_t operation_count;
};

void both_start(struct both *self, const char *const *overrides);
/* ... with a deadline of replies. */
void both_start_patient(struct both *self, const char *const *overrides, uint32_t reply_ms);
/* Compares everything that is held, and stops. */
void both_end(struct both *self);
void both_compare_dumps(struct both *self);

/* Makes the call on both. The reply is borrowed until the next one. */
const struct sl_ledger_reply *both_call(struct both *self, struct sl_ledger_call call);

/* An owner by a letter. */
struct sl_incarnation owner_of(char letter);
struct sl_digest digest_of(char letter);
struct sl_job_id job_of(uint64_t number);

/* Calls by name; n is the number that the lease must hold. Shard 7 unless the call says otherwise. */
struct sl_ledger_call acquire_call(uint64_t epoch, uint64_t n, uint64_t new_epoch, char owner);
struct sl_ledger_call commit_call(uint64_t epoch, char owner, uint64_t n, const char *batch);
struct sl_ledger_call beat_call(uint64_t epoch, char owner, uint64_t n);
struct sl_ledger_call release_call(uint64_t epoch, char owner, uint64_t n);
struct sl_ledger_call resume_call(void);
struct sl_ledger_call read_call(enum sl_ledger_verb verb);

/* A settle is made of operations, then taken: the call borrows from self until the next settle_begin. */
void settle_begin(struct both *self);
void settle_add(struct both *self, const char *verb, struct sl_bytes key, size_t count, const struct sl_bytes *items);
void settle_add_text(struct both *self, const char *verb, const char *key, const char *first, const char *second);
struct sl_ledger_call settle_call(struct both *self, uint64_t epoch, char owner, uint64_t n, uint64_t ckpt);

/* All live records of shard 7, read page by page on both sides and compared; returns how many there are. */
size_t both_read_live(struct both *self);

#endif
