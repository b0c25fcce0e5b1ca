/* The ledger in memory: what Redis with broker/shell/sluice1.lua answers, call by call, without Redis. The simulator runs on it; the
 * contract suite (tests/contract) holds it to the real one. Ownership: replies borrow from the twin until its next call. */
#ifndef SUPPORT_LEDGER_TWIN_H
#define SUPPORT_LEDGER_TWIN_H

#include "base/alloc.h"
#include "base/buf.h"
#include "core/ledger.h"

struct ledger_twin;

/* An empty ledger. The allocator is borrowed; running out of it ends the test. Always 0. */
int ledger_twin_new(const struct sl_alloc *alloc, struct ledger_twin **out_self);

/* Frees it and sets *self to NULL; NULL is allowed. */
void ledger_twin_free(struct ledger_twin **self);

/* Performs one call. *out_reply is set whole, serial and all. Always 0. */
int ledger_twin_call(struct ledger_twin *self, const struct sl_ledger_call *call, struct sl_ledger_reply *out_reply);

/* Time travel: makes self hold what other holds. Both were made with the same allocator; values are shared, so that a copy costs a
 * few words a field. Keep a twin aside as a snapshot, copy it back, and Redis has gone back in time. Always 0. */
int ledger_twin_copy(struct ledger_twin *self, const struct ledger_twin *other);

/* Damage that Redis would not notice: the log's entry of that number is gone, holds other bytes, or, the last one, stands under another
 * number. false: there is no such entry. */
bool ledger_twin_lose_entry(struct ledger_twin *self, uint16_t shard, uint64_t n);
bool ledger_twin_change_entry(struct ledger_twin *self, uint16_t shard, uint64_t n, struct sl_bytes bytes);
bool ledger_twin_move_entry(struct ledger_twin *self, uint16_t shard, uint64_t n, uint64_t new_n);

/* Stores a pipeline's canonical form, or removes it (no bytes), as the catalog would. */
void ledger_twin_put_pipeline(struct ledger_twin *self, struct sl_digest digest, struct sl_bytes canonical);

/* While text is not NULL (borrowed), every call is answered UNAVAILABLE with it and does nothing. */
void ledger_twin_trouble(struct ledger_twin *self, const char *text);

/* Appends everything that is held as canonical bytes: equal contents give equal bytes (see ledger_dump.h). */
void ledger_twin_dump(const struct ledger_twin *self, struct sl_buf *buf);

#endif
