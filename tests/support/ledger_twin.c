/* The verbs of the ledger, in memory; see ledger_twin.h. Reads are in ledger_twin_read.c, settle's operations in
 * ledger_twin_settle.c. Read broker/shell/sluice1.lua first: this is the same, line for line. */
#include "ledger_twin_inside.h"

#include "base/assert.h"

int ledger_twin_new(const struct sl_alloc *alloc, struct ledger_twin **out_self) {
    struct ledger_twin *self = sl_alloc_take(alloc, sizeof *self);
    SL_ASSERT(self != NULL);
    *self = (struct ledger_twin){.alloc = alloc};
    store_init(&self->pipelines, alloc);
    *out_self = self;
    return 0;
}

static void log_clear(struct ledger_twin *self, struct twin_log *log) {
    for (size_t i = 0; i < log->count; i++) store_value_drop(self->alloc, log->entries[log->first + i].batch);
    sl_alloc_give(self->alloc, log->entries, log->capacity * sizeof *log->entries);
    *log = (struct twin_log){.capacity = 0};
}

static void shard_free(struct ledger_twin *self, struct twin_shard **shard) {
    if (!*shard) return;
    log_clear(self, &(*shard)->log);
    store_fini(&(*shard)->store);
    sl_alloc_give(self->alloc, *shard, sizeof **shard);
    *shard = NULL;
}

void ledger_twin_free(struct ledger_twin **self) {
    if (!*self) return;
    struct ledger_twin *twin = *self;
    for (size_t i = 0; i < SL_SHARDS_MAX; i++) shard_free(twin, &twin->shards[i]);
    store_fini(&twin->pipelines);
    sl_alloc_give(twin->alloc, twin->items, twin->item_capacity * sizeof *twin->items);
    sl_alloc_give(twin->alloc, twin->sorted, twin->sorted_capacity * sizeof *twin->sorted);
    sl_alloc_give(twin->alloc, twin, sizeof *twin);
    *self = NULL;
}

static struct twin_shard *shard_of(struct ledger_twin *self, uint16_t index) {
    SL_ASSERT(index < SL_SHARDS_MAX);
    if (!self->shards[index]) {
        struct twin_shard *shard = sl_alloc_take(self->alloc, sizeof *shard);
        SL_ASSERT(shard != NULL);
        *shard = (struct twin_shard){.lease.exists = false};
        store_init(&shard->store, self->alloc);
        self->shards[index] = shard;
    }
    return self->shards[index];
}

static void log_reserve(struct ledger_twin *self, struct twin_log *log, size_t more) {
    if (log->first + log->count + more <= log->capacity) return;
    if (log->first > 0) memmove(log->entries, log->entries + log->first, log->count * sizeof *log->entries);
    log->first = 0;
    if (log->count + more <= log->capacity / 2) return;
    size_t capacity = log->capacity * 2 + more + 16;
    log->entries = self->alloc->resize(self->alloc->context, log->entries, log->capacity * sizeof *log->entries,
                                       capacity * sizeof *log->entries);
    SL_ASSERT(log->entries != NULL);
    log->capacity = capacity;
}

static void log_append(struct ledger_twin *self, struct twin_log *log, uint64_t n, struct store_value *batch) {
    log_reserve(self, log, 1);
    log->entries[log->first + log->count++] = (struct twin_entry){.n = n, .batch = batch};
}

static void log_trim(struct ledger_twin *self, struct twin_log *log, uint64_t ckpt) {
    while (log->count > 0 && log->entries[log->first].n <= ckpt) {
        store_value_drop(self->alloc, log->entries[log->first].batch);
        log->first++;
        log->count--;
    }
}

