/* Tombstones go too: those of jobs without a key as soon as no log can name their jobs any more, the others when they are old enough
 * (reliability, B3 rule 3). Which there are shows only in Redis, so they are read page by page after a takeover, and again when the
 * first of those seen is old enough. */
#include "sched_state.h"

enum { PAGE_WAIT_MS = 50, FAILURE_WAIT_MS = 60000, SWEEPS_A_LIFE = 64 };

static uint64_t ns(uint64_t ms) {
    return ms > UINT64_MAX / 2000000u ? UINT64_MAX / 2 : ms * 1000000u;
}

/* When a tombstone is old enough, in shard time. */
static uint64_t old_ms(const struct sl_sched *self, uint64_t removed_ms) {
    uint64_t at = removed_ms + self->config.tombstone_ms;
    return at < removed_ms ? UINT64_MAX : at;
}

static void note_drop(struct sl_sweep *sweep, struct sl_job_id id, uint64_t at) {
    SL_ASSERT(sweep->drop_count < SL_DROPS_MAX);
    sweep->drops[sweep->drop_count++] = (struct sl_drop){.id = id, .at = at};
}

uint64_t sl_sweep_deadline(const struct sl_shard *shard) {
    return shard->sweep.reading || shard->sweep.drop_count > 0 ? UINT64_MAX : shard->sweep.at;
}

int sl_sweep_turn(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_sweep *sweep = &shard->sweep;
    if (self->draining || sl_sweep_deadline(shard) > self->now) return SL_OK;
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_GONE, .shard = shard->index, .cursor = sweep->cursor};
    int rc = sl_read_send(self, SL_READ_SWEEP, call, NULL);
    if (rc) return rc;
    sweep->reading = true;
    if (sweep->cursor == 0) sweep->least = UINT64_MAX;
    return SL_OK;
}

/* What the last page of a sweep says about the next one. */
static void plan_next(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_sweep *sweep = &shard->sweep;
    uint64_t soonest = self->now + ns(self->config.tombstone_ms / SWEEPS_A_LIFE + 1);
    sweep->at = UINT64_MAX;
    if (sweep->least == UINT64_MAX) return;
    sweep->at = sl_shard_time_to_ns(shard, sweep->least);
    if (sweep->at < soonest) sweep->at = soonest;
}

/* Whether there was room for all of the page. */
static bool take_page(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    struct sl_sweep *sweep = &shard->sweep;
    uint64_t time_ms = sl_shard_time(shard, self->now);
    for (size_t i = 0; i < reply->item_count; i++) {
        struct sl_tombstone tombstone;
        struct sl_job_id id;
        if (reply->items[i].key.size != sizeof id.bytes) continue;
        if (sl_tombstone_read(reply->items[i].value, &tombstone)) continue; /* whoever asks for the job is told that it is damaged */
        memcpy(id.bytes, reply->items[i].key.data, sizeof id.bytes);
        uint64_t old = tombstone.kind == 0 ? 0 : old_ms(self, tombstone.removed_ms);
        if (old > time_ms) {
            if (old < sweep->least) sweep->least = old;
        } else if (sweep->drop_count == SL_DROPS_MAX) {
            return false;
        } else {
            note_drop(sweep, id, tombstone.at);
        }
    }
    return true;
}

void sl_sweep_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    struct sl_sweep *sweep = &shard->sweep;
    sweep->reading = false;
    sweep->at = self->now + ns(reply->status == SL_LEDGER_OK ? PAGE_WAIT_MS : FAILURE_WAIT_MS);
    if (reply->status != SL_LEDGER_OK || !take_page(self, shard, reply)) return; /* the same page again, when some have been dropped */
    sweep->cursor = reply->cursor;
    if (sweep->cursor == 0) plan_next(self, shard);
}

void sl_sweep_buried(struct sl_sched *self, struct sl_shard *shard, const struct sl_job *job) {
    struct sl_sweep *sweep = &shard->sweep;
    if (job->once && sweep->drop_count < SL_DROPS_MAX) {
        note_drop(sweep, job->id, job->at);
        return;
    }
    /* One that found no room here is found by the next sweep. */
    uint64_t old = job->once ? sl_shard_time(shard, self->now) : old_ms(self, sl_shard_time(shard, self->now));
    if (old < sweep->least) sweep->least = old;
    uint64_t at = sl_shard_time_to_ns(shard, old);
    if (at < sweep->at && !sweep->reading && sweep->cursor == 0) sweep->at = at;
}

uint32_t sl_sweep_count(const struct sl_shard *shard, uint64_t ckpt) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < shard->sweep.drop_count; i++) count += shard->sweep.drops[i].at <= ckpt;
    return count;
}

void sl_sweep_put(const struct sl_shard *shard, uint64_t ckpt, struct sl_buf *buf) {
    for (uint32_t i = 0; i < shard->sweep.drop_count; i++) {
        const struct sl_drop *drop = &shard->sweep.drops[i];
        if (drop->at <= ckpt) sl_mp_bin(buf, sl_bytes(drop->id.bytes, sizeof drop->id.bytes));
    }
}

void sl_sweep_forget(struct sl_shard *shard, uint64_t ckpt) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shard->sweep.drop_count; i++) {
        if (shard->sweep.drops[i].at > ckpt) shard->sweep.drops[kept++] = shard->sweep.drops[i];
    }
    shard->sweep.drop_count = kept;
}
