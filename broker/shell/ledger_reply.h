/* Redis' replies as the ledger's: every shape is checked, and what does not fit is FAILED. */
#ifndef SL_SHELL_LEDGER_REPLY_H
#define SL_SHELL_LEDGER_REPLY_H

#include "base/buf.h"
#include "core/ledger.h"

#include <hiredis/hiredis.h>

/* Memory that decoded replies borrow from. */
struct sl_ledger_scratch {
    struct sl_ledger_item *items; /* owns */
    size_t item_capacity;
    struct sl_buf text;
};

void sl_ledger_scratch_init(struct sl_ledger_scratch *self);
void sl_ledger_scratch_fini(struct sl_ledger_scratch *self);

/* What reply says about call (whose body is not looked at). *out_reply borrows from both reply and scratch. */
void sl_ledger_reply_read(const struct sl_ledger_call *call, const redisReply *reply, struct sl_ledger_scratch *scratch,
                          struct sl_ledger_reply *out_reply);

/* Whether an error of Redis means "not now": LOADING, MISCONF, READONLY, BUSY, OOM, missing rights and the like. */
bool sl_ledger_is_unavailable(const redisReply *reply);

/* The part of these that answers a read: nothing was read, which is not to say that nothing is there. */
bool sl_ledger_is_unreadable(const redisReply *reply);

/* Reads a decimal number without sign; false: it is none, or above UINT64_MAX. */
bool sl_ledger_number(struct sl_bytes text, uint64_t *out_value);

#endif