int ledger_twin_copy(struct ledger_twin *self, const struct ledger_twin *other) {
    SL_ASSERT(self != other && self->alloc == other->alloc);
    for (size_t i = 0; i < SL_SHARDS_MAX; i++) {
        const struct twin_shard *from = other->shards[i];
        shard_free(self, &self->shards[i]);
        if (!from) continue;
        struct twin_shard *shard = shard_of(self, (uint16_t)i);
        shard->lease = from->lease;
        log_reserve(self, &shard->log, from->log.count);
        for (size_t j = 0; j < from->log.count; j++) {
            const struct twin_entry *entry = &from->log.entries[from->log.first + j];
            log_append(self, &shard->log, entry->n, store_value_hold(entry->batch));
        }
        store_copy(&shard->store, &from->store);
    }
    store_copy(&self->pipelines, &other->pipelines);
    return 0;
}

void ledger_twin_put_pipeline(struct ledger_twin *self, struct sl_digest digest, struct sl_bytes canonical) {
    struct sl_bytes name = sl_bytes(digest.bytes, sizeof digest.bytes);
    store_remove(&self->pipelines, name);
    if (canonical.size) (void)store_set(&self->pipelines, name, STORE_STRING, sl_bytes(NULL, 0), canonical, 0); /* new: of no other type */
}

static struct twin_entry *entry_at(struct twin_log *log, uint64_t n) {
    for (size_t i = 0; i < log->count; i++) {
        if (log->entries[log->first + i].n == n) return &log->entries[log->first + i];
    }
    return NULL;
}

bool ledger_twin_lose_entry(struct ledger_twin *self, uint16_t shard, uint64_t n) {
    struct twin_log *log = &shard_of(self, shard)->log;
    struct twin_entry *entry = entry_at(log, n);
    if (!entry) return false;
    store_value_drop(self->alloc, entry->batch);
    const struct twin_entry *end = log->entries + log->first + log->count;
    memmove(entry, entry + 1, (size_t)(end - entry - 1) * sizeof *entry);
    log->count--;
    return true;
}

bool ledger_twin_change_entry(struct ledger_twin *self, uint16_t shard, uint64_t n, struct sl_bytes bytes) {
    struct twin_entry *entry = entry_at(&shard_of(self, shard)->log, n);
    if (!entry) return false;
    store_value_drop(self->alloc, entry->batch);
    entry->batch = store_value_new(self->alloc, bytes);
    return true;
}

bool ledger_twin_move_entry(struct ledger_twin *self, uint16_t shard, uint64_t n, uint64_t new_n) {
    struct twin_entry *entry = entry_at(&shard_of(self, shard)->log, n);
    if (!entry) return false;
    SL_ASSERT(new_n > n);
    entry->n = new_n;
    return true;
}

void ledger_twin_trouble(struct ledger_twin *self, const char *text) {
    self->trouble = text;
}

/* turn() of the Lua: whether the write may be performed; else *reply says why not. */
static bool is_turn(const struct twin_lease *lease, const struct sl_ledger_call *call, struct sl_ledger_reply *reply) {
    bool fence = lease->exists && lease->owned && lease->epoch == call->epoch &&
                 memcmp(lease->owner.bytes, call->owner.bytes, sizeof lease->owner.bytes) == 0;
    if (!fence) {
        reply->status = SL_LEDGER_FENCED;
        reply->epoch = lease->epoch;
        reply->owner = lease->owner;
        reply->n = lease->n;
        return false;
    }
    if (lease->n == call->n) return true;
    reply->status = SL_LEDGER_AT;
    reply->n = lease->n;
    reply->digest = lease->digest;
    reply->ckpt = lease->ckpt;
    return false;
}

static void performed(struct twin_lease *lease, const struct sl_ledger_call *call, struct sl_ledger_reply *reply) {
    lease->n = call->n + 1;
    lease->time_ms = call->time_ms;
    reply->n = lease->n;
}

static void commit(struct ledger_twin *self, struct twin_shard *shard, const struct sl_ledger_call *call,
                   struct sl_ledger_reply *reply) {
    if (!is_turn(&shard->lease, call, reply)) return;
    log_append(self, &shard->log, call->n + 1, store_value_new(self->alloc, call->body));
    shard->lease.digest = call->digest;
    shard->lease.last = call->n + 1;
    performed(&shard->lease, call, reply);
}

