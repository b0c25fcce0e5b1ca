/* What the files of the ledger twin share. */
#ifndef SUPPORT_LEDGER_TWIN_INSIDE_H
#define SUPPORT_LEDGER_TWIN_INSIDE_H

#include "base/limits.h"
#include "ledger_store.h"
#include "ledger_twin.h"

struct twin_lease {
    bool exists;
    bool owned;
    uint64_t epoch, n, ckpt, time_ms, from, tries, last;
    struct sl_incarnation owner; /* zero bytes when not owned */
    struct sl_digest digest;     /* zero bytes before the first commit */
};

struct twin_entry {
    uint64_t n;
    struct store_value *batch; /* owns a share */
};

struct twin_log {
    struct twin_entry *entries; /* owns */
    size_t first, count, capacity;
};

struct twin_shard {
    struct twin_lease lease;
    struct twin_log log;
    struct ledger_store store;
};

struct ledger_twin {
    const struct sl_alloc *alloc;            /* borrows */
    struct twin_shard *shards[SL_SHARDS_MAX]; /* owns; made when first called */
    struct ledger_store pipelines;           /* a string each, under the digest's bytes */
    const char *trouble;

    /* What the newest reply borrows from. */
    struct sl_ledger_item *items;
    size_t item_capacity;
    const struct store_field **sorted;
    size_t sorted_capacity;
    char refusal[32];
};

/* Why the operations of a settle cannot be performed, or NULL. Borrowed until the next call. */
const char *twin_settle_refusal(struct ledger_twin *self, struct sl_bytes body);

/* Performs operations that were not refused. false: a key is of another type; what stood before that operation is done. */
bool twin_settle_perform(struct ledger_store *store, struct sl_bytes body);

void twin_read_page(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                    struct sl_ledger_reply *reply);
void twin_read_log(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                   struct sl_ledger_reply *reply);
void twin_read_job(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                   struct sl_ledger_reply *reply);
void twin_read_record(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                      struct sl_ledger_reply *reply);
void twin_read_head(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                    struct sl_ledger_reply *reply);
void twin_read_pipeline(struct ledger_twin *self, const struct sl_ledger_call *call, struct sl_ledger_reply *reply);
void twin_read_ended(struct ledger_twin *self, const struct twin_shard *shard, const struct sl_ledger_call *call,
                     struct sl_ledger_reply *reply);

#endif