static void settle(struct ledger_twin *self, struct twin_shard *shard, const struct sl_ledger_call *call,
                   struct sl_ledger_reply *reply) {
    if (!is_turn(&shard->lease, call, reply)) return;
    const char *refusal = call->ckpt > call->n ? "BAD ckpt" : NULL;
    if (!refusal) refusal = twin_settle_refusal(self, call->body);
    if (!refusal && !twin_settle_perform(&shard->store, call->body)) refusal = "WRONGTYPE";
    if (refusal) {
        reply->status = SL_LEDGER_FAILED;
        reply->text = sl_text(refusal);
        return;
    }
    shard->lease.ckpt = call->ckpt;
    shard->lease.tries = 0;
    performed(&shard->lease, call, reply);
    log_trim(self, &shard->log, call->ckpt);
}

static void beat(struct twin_shard *shard, const struct sl_ledger_call *call, struct sl_ledger_reply *reply) {
    if (!is_turn(&shard->lease, call, reply)) return;
    performed(&shard->lease, call, reply);
    if (call->verb != SL_LEDGER_RELEASE) return;
    shard->lease.owned = false;
    shard->lease.owner = (struct sl_incarnation){{0}};
}

static void tell_lease(const struct twin_lease *lease, struct sl_ledger_reply *reply) {
    reply->epoch = lease->epoch;
    reply->owner = lease->owner;
    reply->n = lease->n;
    reply->digest = lease->digest;
    reply->ckpt = lease->ckpt;
    reply->time_ms = lease->time_ms;
    reply->from = lease->from;
    reply->last = lease->last;
    reply->tries = lease->tries;
}

static void acquire(struct twin_shard *shard, const struct sl_ledger_call *call, struct sl_ledger_reply *reply) {
    struct twin_lease *lease = &shard->lease;
    if (lease->epoch != call->epoch || lease->n != call->n || call->new_epoch <= call->epoch) {
        reply->status = SL_LEDGER_LOST;
        reply->epoch = lease->epoch;
        reply->n = lease->n;
        reply->owner = lease->owner;
        return;
    }
    lease->exists = lease->owned = true;
    lease->epoch = call->new_epoch;
    lease->owner = call->owner;
    lease->from = lease->n;
    lease->tries++;
    tell_lease(lease, reply);
}

int ledger_twin_call(struct ledger_twin *self, const struct sl_ledger_call *call, struct sl_ledger_reply *out_reply) {
    struct twin_shard *shard = shard_of(self, call->shard);
    *out_reply = (struct sl_ledger_reply){.verb = call->verb, .shard = call->shard, .serial = call->serial};
    if (self->trouble) {
        out_reply->status = SL_LEDGER_UNAVAILABLE;
        out_reply->text = sl_text(self->trouble);
        return 0;
    }
    switch (call->verb) {
    case SL_LEDGER_COMMIT: commit(self, shard, call, out_reply); break;
    case SL_LEDGER_SETTLE: settle(self, shard, call, out_reply); break;
    case SL_LEDGER_BEAT:
    case SL_LEDGER_RELEASE: beat(shard, call, out_reply); break;
    case SL_LEDGER_ACQUIRE: acquire(shard, call, out_reply); break;
    case SL_LEDGER_RESUME:
    case SL_LEDGER_READ_LEASE: tell_lease(&shard->lease, out_reply); break;
    case SL_LEDGER_READ_LIVE:
    case SL_LEDGER_READ_GONE: twin_read_page(self, shard, call, out_reply); break;
    case SL_LEDGER_READ_LOG: twin_read_log(self, shard, call, out_reply); break;
    case SL_LEDGER_READ_JOB: twin_read_job(self, shard, call, out_reply); break;
    case SL_LEDGER_READ_ENDED:
    case SL_LEDGER_READ_OLDEST: twin_read_ended(self, shard, call, out_reply); break;
    case SL_LEDGER_READ_HEAD: twin_read_head(self, shard, call, out_reply); break;
    case SL_LEDGER_READ_PIPELINE: twin_read_pipeline(self, call, out_reply); break;
    case SL_LEDGER_READ_RECORD: twin_read_record(self, shard, call, out_reply); break;
    }
    return 0;
}
